// Node's module `querystring`.
(host, own) => {
  'use strict';
  const { decodeURIComponent, encodeURIComponent } = globalThis;

  const escape = (value) => {
    const text = typeof value === 'string' ? value : typeof value === 'object' ? String(value) : `${value}`;
    return encodeURIComponent(text);
  };
  // Bytes of `%41` and the like; what is no such thing stays.
  const unescapeBuffer = (text) => {
    const bytes = own.bytes(`${text}`);
    const out = own.buffer(bytes.length);
    let to = 0;
    for (let at = 0; at < bytes.length; at++) {
      let byte = bytes[at];
      if (byte === 37 && at + 2 < bytes.length) {
        const digits = parseInt(String.fromCharCode(bytes[at + 1]), 16) * 16 + parseInt(String.fromCharCode(bytes[at + 2]), 16);
        if (digits === digits) {
          byte = digits;
          at += 2;
        }
      }
      out[to++] = byte;
    }
    return own.TypedArray.subarray(out, 0, to);
  };
  const unescape = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return host.decode(unescapeBuffer(text), 'utf8');
    }
  };

  const primitive = (value) =>
    typeof value === 'string' ? value
      : typeof value === 'number' ? (Number.isFinite(value) ? `${value}` : '')
        : typeof value === 'bigint' || typeof value === 'boolean' ? `${value}` : '';

  const stringify = (object, separator, equals, options) => {
    const between = separator || '&';
    const is = equals || '=';
    const encode = typeof options?.encodeURIComponent === 'function' ? options.encodeURIComponent : module.escape;
    if (typeof object !== 'object' || object === null) return '';
    const parts = [];
    const keys = own.Object.keys(object);
    for (let i = 0; i < keys.length; i++) {
      const value = object[keys[i]];
      const name = encode(keys[i]);
      const values = own.isArray(value) ? value : [value];
      for (let k = 0; k < values.length; k++) own.Array.push(parts, `${name}${is}${encode(primitive(values[k]))}`);
    }
    return own.Array.join(parts, between);
  };

  const MOST = 1000;
  const parse = (text, separator, equals, options) => {
    const out = { __proto__: null };
    if (typeof text !== 'string' || text === '') return out;
    const between = separator ? `${separator}` : '&';
    const is = equals ? `${equals}` : '=';
    const decode = typeof options?.decodeURIComponent === 'function' ? options.decodeURIComponent : module.unescape;
    const most = typeof options?.maxKeys === 'number' ? options.maxKeys : MOST;
    const decoded = (part) => {
      const spaced = own.String.replaceAll(part, '+', decode === unescape ? ' ' : '%20');
      try {
        return decode(spaced);
      } catch {
        return unescape(spaced);
      }
    };
    const parts = own.String.split(text, between);
    const count = most > 0 && most < parts.length ? most : parts.length;
    for (let i = 0; i < count; i++) {
      const part = parts[i];
      if (part === '') continue;
      const at = own.String.indexOf(part, is);
      const name = decoded(at < 0 ? part : own.String.slice(part, 0, at));
      const value = at < 0 ? '' : decoded(own.String.slice(part, at + is.length));
      const known = out[name];
      if (known === undefined) out[name] = value;
      else if (own.isArray(known)) own.Array.push(known, value);
      else out[name] = [known, value];
    }
    return out;
  };

  const module = { escape, unescape, unescapeBuffer, stringify, encode: stringify, parse, decode: parse };
  own.querystring = module;
}
