// `data`'s large members, which parse themselves when they are touched, and what JSON makes of
// values that are no plain objects. Used by the write-back in Rust.
(host, own) => {
  'use strict';
  const { defineProperty, getOwnPropertyDescriptor } = own.Reflect;
  own.lazy = (object, key, from, to) => {
    let value;
    const get = () => {
      if (host.isDeferred(get)) {
        value = host.takeDeferred(get);
        // Fails if the object was frozen; then the accessor stays and keeps the value.
        own.define(object, key, value);
      }
      return value;
    };
    const set = function (next) {
      if (!own.define(this, key, next)) throw new TypeError(`'${key}' is read-only`);
    };
    defineProperty(object, key, { __proto__: null, get, set, enumerable: true, configurable: true });
    host.defer(get, from, to);
  };

  // What all proxies have as their handler that stand for what was not read yet.
  const handler = {
    __proto__: null,
    setPrototypeOf: (target, prototype) => own.Reflect.setPrototypeOf(host.unreadOf(target, true), prototype),
    preventExtensions: (target) => own.Reflect.preventExtensions(host.unreadOf(target, false)),
  };
  const methods = {
    keys(value) {
      return host.names(value) ?? own.Object.keys(value);
    },
  };
  own.beginUnread = () => {
    own.hide(Object, 'keys', methods.keys);
    return handler;
  };

  own.isLazy = (get) => host.isDeferred(get);

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

  own.writeback = own.Object.freeze({
    getter: (object, key) => getOwnPropertyDescriptor(object, key)?.get,
    plain: own.plain,
    objectPrototype: own.objectPrototype,
  });
}
