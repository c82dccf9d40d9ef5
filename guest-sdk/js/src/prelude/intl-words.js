// `Intl.ListFormat` and `Intl.RelativeTimeFormat`.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { option } = intl;
  const { includes, push } = own.Array;
  const { endsWith, slice, split } = own.String;
  const { exec } = own.RegExp;

  const texts = (iterable) => {
    if (iterable === undefined) return [];
    const out = [];
    for (const value of iterable) {
      if (typeof value !== 'string') throw new TypeError('Iterable yielded a value which is not a string');
      push(out, value);
    }
    return out;
  };
  // A list's pattern with two holes around two lists of parts.
  const joined = (pattern, a, b) => {
    const pieces = split(pattern, '{1}');
    const { 0: before, 1: between } = split(pieces[0], '{0}');
    const out = [];
    const literal = (value) => {
      if (value !== '') push(out, { type: 'literal', value });
    };
    const all = (parts) => {
      for (let i = 0; i < parts.length; i++) push(out, parts[i]);
    };
    literal(before);
    all(a);
    literal(between);
    all(b);
    literal(pieces[1]);
    return out;
  };
  // Spanish and Hebrew words that change before what follows them: ICU's ListFormatter.
  const adapted = (pattern, language, next) => {
    if (language === 'es') {
      const { value } = next;
      if (pattern === '{0} y {1}' && exec(/^(?:i|hi(?!a|e|o|u))/i, value)) return '{0} e {1}';
      if (pattern === '{0} o {1}' && (exec(/^(?:o|ho|8)/i, value) || exec(/^11(?:[ .]|$)/, value))) return '{0} u {1}';
    }
    if (language === 'he' && pattern === '{0} \u05d5{1}' && !exec(/^\p{Script=Hebrew}/u, next.value)) return '{0} \u05d5-{1}';
    return pattern;
  };
  const listParts = (given, o) => {
    const list = texts(given);
    const parts = [];
    for (let i = 0; i < list.length; i++) push(parts, { type: 'element', value: list[i] });
    const { 0: two, 1: start, 2: middle, 3: end } = o.patterns;
    const count = parts.length;
    if (count < 2) return parts;
    const last = parts[count - 1];
    if (count === 2) return joined(adapted(two, o.language, last), [parts[0]], [last]);
    let out = joined(start, [parts[0]], [parts[1]]);
    for (let i = 2; i < count - 1; i++) out = joined(middle, out, [parts[i]]);
    return joined(adapted(end, o.language, last), out, [last]);
  };
  class ListFormat {
    #o;
    constructor(locales, given) {
      const resolved = intl.resolve(locales);
      const options = intl.strictOptions(given);
      intl.matcher(options);
      const o = this.#o = { __proto__: null, locale: resolved.locale, language: split(resolved.locale, '-')[0] };
      o.type = option(options, 'type', 'string', ['conjunction', 'disjunction', 'unit'], 'conjunction');
      o.style = option(options, 'style', 'string', ['long', 'short', 'narrow'], 'long');
      o.patterns = intl.read(`misc/${resolved.folder}`).list[`${o.type}-${o.style}`];
    }
    format(list) {
      return intl.parts(listParts(list, this.#o));
    }
    formatToParts(list) {
      return listParts(list, this.#o);
    }
    resolvedOptions() {
      return intl.copied(this.#o, ['locale', 'type', 'style']);
    }
    static supportedLocalesOf(locales, options) {
      return intl.supported(locales, options);
    }
  }

  const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];
  const unitOf = (given) => {
    const unit = `${given}`;
    const one = endsWith(unit, 's') ? slice(unit, 0, -1) : unit;
    if (!includes(UNITS, one)) throw new RangeError(`Invalid unit argument for format() '${unit}'`);
    return one;
  };
  const relativeParts = (given, givenUnit, o) => {
    const value = Number(given);
    const unit = unitOf(givenUnit);
    if (!(value > -Infinity && value < Infinity)) {
      throw new RangeError('The value need to be finite number for Intl.RelativeTimeFormat.prototype.format()');
    }
    const table = o.table[`${unit}-${o.style}`];
    if (o.numeric === 'auto') {
      const word = intl.at(table.at, own.Object.is(value, -0) ? '0' : `${value}`);
      if (word !== undefined) return [{ type: 'literal', value: word }];
    }
    const past = value < 0 || own.Object.is(value, -0);
    const size = own.Math.abs(value);
    const texts = intl.written(intl.rounded(intl.number(size), o.number), o.number);
    const pattern = intl.form(past ? table.past : table.future, intl.plural(o.number.data.plural, texts));
    const parts = intl.numberParts(size, o.number);
    for (let i = 0; i < parts.length; i++) parts[i].unit = unit;
    const hole = intl.indexOfHole(pattern);
    if (hole < 0) return [{ type: 'literal', value: pattern }];
    const out = [];
    if (hole > 0) push(out, { type: 'literal', value: slice(pattern, 0, hole) });
    for (let i = 0; i < parts.length; i++) push(out, parts[i]);
    if (hole + 3 < pattern.length) push(out, { type: 'literal', value: slice(pattern, hole + 3) });
    return out;
  };
  class RelativeTimeFormat {
    #o;
    constructor(locales, given) {
      const resolved = intl.resolve(locales);
      const options = intl.options(given);
      intl.matcher(options);
      const asked = intl.typed(option(options, 'numberingSystem', 'string'), 'numberingSystem');
      const kept = [];
      const numbers = intl.read(`numbers/${resolved.folder}`);
      const o = this.#o = { __proto__: null };
      o.numberingSystem = intl.numbering(resolved, asked, numbers, kept);
      o.locale = intl.tagged(resolved.locale, kept);
      o.style = option(options, 'style', 'string', ['long', 'short', 'narrow'], 'long');
      o.numeric = option(options, 'numeric', 'string', ['always', 'auto'], 'always');
      o.table = intl.read(`misc/${resolved.folder}`).relative;
      o.number = intl.numberFormat(o.locale, { __proto__: null, numberingSystem: o.numberingSystem });
    }
    format(value, unit) {
      return intl.parts(relativeParts(value, unit, this.#o));
    }
    formatToParts(value, unit) {
      return relativeParts(value, unit, this.#o);
    }
    resolvedOptions() {
      return intl.copied(this.#o, ['locale', 'style', 'numeric', 'numberingSystem']);
    }
    static supportedLocalesOf(locales, options) {
      return intl.supported(locales, options);
    }
  }
  intl.ListFormat = ListFormat;
  intl.RelativeTimeFormat = RelativeTimeFormat;
}
