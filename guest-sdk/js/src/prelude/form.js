// `FormData` (XMLHttpRequest standard, 4), and `multipart/form-data` (RFC 7578) both ways.
(host, own) => {
  'use strict';
  const { File, URLSearchParams } = globalThis;
  const { forEach } = URLSearchParams.prototype;

  const lines = (text) => {
    const one = own.String.replaceAll(own.String.replaceAll(text, '\r\n', '\n'), '\r', '\n');
    return own.String.replaceAll(one, '\n', '\r\n');
  };
  const quoted = (text) =>
    own.String.replaceAll(own.String.replaceAll(own.String.replaceAll(text, '\n', '%0A'), '\r', '%0D'), '"', '%22');

  class FormData {
    // Names and values, one after the other; a value is a string or a File.
    #list = [];

    constructor(form = undefined) {
      if (form !== undefined) throw new TypeError('a step has no HTML form: make an empty FormData, and append to it');
    }

    static {
      own.isForm = (value) => typeof value === 'object' && value !== null && #list in value;
      // The body that the form is sent as, and its content type. The boundary comes from the run's
      // randomness, so a run that is repeated sends the same.
      own.encodeForm = (form) => {
        const boundary = `----stepwell-${host.decode(host.random(16), 'hex')}`;
        const parts = [];
        const list = form.#list;
        for (let i = 0; i < list.length; i += 2) {
          const value = list[i + 1];
          const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(lines(list[i]))}"`;
          if (typeof value === 'string') {
            own.Array.push(parts, own.bytes(`${head}\r\n\r\n${lines(value)}\r\n`));
          } else {
            const type = value.type || 'application/octet-stream';
            own.Array.push(parts, own.bytes(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`),
              own.blobBytes(value), own.bytes('\r\n'));
          }
        }
        own.Array.push(parts, own.bytes(`--${boundary}--\r\n`));
        return [own.join(parts), `multipart/form-data; boundary=${boundary}`];
      };
    }

    #entry(count, name, value, filename) {
      if (count < 2) throw new TypeError('FormData takes a name and a value');
      const key = own.wellFormed(`${name}`);
      if (!own.isBlob(value)) {
        if (count > 2) throw new TypeError(`a value with a file name must be a Blob, and it is ${own.kind(value)}`);
        return [key, own.wellFormed(`${value}`)];
      }
      const isFile = own.isFile(value);
      if (isFile && count < 3) return [key, value];
      const called = count > 2 ? `${filename}` : 'blob';
      const options = isFile ? { type: value.type, lastModified: value.lastModified } : { type: value.type };
      return [key, new File([value], called, options)];
    }

    append(name, value, filename) {
      const entry = this.#entry(arguments.length, name, value, filename);
      own.Array.push(this.#list, entry[0], entry[1]);
    }

    set(name, value, filename) {
      const entry = this.#entry(arguments.length, name, value, filename);
      const list = [];
      let found = false;
      for (let i = 0; i < this.#list.length; i += 2) {
        const same = this.#list[i] === entry[0];
        if (!same) own.Array.push(list, this.#list[i], this.#list[i + 1]);
        else if (!found) own.Array.push(list, entry[0], entry[1]);
        found ||= same;
      }
      if (!found) own.Array.push(list, entry[0], entry[1]);
      this.#list = list;
    }

    delete(name) {
      const list = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] !== `${name}`) own.Array.push(list, this.#list[i], this.#list[i + 1]);
      }
      this.#list = list;
    }

    get(name) {
      return this.getAll(name)[0] ?? null;
    }

    getAll(name) {
      const out = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] === `${name}`) own.Array.push(out, this.#list[i + 1]);
      }
      return out;
    }

    has(name) {
      return this.getAll(name).length > 0;
    }

    static {
      own.pairs(FormData, 'FormData', (form) => {
        const pairs = [];
        for (let i = 0; i < form.#list.length; i += 2) own.Array.push(pairs, [form.#list[i], form.#list[i + 1]]);
        return pairs;
      });
    }
  }

  // The parameter of a header like `form-data; name="a"`, unquoted.
  own.parameter = (text, name) => {
    const found = own.RegExp.exec(new RegExp(`;[ \\t]*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;"]*))`, 'i'), text);
    return found ? found[1] ?? own.String.trim(found[2]) : undefined;
  };
  const unquoted = (text) => {
    const quote = own.String.replaceAll(text, '%22', '"');
    return own.String.replaceAll(own.String.replaceAll(quote, '%0D', '\r'), '%0A', '\n');
  };

  // A form of a body of that content type.
  own.decodeForm = (bytes, type) => {
    const form = new FormData();
    const essence = own.String.toLowerCase(own.String.trim(own.String.split(type, ';', 1)[0]));
    if (essence === 'application/x-www-form-urlencoded') {
      own.Reflect.apply(forEach, new URLSearchParams(`?${host.decode(bytes, 'utf8')}`), [(value, name) => form.append(name, value)]);
      return form;
    }
    const boundary = own.parameter(type, 'boundary');
    if (essence !== 'multipart/form-data' || !boundary) {
      throw new TypeError(`the body is no form: its content type is '${type}', and it must be multipart/form-data with a boundary, or application/x-www-form-urlencoded`);
    }
    const wrong = (why) => new TypeError(`the body is no whole multipart/form-data: ${why}`);
    // One character for each byte, so that places in it are places in the bytes.
    const text = host.decode(bytes, 'latin1');
    const utf8 = (from, to) => host.decode(own.TypedArray.subarray(bytes, from, to), 'utf8');
    const mark = `--${boundary}`;
    let at = own.String.startsWith(text, mark) ? 0 : own.String.indexOf(text, `\r\n${mark}`) + 2;
    if (at === 1) throw wrong('its boundary is not in it');
    for (;;) {
      at += mark.length;
      if (own.String.startsWith(text, '--', at)) return form;
      const line = own.RegExp.exec(/^[ \t]*\r\n/, own.String.slice(text, at, at + 1000));
      if (!line) throw wrong('a boundary is not followed by a line end');
      at += line[0].length;
      const end = own.String.indexOf(text, '\r\n\r\n', at - 2);
      if (end < 0) throw wrong('the headers of a part do not end');
      const headers = own.String.split(utf8(at, end), '\r\n');
      const next = own.String.indexOf(text, `\r\n${mark}`, end + 2);
      if (next < 0) throw wrong('its last part does not end');
      const body = own.TypedArray.subarray(bytes, end + 4, next < end + 4 ? end + 4 : next);
      let name;
      let filename;
      let kind = 'text/plain';
      for (let i = 0; i < headers.length; i++) {
        const colon = own.String.indexOf(headers[i], ':');
        const key = own.String.toLowerCase(own.String.slice(headers[i], 0, colon));
        const value = own.String.trim(own.String.slice(headers[i], colon + 1));
        if (key === 'content-type') kind = value;
        if (key !== 'content-disposition') continue;
        name = own.parameter(value, 'name');
        filename = own.parameter(value, 'filename');
      }
      if (name === undefined) throw wrong('a part has no name');
      if (filename === undefined) form.append(unquoted(name), own.decodeText(body));
      else form.append(unquoted(name), new File([body], unquoted(filename), { type: kind }));
      at = next + 2;
    }
  };

  own.tag(FormData, 'FormData');
}
