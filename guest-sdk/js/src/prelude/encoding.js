// `TextEncoder` and `TextDecoder` of the Encoding standard.
(host, own) => {
  'use strict';
  const EMPTY = new Uint8Array(0);
  const isUint8 = (value) => own.isView(value) && own.TypedArray['Symbol.toStringTag'](value) === 'Uint8Array';

  own.global('TextEncoder', own.webInterface(class TextEncoder {
    #brand = 'utf-8';

    get encoding() {
      return this.#brand;
    }

    encode() {
      const text = arguments[0];
      void this.#brand;
      return new Uint8Array(text === undefined ? 0 : host.encode(`${text}`, 'utf8'));
    }

    encodeInto(source, destination) {
      void this.#brand;
      own.needs(arguments.length, 2, 'encodeInto');
      const text = `${source}`;
      if (!isUint8(destination)) {
        throw new TypeError(`encodeInto needs a Uint8Array to write to, and got ${own.kind(destination)}`);
      }
      const part = host.encodeInto(text, own.TypedArray.length(destination));
      if (part[1].byteLength > 0) own.TypedArray.set(destination, new Uint8Array(part[1]));
      return { read: part[0], written: part[1].byteLength };
    }
  }));

  const bytesOf = (input) => {
    if (input === undefined) return EMPTY;
    if (own.isA(ArrayBuffer, input) || own.isView(input)) return own.bytes(input);
    throw new TypeError(`decode takes bytes: an ArrayBuffer, a Buffer or another view, and it got ${own.kind(input)}`);
  };

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    // What decodes the parts of a stream.
    #stream = null;

    constructor() {
      const label = arguments[0] === undefined ? 'utf-8' : `${arguments[0]}`;
      const options = arguments[1] ?? {};
      if (typeof options !== 'object' && typeof options !== 'function') {
        throw new TypeError(`TextDecoder takes its options as an object, and got ${own.kind(options)}`);
      }
      const encoding = host.encodingName(label);
      if (encoding === undefined) {
        const error = new RangeError(`TextDecoder does not know the encoding ${label}; there are those of the Encoding standard`);
        own.hide(error, 'code', 'ERR_ENCODING_NOT_SUPPORTED');
        throw error;
      }
      this.#encoding = encoding;
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

    decode() {
      const input = arguments[0];
      const options = arguments[1] ?? {};
      const goesOn = !!options.stream;
      const bytes = bytesOf(input);
      let text;
      if (goesOn || this.#stream) {
        const part = (this.#stream ??= host.decoder(this.#encoding, this.#ignoreBOM, this.#fatal));
        text = part(bytes, !goesOn);
        if (!goesOn || text === undefined) this.#stream = null;
      } else {
        text = host.decodeWhole(this.#encoding, this.#ignoreBOM, this.#fatal, bytes);
      }
      if (text === undefined) {
        const error = new TypeError(`the bytes are not ${this.#encoding}`);
        own.hide(error, 'code', 'ERR_ENCODING_INVALID_ENCODED_DATA');
        throw error;
      }
      return text;
    }
  }
  own.global('TextDecoder', own.webInterface(TextDecoder));
  // The text of bytes in the encoding that a label names.
  own.decodeAs = (bytes, label) => {
    const encoding = host.encodingName(label);
    if (encoding === undefined) throw new RangeError(`there is no encoding ${label} in the Encoding standard`);
    return host.decodeWhole(encoding, false, false, bytes);
  };
}
