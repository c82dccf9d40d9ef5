// `structuredClone`.
(host, own) => {
  'use strict';
  const ERRORS = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  const clone = (value, seen) => {
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new DOMException(`${own.kind(value)} could not be cloned`, 'DataCloneError');
    }
    if (typeof value !== 'object' || value === null) return value;
    if (own.Map.has(seen, value)) return own.Map.get(seen, value);
    // It never changes.
    if (own.JSON.isRawJSON(value)) return value;
    const put = (copy) => {
      own.Map.set(seen, value, copy);
      return copy;
    };
    if (own.isUrl(value) || own.isQuery(value)) throw new DOMException('a URL could not be cloned: clone its href', 'DataCloneError');
    if (host.isPromise(value)) throw new DOMException('a promise could not be cloned', 'DataCloneError');
    if (own.isA(Date, value)) return put(new Date(own.Date.getTime(value)));
    if (own.isA(RegExp, value)) return put(new RegExp(own.RegExp.source(value), own.RegExp.flags(value)));
    if (own.isA(ArrayBuffer, value)) return put(own.TypedArray.slice(own.bytes(value)).buffer);
    if (own.isBuffer(value)) return put(own.TypedArray.slice(own.bytes(value)));
    if (own.isView(value)) return put(new value.constructor(value));
    if (own.isFile(value)) return put(own.file(own.blobBytes(value), value));
    if (own.isBlob(value)) return put(own.blob(own.blobBytes(value), value.type));
    if (own.isA(Number, value) || own.isA(String, value) || own.isA(Boolean, value) || own.isA(BigInt, value)) {
      return put(Object(value.valueOf()));
    }
    if (own.isA(Map, value)) {
      const copy = put(new Map());
      own.Map.forEach(value, (held, key) => own.Map.set(copy, clone(key, seen), clone(held, seen)));
      return copy;
    }
    if (own.isA(Set, value)) {
      const copy = put(new Set());
      own.Set.forEach(value, (held) => own.Set.add(copy, clone(held, seen)));
      return copy;
    }
    if (own.isA(Error, value)) {
      const copy = put(new (ERRORS[value.name] ?? Error)(value.message));
      own.hide(copy, 'stack', value.stack);
      if ('cause' in value) own.hide(copy, 'cause', clone(value.cause, seen));
      return copy;
    }
    const copy = put(own.isArray(value) ? [] : {});
    if (own.isArray(value)) copy.length = value.length;
    const keys = own.Object.keys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      own.define(copy, key, clone(value[key], seen));
    }
    return copy;
  };
  own.global('structuredClone', function structuredClone(value, options) {
    if (arguments.length === 0) throw new TypeError('structuredClone takes a value, and it got none');
    const given = options?.transfer;
    const transferred = given === undefined ? [] : own.Array.slice(given);
    for (let i = 0; i < transferred.length; i++) {
      const isBuffer = typeof transferred[i] === 'object' && transferred[i] !== null && own.isA(ArrayBuffer, transferred[i]);
      if (!isBuffer || own.ArrayBuffer.detached(transferred[i]) || own.Array.indexOf(transferred, transferred[i]) !== i) {
        throw new DOMException('only an ArrayBuffer can be transferred, and only once', 'DataCloneError');
      }
    }
    const isPlain = typeof value === 'object' && value !== null && transferred.length === 0;
    const copy = (isPlain ? host.clone(value) : undefined) ?? clone(value, new Map());
    for (let i = 0; i < transferred.length; i++) own.ArrayBuffer.transfer(transferred[i]);
    return copy;
  });
}
