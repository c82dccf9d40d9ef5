// `data`'s large members, which parse themselves when they are touched, and what JSON makes of
// values that are no plain objects. Used by the write-back in Rust.
(host, own) => {
  'use strict';
  const { defineProperty, getOwnPropertyDescriptor } = own.Reflect;
  // An untouched accessor -> where its text begins in the document.
  const untouched = new WeakMap();

  own.lazy = (object, key, from, to) => {
    let value;
    const get = () => {
      if (own.WeakMap.has(untouched, get)) {
        value = host.piece(from, to);
        own.WeakMap.delete(untouched, get);
        // Fails if the object was frozen; then the accessor stays and keeps the value.
        own.define(object, key, value);
      }
      return value;
    };
    const set = function (next) {
      if (!own.define(this, key, next)) throw new TypeError(`'${key}' is read-only`);
    };
    own.WeakMap.set(untouched, get, from);
    defineProperty(object, key, { __proto__: null, get, set, enumerable: true, configurable: true });
  };

  own.isLazy = (get) => own.WeakMap.has(untouched, get);

  const textOf = (object, key) => {
    const property = getOwnPropertyDescriptor(object, key);
    return (property?.get && own.WeakMap.get(untouched, property.get)) ?? -1;
  };

  const polluted = (value, toJSON) => {
    const holder = own.isArray(value) ? Array.prototype : own.objectPrototype;
    return getOwnPropertyDescriptor(holder, 'toJSON')?.value === toJSON
      || getOwnPropertyDescriptor(own.objectPrototype, 'toJSON')?.value === toJSON;
  };

  own.plain = (value) => {
    const { toJSON } = value;
    if (typeof toJSON === 'function' && !polluted(value, toJSON)) return own.Reflect.apply(toJSON, value, []);
    if (host.isPromise(value)) throw new TypeError('it is a promise; await it');
    if (own.isA(Number, value)) return own.Number.valueOf(value);
    if (own.isA(String, value)) return own.String.valueOf(value);
    if (own.isA(Boolean, value)) return own.Boolean.valueOf(value);
    return value;
  };

  own.lender = own.Object.freeze({
    untouched: textOf,
    plain: own.plain,
    objectPrototype: own.objectPrototype,
  });
}
