// The global `Intl`, and the methods of other classes that depend on a locale. What is left out says so.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { slice } = own.Array;

  const named = (Class, least) => {
    own.Reflect.defineProperty(Class, 'length', { __proto__: null, value: least, configurable: true });
    own.Reflect.defineProperty(Class.prototype, Symbol.toStringTag, { __proto__: null, value: `Intl.${Class.name}`, configurable: true });
    return Class;
  };
  const object = own.Object.create(own.objectPrototype);
  own.Reflect.defineProperty(object, Symbol.toStringTag, { __proto__: null, value: 'Intl', configurable: true });
  own.hide(object, 'NumberFormat', intl.callable(named(intl.NumberFormat, 0)));
  own.hide(object, 'DateTimeFormat', intl.callable(named(intl.DateTimeFormat, 0)));
  own.hide(object, 'Collator', intl.callable(named(intl.Collator, 0)));
  own.hide(object, 'PluralRules', named(intl.PluralRules, 0));
  own.hide(object, 'ListFormat', named(intl.ListFormat, 0));
  own.hide(object, 'RelativeTimeFormat', named(intl.RelativeTimeFormat, 0));
  const THERE = 'NumberFormat, DateTimeFormat, Collator, PluralRules, ListFormat, RelativeTimeFormat';
  const absent = (name) => {
    own.hide(object, name, function () {
      throw intl.absent(`Intl.${name}`, THERE);
    });
  };
  absent('DisplayNames');
  absent('Locale');
  absent('Segmenter');
  absent('DurationFormat');
  const methods = {
    getCanonicalLocales(locales) {
      return intl.canonical(locales);
    },
    supportedValuesOf(key) {
      const lists = intl.read('supported');
      const list = intl.at(lists, `${key}`);
      if (list === undefined) throw new RangeError(`Invalid key : ${key}`);
      if (`${key}` === 'calendar') return ['buddhist', 'gregory'];
      if (`${key}` === 'collation') return ['compat', 'phonebk', 'pinyin', 'stroke', 'trad', 'unihan', 'zhuyin'];
      return slice(list);
    },
  };
  own.hide(object, 'getCanonicalLocales', methods.getCanonicalLocales);
  own.hide(object, 'supportedValuesOf', methods.supportedValuesOf);
  own.global('Intl', object);

  // Methods as the language has them: no constructors, and of length 0 but for `localeCompare`.
  const dates = {
    toLocaleString() {
      return intl.localeDate(this, arguments[0], arguments[1], 'any', 'all');
    },
    toLocaleDateString() {
      return intl.localeDate(this, arguments[0], arguments[1], 'date', 'date');
    },
    toLocaleTimeString() {
      return intl.localeDate(this, arguments[0], arguments[1], 'time', 'time');
    },
  };
  const numbers = {
    toLocaleString() {
      return intl.localeNumber(own.Number.valueOf(this), arguments[0], arguments[1]);
    },
  };
  const bigints = {
    toLocaleString() {
      return intl.localeNumber(own.BigInt.valueOf(this), arguments[0], arguments[1]);
    },
  };
  const strings = {
    localeCompare(that) {
      return intl.compare(this, that, arguments[1], arguments[2]);
    },
    toLocaleUpperCase() {
      return intl.mapCase(this, arguments[0], true);
    },
    toLocaleLowerCase() {
      return intl.mapCase(this, arguments[0], false);
    },
  };
  const lists = {
    toLocaleString() {
      if (this === undefined || this === null) throw new TypeError('toLocaleString was called on null or undefined');
      const list = Object(this);
      const length = intl.length(list.length);
      let text = '';
      for (let i = 0; i < length; i++) {
        const item = list[i];
        if (i > 0) text += ',';
        if (item !== undefined && item !== null) text += item.toLocaleString(arguments[0], arguments[1]);
      }
      return text;
    },
  };
  const put = (prototype, from) => {
    const names = own.Object.keys(from);
    for (let i = 0; i < names.length; i++) own.hide(prototype, names[i], from[names[i]]);
  };
  put(Date.prototype, dates);
  put(Number.prototype, numbers);
  put(BigInt.prototype, bigints);
  put(String.prototype, strings);
  put(Array.prototype, lists);
}
