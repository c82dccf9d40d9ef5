// `Buffer`, `TextEncoder`, `TextDecoder`, `atob`, `btoa`.
(host, own) => {
  'use strict';

  // The bytes of a string (UTF-8), view or buffer, without a copy where there is one to be shared.
  own.bytes = (value, what = 'the argument') => {
    if (typeof value === 'string') return new Uint8Array(host.encode(value, 'utf8'));
    if (own.isA(ArrayBuffer, value)) return new Uint8Array(value);
    if (own.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError(`${what} must be a string, a Buffer or a Uint8Array, and it is ${own.kind(value)}`);
  };

  const encodingOf = (encoding) => (encoding === undefined ? 'utf8' : own.String.toLowerCase(`${encoding}`));

  class Buffer extends Uint8Array {
    static poolSize = 8192;

    static from(value, encodingOrOffset, length) {
      if (typeof value === 'string') return wrap(host.encode(value, encodingOf(encodingOrOffset)));
      if (own.isA(ArrayBuffer, value)) return new Buffer(value, encodingOrOffset, length);
      if (own.isView(value)) {
        const out = new Buffer(value.length ?? value.byteLength);
        own.TypedArray.set(out, value.length === undefined ? own.bytes(value) : value);
        return out;
      }
      if (value?.type === 'Buffer' && own.isArray(value.data)) return Buffer.from(value.data);
      if (own.isArray(value)) {
        const out = new Buffer(value.length);
        for (let i = 0; i < value.length; i++) out[i] = value[i];
        return out;
      }
      throw new TypeError(`Buffer.from takes a string, bytes or an array, and not ${own.kind(value)}`);
    }

    static of() {
      return Buffer.from(own.Array.slice(arguments));
    }

    static alloc(size, fill, encoding) {
      const out = new Buffer(size);
      return fill === undefined ? out : out.fill(fill, 0, size, encoding);
    }

    static allocUnsafe(size) {
      return new Buffer(size);
    }

    static concat(list, total) {
      if (total === undefined) {
        total = 0;
        for (let i = 0; i < list.length; i++) total += list[i].byteLength;
      }
      const out = new Buffer(total);
      let at = 0;
      for (let i = 0; i < list.length && at < total; i++) {
        const part = own.bytes(list[i]);
        own.TypedArray.set(out, part.length > total - at ? own.TypedArray.subarray(part, 0, total - at) : part, at);
        at += part.length;
      }
      return out;
    }

    static byteLength(value, encoding) {
      return typeof value === 'string' ? host.encode(value, encodingOf(encoding)).byteLength : value.byteLength;
    }

    static isBuffer(value) {
      return own.isA(Buffer, value);
    }

    static isEncoding(encoding) {
      try {
        host.encode('', encodingOf(encoding));
        return true;
      } catch {
        return false;
      }
    }

    static compare(a, b) {
      const length = a.length < b.length ? a.length : b.length;
      for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
      return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
    }

    toString(encoding, start = 0, end = this.length) {
      return host.decode(own.TypedArray.subarray(this, start, end), encodingOf(encoding));
    }

    toJSON() {
      const data = [];
      for (let i = 0; i < this.length; i++) own.Array.push(data, this[i]);
      return { type: 'Buffer', data };
    }

    equals(other) {
      return Buffer.compare(this, other) === 0;
    }

    compare(other) {
      return Buffer.compare(this, other);
    }

    // As in Node, a part of a Buffer shares its bytes.
    slice(start, end) {
      return this.subarray(start, end);
    }

    fill(value, start = 0, end = this.length, encoding = undefined) {
      if (typeof value !== 'string') return super.fill(value, start, end);
      const part = host.encode(value, encodingOf(encoding));
      const bytes = new Uint8Array(part);
      for (let i = start; i < end && bytes.length > 0; i++) this[i] = bytes[(i - start) % bytes.length];
      return this;
    }

    write(text, offset = 0) {
      const bytes = own.TypedArray.subarray(own.bytes(text), 0, this.length - offset);
      own.TypedArray.set(this, bytes, offset);
      return bytes.length;
    }

    copy(target, targetStart = 0, start = 0, end = this.length) {
      const part = own.TypedArray.subarray(this, start, start + target.length - targetStart);
      const bytes = own.TypedArray.subarray(part, 0, end - start);
      own.TypedArray.set(target, bytes, targetStart);
      return bytes.length;
    }

    indexOf(value, from, encoding) {
      if (typeof value === 'number') return super.indexOf(value, from);
      const bytes = typeof value === 'string' ? Buffer.from(value, encoding) : value;
      for (let i = from ?? 0; i <= this.length - bytes.length; i++) {
        let k = 0;
        while (k < bytes.length && this[i + k] === bytes[k]) k++;
        if (k === bytes.length) return i;
      }
      return -1;
    }

    includes(value, from, encoding) {
      return this.indexOf(value, from, encoding) >= 0;
    }
  }
  const numbers = [
    ['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2],
    ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8],
    ['BigInt64', 'BigInt64', 8], ['BigUInt64', 'BigUint64', 8],
  ];
  for (const [name, view, size] of numbers) {
    for (const end of size === 1 ? [''] : ['LE', 'BE']) {
      const little = end === 'LE';
      const over = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      own.hide(Buffer.prototype, `read${name}${end}`, function (offset = 0) {
        return over(this)[`get${view}`](offset, little);
      });
      own.hide(Buffer.prototype, `write${name}${end}`, function (value, offset = 0) {
        over(this)[`set${view}`](offset, value, little);
        return offset + size;
      });
    }
  }
  own.isBuffer = Buffer.isBuffer;
  const wrap = (buffer) => new Buffer(buffer);
  own.buffer = wrap;
  own.global('Buffer', Buffer);

  const LABELS = {
    __proto__: null,
    'utf-8': 'utf-8', utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8',
    latin1: 'windows-1252', 'iso-8859-1': 'windows-1252', ascii: 'windows-1252', 'windows-1252': 'windows-1252',
    'utf-16le': 'utf-16le', 'utf-16': 'utf-16le',
  };
  const CODES = { __proto__: null, 'utf-8': 'utf8', 'windows-1252': 'latin1', 'utf-16le': 'utf16le' };

  own.global('TextEncoder', class TextEncoder {
    get encoding() {
      return 'utf-8';
    }

    encode(text = '') {
      return own.bytes(`${text}`);
    }

    encodeInto(text, target) {
      let read = 0;
      let written = 0;
      while (read < text.length) {
        const point = own.String.codePointAt(text, read);
        const bytes = own.bytes(String.fromCodePoint(point));
        if (written + bytes.length > target.length) break;
        own.TypedArray.set(target, bytes, written);
        written += bytes.length;
        read += point > 0xffff ? 2 : 1;
      }
      return { read, written };
    }
  });

  own.global('TextDecoder', class TextDecoder {
    #fatal;
    #ignoreBOM;
    #encoding;

    constructor(label = 'utf-8', options = {}) {
      this.#encoding = LABELS[own.String.toLowerCase(own.String.trim(`${label}`))];
      if (!this.#encoding) throw new RangeError(`TextDecoder does not know the encoding ${label}`);
      this.#fatal = !!options.fatal;
      this.#ignoreBOM = !!options.ignoreBOM;
    }

    get encoding() {
      return this.#encoding;
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(input) {
      if (input === undefined) return '';
      const bytes = own.bytes(input);
      if (this.#fatal && this.#encoding === 'utf-8' && host.utf8(bytes) === undefined) {
        throw new TypeError('the bytes are not UTF-8');
      }
      const text = host.decode(bytes, CODES[this.#encoding]);
      return !this.#ignoreBOM && text[0] === '\ufeff' ? own.String.slice(text, 1) : text;
    }
  });
}
