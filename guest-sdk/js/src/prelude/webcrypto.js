// `crypto.subtle`: digests and HMAC keys, the part of the Web Cryptography API that signs webhooks.
(host, own) => {
  'use strict';
  const DIGESTS = { __proto__: null, 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
  const BLOCK = { __proto__: null, 'SHA-1': 64, 'SHA-256': 64, 'SHA-384': 128, 'SHA-512': 128 };
  const failure = (text, name) => new DOMException(text, name);
  const unsupported = (what) =>
    failure(`${what} is not available in a step: there are the digests SHA-1, SHA-256, SHA-384, SHA-512 and HMAC keys`, 'NotSupportedError');
  // The standard's name of an algorithm, whatever its case.
  const nameOf = (algorithm) => {
    const given = typeof algorithm === 'object' && algorithm !== null ? algorithm.name : algorithm;
    if (given === undefined) throw new TypeError('an algorithm is a name, or an object with a `name`');
    return own.String.toUpperCase(`${given}`);
  };
  const digestOf = (algorithm) => {
    const name = nameOf(algorithm);
    if (!DIGESTS[name]) throw unsupported(`the digest ${name}`);
    return name;
  };
  // What is signed is what it was when it was given: a copy.
  const copied = (data, what) => {
    if (!own.isA(ArrayBuffer, data) && !own.isView(data)) throw new TypeError(`${what} must be an ArrayBuffer or a view, and it is ${own.kind(data)}`);
    return own.TypedArray.slice(own.bytes(data));
  };

  let bytesOf;
  let make;
  let forged = true;
  class CryptoKey {
    #bytes;
    #algorithm;
    #extractable;
    #usages;

    constructor() {
      if (forged) throw new TypeError('a CryptoKey comes from crypto.subtle.importKey');
    }

    get type() {
      void this.#bytes;
      return 'secret';
    }

    get extractable() {
      return this.#extractable;
    }

    get algorithm() {
      return this.#algorithm;
    }

    get usages() {
      return this.#usages;
    }

    static {
      bytesOf = (key) => (typeof key === 'object' && key !== null && #bytes in key ? key.#bytes : undefined);
      make = (bytes, hash, extractable, usages) => {
        forged = false;
        const key = new CryptoKey();
        forged = true;
        key.#bytes = bytes;
        key.#algorithm = { name: 'HMAC', hash: { name: hash }, length: bytes.length * 8 };
        key.#extractable = extractable;
        key.#usages = usages;
        return key;
      };
    }
  }
  own.webInterface(CryptoKey);
  own.global('CryptoKey', CryptoKey);
  own.keyBytes = bytesOf;

  const USAGES = ['encrypt', 'decrypt', 'sign', 'verify', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey'];
  const usagesOf = (usages) => {
    const out = [];
    const given = own.Array.slice(own.isArray(usages) ? usages : []);
    for (let i = 0; i < given.length; i++) {
      const usage = `${given[i]}`;
      if (own.Array.indexOf(USAGES, usage) < 0) throw new TypeError(`${usage} is no usage of a key`);
      if (usage !== 'sign' && usage !== 'verify') throw failure(`an HMAC key is used to sign and verify, and not to ${usage}`, 'SyntaxError');
      if (own.Array.indexOf(out, usage) < 0) own.Array.push(out, usage);
    }
    if (out.length === 0) throw failure('a key needs a usage: sign or verify', 'SyntaxError');
    return out;
  };
  const hmacOnly = (algorithm, what) => {
    const name = nameOf(algorithm);
    if (name !== 'HMAC') throw unsupported(`${what} of ${name}`);
    if (typeof algorithm !== 'object' || algorithm.hash === undefined) throw new TypeError('an HMAC key needs a `hash`, such as SHA-256');
    return digestOf(algorithm.hash);
  };
  const ready = (algorithm, key, usage) => {
    const name = nameOf(algorithm);
    if (name !== 'HMAC') throw unsupported(`${usage} with ${name}`);
    const bytes = bytesOf(key);
    if (bytes === undefined) throw new TypeError(`${usage} needs a CryptoKey, and got ${own.kind(key)}`);
    if (own.Array.indexOf(key.usages, usage) < 0) throw failure(`the key was not made to ${usage}`, 'InvalidAccessError');
    return bytes;
  };
  const hmac = (key, bytes, data) => host.digest(DIGESTS[key.algorithm.hash.name], bytes, data);
  const fromText = (text) => new Uint8Array(host.encode(`${text}`, 'base64url'));

  class SubtleCrypto {
    async digest(algorithm, data) {
      own.needs(arguments.length, 2, 'digest');
      return host.digest(DIGESTS[digestOf(algorithm)], undefined, copied(data, 'the data'));
    }

    async importKey(format, data, algorithm, extractable, usages) {
      own.needs(arguments.length, 5, 'importKey');
      const hash = hmacOnly(algorithm, `importKey('${format}')`);
      let bytes;
      if (format === 'raw' || format === 'raw-secret') bytes = copied(data, 'the key');
      else if (format === 'jwk') {
        if (data?.kty !== 'oct' || typeof data.k !== 'string') throw failure('an HMAC key as JWK has kty "oct" and k', 'DataError');
        if (data.alg !== undefined && data.alg !== `HS${own.String.slice(hash, 4)}`) throw failure(`the JWK is for ${data.alg}`, 'DataError');
        bytes = fromText(data.k);
      } else throw unsupported(`importKey('${format}')`);
      const uses = usagesOf(usages);
      if (bytes.length === 0) throw failure('the key is empty', 'DataError');
      return make(bytes, hash, !!extractable, uses);
    }

    async generateKey(algorithm, extractable, usages) {
      own.needs(arguments.length, 3, 'generateKey');
      const hash = hmacOnly(algorithm, 'generateKey');
      const bits = algorithm.length ?? BLOCK[hash] * 8;
      if (!(bits > 0) || bits % 8 !== 0 || bits > 8192) throw failure(`an HMAC key of ${bits} bits cannot be made`, 'OperationError');
      const uses = usagesOf(usages);
      return make(new Uint8Array(host.random(bits / 8)), hash, !!extractable, uses);
    }

    async sign(algorithm, key, data) {
      own.needs(arguments.length, 3, 'sign');
      return hmac(key, ready(algorithm, key, 'sign'), copied(data, 'the data'));
    }

    async verify(algorithm, key, signature, data) {
      own.needs(arguments.length, 4, 'verify');
      const bytes = ready(algorithm, key, 'verify');
      return host.timingSafeEqual(copied(signature, 'the signature'), hmac(key, bytes, copied(data, 'the data')));
    }

    async exportKey(format, key) {
      own.needs(arguments.length, 2, 'exportKey');
      const bytes = bytesOf(key);
      if (bytes === undefined) throw new TypeError(`exportKey needs a CryptoKey, and got ${own.kind(key)}`);
      if (!key.extractable) throw failure('the key was made so that it cannot be exported', 'InvalidAccessError');
      if (format === 'raw' || format === 'raw-secret') return own.TypedArray.slice(bytes).buffer;
      if (format !== 'jwk') throw unsupported(`exportKey('${format}')`);
      return {
        kty: 'oct', k: host.decode(bytes, 'base64url'), alg: `HS${own.String.slice(key.algorithm.hash.name, 4)}`,
        key_ops: own.Array.slice(key.usages), ext: true,
      };
    }
  }
  const missing = ['encrypt', 'decrypt', 'deriveBits', 'deriveKey', 'wrapKey', 'unwrapKey'];
  for (let i = 0; i < missing.length; i++) {
    own.hide(SubtleCrypto.prototype, missing[i], async () => {
      throw unsupported(`crypto.subtle.${missing[i]}`);
    });
  }
  own.webInterface(SubtleCrypto);
  own.subtle = new SubtleCrypto();
  own.global('SubtleCrypto', SubtleCrypto);
}
