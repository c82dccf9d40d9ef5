// Node's `Buffer`: how one is made, compared, searched and written as text.
(host, own) => {
  'use strict';
  const MOST = 2 ** 31 - 1;
  const { defineProperty } = own.Reflect;

  // The bytes of a string (UTF-8), view or buffer, without a copy where there is one to be shared.
  own.bytes = (value, what = 'the argument') => {
    if (typeof value === 'string') return new Uint8Array(host.encode(value, 'utf8'));
    if (own.isA(ArrayBuffer, value)) return new Uint8Array(value);
    if (own.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError(`${what} must be a string, a Buffer or a Uint8Array, and it is ${own.kind(value)}`);
  };

  // Errors with Node's codes and words, which libraries look at.
  const coded = (constructor, code, message) => {
    const error = new constructor(message);
    own.hide(error, 'code', code);
    return error;
  };
  const received = (value) => {
    if (value === undefined || value === null) return ` Received ${value}`;
    if (typeof value === 'function') return ` Received function ${value.name}`;
    if (typeof value === 'object') {
      const name = value.constructor?.name;
      return name ? ` Received an instance of ${name}` : ` Received ${own.inspect(value, { depth: -1 })}`;
    }
    const text = own.inspect(value);
    return ` Received type ${typeof value} (${text.length > 28 ? `${own.String.slice(text, 0, 25)}...` : text})`;
  };
  const wrongType = (name, kinds, value) => {
    const what = own.String.includes(name, ' ') ? `The ${name}` : `The "${name}" argument`;
    return coded(TypeError, 'ERR_INVALID_ARG_TYPE', `${what} must be ${kinds}.${received(value)}`);
  };
  const grouped = (value) => {
    const digits = typeof value === 'bigint' ? `${value}` : own.Number.toString(value);
    if (typeof value !== 'bigint' && !(value > 2 ** 32 || value < -(2 ** 32))) return digits;
    let out = '';
    let end = digits.length;
    const start = digits[0] === '-' ? 1 : 0;
    for (; end >= start + 4; end -= 3) out = `_${own.String.slice(digits, end - 3, end)}${out}`;
    return `${own.String.slice(digits, 0, end)}${out}${typeof value === 'bigint' ? 'n' : ''}`;
  };
  const outOfRange = (name, range, value) =>
    coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "${name}" is out of range. It must be ${range}. Received ${
      typeof value === 'number' ? (Number.isInteger(value) ? grouped(value) : `${value}`) : typeof value === 'bigint' ? grouped(value) : own.inspect(value)}`);
  // A whole number between bounds.
  const whole = (value, name, least, most) => {
    if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
    if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
    if (value < least || value > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
    return value;
  };
  const lengthOf = (size) => {
    if (typeof size !== 'number') throw wrongType('size', 'of type number', size);
    if (!(size >= 0 && size <= MOST)) throw outOfRange('size', `>= 0 && <= ${MOST}`, size);
    return size;
  };
  const ENCODINGS = {
    __proto__: null,
    utf8: 'utf8', 'utf-8': 'utf8', ucs2: 'utf16le', 'ucs-2': 'utf16le', utf16le: 'utf16le', 'utf-16le': 'utf16le',
    latin1: 'latin1', binary: 'latin1', base64: 'base64', base64url: 'base64url', hex: 'hex', ascii: 'ascii',
  };
  const known = (encoding) => ENCODINGS[own.String.toLowerCase(`${encoding}`)];
  const encodingOf = (encoding) => {
    if (encoding === undefined || encoding === null || encoding === '') return 'utf8';
    const found = known(encoding);
    if (!found) throw coded(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
    return found;
  };
  const encoded = (text, encoding) => host.encode(text, encodingOf(encoding));
  const isBytes = (value) => own.isView(value) && own.TypedArray['Symbol.toStringTag'](value) === 'Uint8Array';
  const bytesArgument = (value, name) => {
    if (!isBytes(value)) throw wrongType(name, 'an instance of Buffer or Uint8Array', value);
    return value;
  };
  // An offset as the engine's own functions take one: what is no number is 0.
  const offset = (value, otherwise) => {
    if (value === undefined) return otherwise;
    const number = own.Math.trunc(+value);
    return number === number ? number : 0;
  };

  class FastBuffer extends Uint8Array {}

  function Buffer(value, encodingOrOffset, length) {
    if (typeof value === 'number') {
      if (typeof encodingOrOffset === 'string') throw wrongType('string', 'of type string', value);
      return Buffer.alloc(value);
    }
    return Buffer.from(value, encodingOrOffset, length);
  }
  const wrap = (buffer) => new FastBuffer(buffer);
  const made = (size) => new FastBuffer(size);
  const ofArray = (list) => {
    const length = list.length > 0 ? list.length : 0;
    const out = made(length);
    for (let i = 0; i < length; i++) out[i] = list[i];
    return out;
  };
  const shares = (buffer, from, length) => {
    const start = from === undefined ? 0 : +from || 0;
    const most = buffer.byteLength - start;
    if (most < 0) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', '"offset" is outside of buffer bounds');
    if (length === undefined) return new FastBuffer(buffer, start);
    const wanted = +length > 0 ? +length : 0;
    if (wanted > most) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', '"length" is outside of buffer bounds');
    return new FastBuffer(buffer, start, wanted);
  };
  const FROM = 'of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object';

  const statics = {
    from(value, encodingOrOffset, length) {
      if (typeof value === 'string') return wrap(encoded(value, typeof encodingOrOffset === 'string' ? encodingOrOffset : undefined));
      if (typeof value === 'object' && value !== null) {
        if (own.isA(ArrayBuffer, value)) return shares(value, encodingOrOffset, length);
        if (own.isView(value) && value.length === undefined) return made(0);
        const primitive = value.valueOf && value.valueOf();
        if (primitive !== undefined && primitive !== null && primitive !== value
          && (typeof primitive === 'string' || typeof primitive === 'object')) {
          return Buffer.from(primitive, encodingOrOffset, length);
        }
        if (value.length !== undefined || own.isA(ArrayBuffer, value.buffer)) {
          return typeof value.length === 'number' ? ofArray(value) : made(0);
        }
        if (value.type === 'Buffer' && own.isArray(value.data)) return ofArray(value.data);
        const convert = value[Symbol.toPrimitive];
        if (typeof convert === 'function') {
          const text = own.Reflect.apply(convert, value, ['string']);
          if (typeof text === 'string') return wrap(encoded(text, encodingOrOffset));
        }
      }
      throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The first argument must be ${FROM}.${received(value)}`);
    },
    of() {
      return ofArray(arguments);
    },
    copyBytesFrom(view, from, length) {
      if (!own.isView(view) || view.length === undefined) throw wrongType('view', 'an instance of TypedArray', view);
      const start = from === undefined ? 0 : whole(from, 'offset', 0, Number.MAX_SAFE_INTEGER);
      const count = length === undefined ? view.length - start : whole(length, 'length', 0, Number.MAX_SAFE_INTEGER);
      if (start >= view.length) return made(0);
      const part = own.TypedArray.slice(view, start, start + count);
      return wrap(part.buffer);
    },
    alloc(size, fill, encoding) {
      const out = made(lengthOf(size));
      if (fill === undefined || fill === 0 || size === 0) return out;
      if (encoding !== undefined && typeof encoding !== 'string') throw wrongType('encoding', 'of type string', encoding);
      return out.fill(fill, encoding);
    },
    allocUnsafe: (size) => made(lengthOf(size)),
    allocUnsafeSlow: (size) => made(lengthOf(size)),
    concat(list, total) {
      if (!own.isArray(list)) throw wrongType('list', 'an instance of Array', list);
      if (list.length === 0) return made(0);
      let length = 0;
      if (total === undefined) {
        for (let i = 0; i < list.length; i++) if (list[i].length) length += list[i].length;
      } else {
        length = whole(total, 'length', 0, Number.MAX_SAFE_INTEGER);
      }
      const out = made(lengthOf(length));
      let at = 0;
      for (let i = 0; i < list.length; i++) {
        const part = bytesArgument(list[i], `list[${i}]`);
        if (at >= length) continue;
        const room = length - at;
        own.TypedArray.set(out, part.length > room ? own.TypedArray.subarray(own.bytes(part), 0, room) : part, at);
        at += part.length;
      }
      return out;
    },
    byteLength(value, encoding) {
      if (typeof value === 'string') return host.encode(value, known(encoding ?? 'utf8') ?? 'utf8').byteLength;
      if (own.isView(value) || own.isA(ArrayBuffer, value)) return value.byteLength;
      throw coded(TypeError, 'ERR_INVALID_ARG_TYPE',
        `The "string" argument must be of type string or an instance of Buffer or ArrayBuffer.${received(value)}`);
    },
    isBuffer: (value) => own.isA(Buffer, value),
    isEncoding: (encoding) => typeof encoding === 'string' && encoding.length !== 0 && known(encoding) !== undefined,
    compare(a, b) {
      bytesArgument(a, 'buf1');
      bytesArgument(b, 'buf2');
      return compare(a, b);
    },
  };
  const names = own.Object.keys(statics);
  for (let i = 0; i < names.length; i++) own.hide(Buffer, names[i], statics[names[i]]);
  own.hide(Buffer, 'poolSize', 8192);
  defineProperty(Buffer, Symbol.species, { __proto__: null, configurable: true, get: () => FastBuffer });
  Buffer.prototype = FastBuffer.prototype;
  own.hide(Buffer.prototype, 'constructor', Buffer);
  own.Reflect.setPrototypeOf(Buffer, Uint8Array);

  const compare = (a, b) => {
    const length = a.length < b.length ? a.length : b.length;
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
    return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
  };

  own.isBuffer = Buffer.isBuffer;
  own.buffer = wrap;
  own.nodeBuffer = { Buffer, MOST, coded, wrongType, outOfRange, whole, encodingOf, encoded, isBytes, offset, compare };
  own.global('Buffer', Buffer);
}
