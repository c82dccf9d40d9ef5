// The built-in functions as they were before the step's code ran: whatever a step does to
// `Object.prototype`, `JSON` or `Promise`, the prelude works with these. `own.Array.push(list, 1)`
// is `list.push(1)`. Prelude code neither spreads nor destructures lists, and loops by index:
// iteration goes through prototypes.
(host, own) => {
  'use strict';
  const { getOwnPropertyDescriptor, freeze } = Object;
  const { ownKeys, apply } = Reflect;
  const { bind, call } = Function.prototype;
  const uncurry = apply(bind, bind, [call]);

  const methods = (prototype) => {
    const out = { __proto__: null };
    for (const key of ownKeys(prototype)) {
      const { value, get } = getOwnPropertyDescriptor(prototype, key);
      const name = typeof key === 'symbol' ? key.description : key;
      if (typeof value === 'function') out[name] = uncurry(value);
      else if (get) out[name] = uncurry(get);
    }
    return freeze(out);
  };
  const statics = (holder) => {
    const out = { __proto__: null };
    for (const key of ownKeys(holder)) {
      const { value } = getOwnPropertyDescriptor(holder, key);
      if (typeof value === 'function') out[key] = value;
    }
    return freeze(out);
  };

  own.Array = methods(Array.prototype);
  own.ArrayBuffer = methods(ArrayBuffer.prototype);
  own.BigInt = methods(BigInt.prototype);
  own.Boolean = methods(Boolean.prototype);
  own.Date = methods(Date.prototype);
  own.Error = methods(Error.prototype);
  own.Function = methods(Function.prototype);
  own.Map = methods(Map.prototype);
  own.Number = methods(Number.prototype);
  own.Promise = methods(Promise.prototype);
  own.RegExp = methods(RegExp.prototype);
  own.Set = methods(Set.prototype);
  own.String = methods(String.prototype);
  own.Symbol = methods(Symbol.prototype);
  own.WeakMap = methods(WeakMap.prototype);
  own.TypedArray = methods(Object.getPrototypeOf(Uint8Array.prototype));
  own.JSON = statics(JSON);
  own.Math = statics(Math);
  own.Object = statics(Object);
  own.Reflect = statics(Reflect);
  own.isArray = Array.isArray;
  own.isView = ArrayBuffer.isView;
  own.mapNext = uncurry(Object.getPrototypeOf(new Map().entries()).next);
  own.objectPrototype = Object.prototype;

  own.promise = (executor) => new Promise(executor);
  own.promised = (value) => new Promise((resolve) => resolve(value));

  // A descriptor without a prototype: what a step puts on `Object.prototype` is not part of it.
  const describe = (value, enumerable) => ({ __proto__: null, value, writable: true, enumerable, configurable: true });
  own.define = (object, name, value) => own.Reflect.defineProperty(object, name, describe(value, true));
  own.hide = (object, name, value) => own.Reflect.defineProperty(object, name, describe(value, false));
  // A global that a step may replace, as it may anywhere else.
  own.global = (name, value) => own.hide(globalThis, name, value);
  // Gives a class the look of an interface of Web IDL: its members can be enumerated, and it has a name
  // for `Object.prototype.toString`.
  own.webInterface = (constructor, name = constructor.name) => {
    const holders = [constructor.prototype, constructor];
    for (let i = 0; i < holders.length; i++) {
      const keys = ownKeys(holders[i]);
      for (let k = 0; k < keys.length; k++) {
        const key = keys[k];
        if (typeof key !== 'string' || key === 'constructor' || key === 'prototype' || key === 'name' || key === 'length') continue;
        own.Reflect.defineProperty(holders[i], key, { __proto__: null, enumerable: true });
      }
    }
    own.Reflect.defineProperty(constructor.prototype, Symbol.toStringTag, { __proto__: null, value: name, configurable: true });
    return constructor;
  };
  // A function of a web interface is called with so many arguments at least.
  own.needs = (given, least, what) => {
    if (given >= least) return;
    const error = new TypeError(`${what} needs ${least} argument${least === 1 ? '' : 's'}, and got ${given}`);
    own.hide(error, 'code', 'ERR_MISSING_ARGS');
    throw error;
  };
  // Web IDL's `USVString`.
  own.usv = (value) => own.String.toWellFormed(`${value}`);
  own.isA = (constructor, value) => own.Function['Symbol.hasInstance'](constructor, value);
  own.kind = (value) =>
    value === null ? 'null' : own.isArray(value) ? 'an array' : typeof value === 'undefined' ? 'undefined'
      : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

  own.Reflect.defineProperty(host.fraction, 'name', { __proto__: null, value: 'random', configurable: true });
  Math.random = host.fraction;
  // QuickJS compiles a template to a call of this method, so it must stay what it is.
  own.Reflect.defineProperty(String.prototype, 'concat', { writable: false, configurable: false });
  // What `slice` and `subarray` ask for the class of their result.
  own.Reflect.defineProperty(Array, Symbol.species, { configurable: false });
  own.Reflect.defineProperty(Object.getPrototypeOf(Uint8Array), Symbol.species, { configurable: false });
}
