// `Blob` and `File` (File API).
(host, own) => {
  'use strict';

  const normalized = (type) => {
    const text = `${type}`;
    return own.RegExp.exec(/[^\x20-\x7e]/, text) ? '' : own.String.toLowerCase(text);
  };
  // The place that `slice` means, from the start.
  const place = (value, otherwise, size) => {
    let at = value === undefined ? otherwise : own.Math.trunc(+value) || 0;
    if (at < 0) at += size;
    return at < 0 ? 0 : at > size ? size : at;
  };

  class Blob {
    #bytes;
    #type;

    constructor(parts = [], options = undefined) {
      const iterate = parts === null || typeof parts !== 'object' && typeof parts !== 'function' ? undefined : parts[Symbol.iterator];
      if (typeof iterate !== 'function') throw new TypeError(`the parts of a Blob must be a list, and they are ${own.kind(parts)}`);
      if (options !== undefined && options !== null && typeof options !== 'object' && typeof options !== 'function') {
        throw new TypeError('the options of a Blob must be an object');
      }
      const list = [];
      for (const part of { __proto__: null, [Symbol.iterator]: () => own.Reflect.apply(iterate, parts, []) }) {
        if (own.isBlob(part)) own.Array.push(list, part.#bytes);
        else if (own.isView(part) || own.isA(ArrayBuffer, part)) own.Array.push(list, own.bytes(part));
        else own.Array.push(list, `${part}`);
      }
      const endings = options?.endings;
      if (endings !== undefined && `${endings}` !== 'transparent' && `${endings}` !== 'native') {
        throw new TypeError("`endings` must be 'transparent' or 'native'");
      }
      this.#type = options?.type === undefined ? '' : normalized(options.type);
      for (let i = 0; i < list.length; i++) {
        if (typeof list[i] !== 'string') continue;
        const lines = `${endings}` === 'native' ? own.String.replaceAll(own.String.replaceAll(list[i], '\r\n', '\n'), '\r', '\n') : list[i];
        list[i] = own.bytes(lines);
      }
      this.#bytes = own.join(list);
    }

    static {
      own.isBlob = (value) => typeof value === 'object' && value !== null && #bytes in value;
      own.blobBytes = (blob) => blob.#bytes;
      // A Blob of these very bytes.
      own.blob = (bytes, type) => {
        const blob = new Blob();
        blob.#bytes = bytes;
        blob.#type = normalized(type);
        return blob;
      };
    }

    get size() {
      return this.#bytes.length;
    }

    get type() {
      return this.#type;
    }

    slice(start, end, type) {
      const size = this.#bytes.length;
      const from = place(start, 0, size);
      const to = place(end, size, size);
      return own.blob(own.TypedArray.subarray(this.#bytes, from, to < from ? from : to), type === undefined ? '' : type);
    }

    async text() {
      return own.decodeText(this.#bytes);
    }

    async arrayBuffer() {
      return own.TypedArray.slice(this.#bytes).buffer;
    }

    async bytes() {
      return own.TypedArray.slice(this.#bytes);
    }

    stream() {
      return own.streamOf(this.#bytes);
    }
  }

  class File extends Blob {
    #name;
    #lastModified;

    constructor(parts, name, options) {
      if (arguments.length < 2) throw new TypeError('a File needs its parts and a name');
      super(parts, options);
      this.#name = own.wellFormed(`${name}`);
      const at = options?.lastModified;
      this.#lastModified = at === undefined ? host.now() : own.Math.trunc(+at) || 0;
    }

    static {
      own.isFile = (value) => typeof value === 'object' && value !== null && #name in value;
      // A File of these very bytes, named and dated as another.
      own.file = (bytes, { name, type, lastModified }) => new File([own.blob(bytes, type)], name, { type, lastModified });
    }

    get name() {
      return this.#name;
    }

    get lastModified() {
      return this.#lastModified;
    }
  }

  // Half a surrogate pair becomes U+FFFD.
  own.wellFormed = (text) => own.String.toWellFormed(text);
  // UTF-8 without its mark.
  own.decodeText = (bytes) => {
    const text = host.decode(bytes, 'utf8');
    return text[0] === '\ufeff' ? own.String.slice(text, 1) : text;
  };
  own.tag(Blob, 'Blob');
  own.tag(File, 'File');
}
