// `crypto`: Node's digests, HMAC and random values.
(host, own) => {
  'use strict';
  const name = (algorithm) => {
    const text = typeof algorithm === 'string' ? algorithm : algorithm?.name;
    return own.String.replaceAll(own.String.toLowerCase(`${text}`), '-', '');
  };
  const output = (buffer, encoding) =>
    encoding === undefined || encoding === 'buffer' ? own.buffer(buffer) : host.decode(buffer, encoding);

  class Digest {
    #algorithm;
    #key;
    #parts = [];
    #done = false;

    constructor(algorithm, key) {
      this.#algorithm = name(algorithm);
      this.#key = key;
      // Refuses an unknown algorithm at once.
      host.digest(this.#algorithm, undefined, '');
    }

    update(data, encoding) {
      if (this.#done) throw new Error('the digest was taken already');
      // A text's bytes are a copy by themselves; others may change before the digest is taken.
      const part = typeof data === 'string'
        ? own.bytes(host.encode(data, encoding ?? 'utf8')) : own.TypedArray.slice(own.bytes(data, 'the data'));
      own.Array.push(this.#parts, part);
      return this;
    }

    digest(encoding) {
      if (this.#done) throw new Error('the digest was taken already');
      this.#done = true;
      const data = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      return output(host.digest(this.#algorithm, this.#key, data), encoding);
    }
  }
  const Buffer = globalThis.Buffer;

  const createHash = (algorithm) => new Digest(algorithm, undefined);
  const createHmac = (algorithm, key) =>
    new Digest(algorithm, own.keyBytes(key) ?? own.bytes(key, 'the key'));
  const randomBytes = (size) => own.buffer(host.random(size));
  const randomUUID = () => {
    const bytes = randomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = host.decode(bytes, 'hex');
    const part = (from, to) => own.String.slice(hex, from, to);
    return `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}`;
  };
  const randomInt = (min, max) => {
    if (max === undefined) return randomInt(0, min);
    return min + own.Math.floor(host.fraction() * (max - min));
  };
  const INTEGERS = [
    'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array',
    'BigUint64Array',
  ];
  const getRandomValues = (view) => {
    const kind = own.isView(view) ? own.TypedArray['Symbol.toStringTag'](view) : undefined;
    if (own.Array.indexOf(INTEGERS, kind) < 0) {
      throw new DOMException(`getRandomValues fills an array of integers, and got ${kind ?? own.kind(view)}`, 'TypeMismatchError');
    }
    if (view.byteLength > 65536) {
      throw new DOMException(`getRandomValues gives at most 65536 bytes at once, and ${view.byteLength} were asked for`, 'QuotaExceededError');
    }
    own.TypedArray.set(own.bytes(view), own.bytes(host.random(view.byteLength)));
    return view;
  };
  const timingSafeEqual = (a, b) => {
    const left = own.bytes(a);
    const right = own.bytes(b);
    if (left.length !== right.length) throw new RangeError('timingSafeEqual needs inputs of the same length');
    return host.timingSafeEqual(left, right);
  };

  const crypto = {
    createHash, createHmac, randomBytes, randomUUID, randomInt, getRandomValues, timingSafeEqual, subtle: own.subtle,
    getHashes: () => ['md5', 'sha1', 'sha256', 'sha384', 'sha512'],
  };
  crypto.webcrypto = crypto;
  own.global('crypto', crypto);
}
