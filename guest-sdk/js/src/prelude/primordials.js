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
  // JSON that every reader takes: half a surrogate pair, which a string that was cut may end with,
  // becomes U+FFFD, as it does in `data`. `stringify` escapes such halves, and nothing else, as \\ud….
  own.json = (value) => {
    const text = own.JSON.stringify(value);
    if (text === undefined || own.String.indexOf(text, '\\ud') < 0) return text;
    let out = '';
    let from = 0;
    for (let at = own.String.indexOf(text, '\\'); at >= 0; at = own.String.indexOf(text, '\\', at + 2)) {
      if (text[at + 1] !== 'u' || text[at + 2] !== 'd') continue;
      out += `${own.String.slice(text, from, at)}\\ufffd`;
      from = at + 6;
    }
    return out + own.String.slice(text, from);
  };
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
