// `Intl.NumberFormat` and `Intl.PluralRules`.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { option } = intl;
  const { includes, push } = own.Array;
  const { indexOf, slice, split, toUpperCase } = own.String;
  const { exec } = own.RegExp;

  const currencyDigits = (code) => intl.at(intl.read('digits'), code) ?? 2;
  const isUnit = (unit) => {
    const known = intl.read('supported').unit;
    if (includes(known, unit)) return true;
    const at = indexOf(unit, '-per-');
    return at > 0 && includes(known, slice(unit, 0, at)) && includes(known, slice(unit, at + 5));
  };
  // What the format needs, from a caller's locales and options; the order is ECMA-402's.
  intl.numberFormat = (locales, given) => {
    const resolved = intl.resolve(locales);
    const options = intl.options(given);
    intl.matcher(options);
    const asked = intl.typed(option(options, 'numberingSystem', 'string'), 'numberingSystem');
    const data = intl.read(`numbers/${resolved.folder}`);
    const kept = [];
    const o = { __proto__: null, data, folder: resolved.folder };
    o.numberingSystem = intl.numbering(resolved, asked, data, kept);
    o.locale = intl.tagged(resolved.locale, kept);
    const style = option(options, 'style', 'string', ['decimal', 'percent', 'currency', 'unit'], 'decimal');
    const currency = option(options, 'currency', 'string');
    if (currency !== undefined && !exec(/^[a-z]{3}$/i, currency)) throw new RangeError(`Invalid currency code : ${currency}`);
    const display = option(options, 'currencyDisplay', 'string', ['code', 'symbol', 'narrowSymbol', 'name'], 'symbol');
    const sign = option(options, 'currencySign', 'string', ['standard', 'accounting'], 'standard');
    const unit = option(options, 'unit', 'string');
    if (unit !== undefined && !isUnit(unit)) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'`);
    const unitDisplay = option(options, 'unitDisplay', 'string', ['short', 'narrow', 'long'], 'short');
    o.style = style;
    if (style === 'currency') {
      if (currency === undefined) throw new TypeError('Currency code is required with currency style.');
      o.currency = toUpperCase(currency);
      o.currencyDisplay = display;
      o.currencySign = sign;
    }
    if (style === 'unit') {
      if (unit === undefined) throw new TypeError('Unit is required with unit style.');
      o.unit = unit;
      o.unitDisplay = unitDisplay;
    }
    o.notation = option(options, 'notation', 'string', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
    const usual = style === 'currency' && o.notation === 'standard' ? currencyDigits(o.currency) : 0;
    const most = style === 'currency' && o.notation === 'standard' ? usual : style === 'percent' ? 0 : 3;
    const compact = o.notation === 'compact';
    intl.digitOptions(o, options, usual, most, compact);
    const compactDisplay = option(options, 'compactDisplay', 'string', ['short', 'long'], 'short');
    if (compact) o.compactDisplay = compactDisplay;
    const grouping = options.useGrouping;
    const usually = compact ? 'min2' : 'auto';
    if (grouping === undefined) o.useGrouping = usually;
    else if (grouping === true) o.useGrouping = 'always';
    else if (grouping === false || !grouping) o.useGrouping = false;
    else {
      const text = `${grouping}`;
      if (text === 'true' || text === 'false') o.useGrouping = usually;
      else if (!includes(['min2', 'auto', 'always'], text)) throw new RangeError(`Value ${text} out of range for Intl.NumberFormat options property useGrouping`);
      else o.useGrouping = text;
    }
    o.signDisplay = option(options, 'signDisplay', 'string', ['auto', 'never', 'always', 'exceptZero', 'negative'], 'auto');
    return o;
  };
  const copied = (o, names) => {
    const out = {};
    for (let i = 0; i < names.length; i++) if (o[names[i]] !== undefined) out[names[i]] = o[names[i]];
    return out;
  };
  intl.copied = copied;
  const SHOWN = split('locale numberingSystem style currency currencyDisplay currencySign unit unitDisplay '
    + 'minimumIntegerDigits minimumSignificantDigits maximumSignificantDigits minimumFractionDigits '
    + 'maximumFractionDigits useGrouping notation compactDisplay signDisplay roundingMode roundingIncrement '
    + 'trailingZeroDisplay roundingPriority', ' ');
  const noRange = (what) => {
    throw intl.absent(what, 'format and formatToParts of each end');
  };

  class NumberFormat {
    #o;
    #format;
    constructor(locales, options) {
      this.#o = intl.numberFormat(locales, options);
    }
    get format() {
      this.#format ??= (value) => intl.numberText(value, this.#o);
      return this.#format;
    }
    formatToParts(value) {
      return intl.numberParts(value, this.#o);
    }
    formatRange() {
      noRange('Intl.NumberFormat.prototype.formatRange');
    }
    formatRangeToParts() {
      noRange('Intl.NumberFormat.prototype.formatRangeToParts');
    }
    resolvedOptions() {
      return copied(this.#o, SHOWN);
    }
    static supportedLocalesOf(locales, options) {
      return intl.supported(locales, options);
    }
  }

  // Used by the other formats, and by `toLocaleString`: the last formats are kept, since one is made of
  // the same locale and no options again and again.
  const plain = { __proto__: null };
  intl.plainNumber = (locales) => {
    const key = locales === undefined ? 'en-US' : locales;
    if (typeof key !== 'string') return intl.numberFormat(locales);
    plain[key] ??= intl.numberFormat(locales);
    return plain[key];
  };
  intl.localeNumber = (value, locales, options) =>
    intl.numberText(value, options === undefined ? intl.plainNumber(locales) : intl.numberFormat(locales, options));

  const CATEGORIES = ['few', 'many', 'one', 'two', 'zero', 'other'];
  const PLURAL = split('locale type minimumIntegerDigits minimumFractionDigits maximumFractionDigits '
    + 'minimumSignificantDigits maximumSignificantDigits pluralCategories', ' ');
  class PluralRules {
    #o;
    constructor(locales, given) {
      const resolved = intl.resolve(locales);
      const options = intl.options(given);
      intl.matcher(options);
      // There are rules for languages, and for one region of one.
      const locale = resolved.locale === 'pt-PT' ? 'pt-PT' : split(resolved.locale, '-')[0];
      const o = this.#o = { __proto__: null, locale };
      o.type = option(options, 'type', 'string', ['cardinal', 'ordinal'], 'cardinal');
      intl.digitOptions(o, options, 0, 3, false);
      o.rules = o.type === 'cardinal' ? intl.read(`numbers/${resolved.folder}`).plural : intl.read(`misc/${resolved.folder}`).ordinal;
      o.pluralCategories = [];
      for (let i = 0; i < CATEGORIES.length; i++) {
        if (CATEGORIES[i] === 'other' || intl.at(o.rules, CATEGORIES[i])) push(o.pluralCategories, CATEGORIES[i]);
      }
    }
    select(value) {
      const number = intl.number(Number(value));
      return number.special ? 'other' : intl.plural(this.#o.rules, intl.written(intl.rounded(number, this.#o), this.#o));
    }
    selectRange() {
      throw intl.absent('Intl.PluralRules.prototype.selectRange', 'select');
    }
    resolvedOptions() {
      const out = copied(this.#o, PLURAL);
      out.pluralCategories = own.Array.slice(out.pluralCategories);
      return out;
    }
    static supportedLocalesOf(locales, options) {
      return intl.supported(locales, options);
    }
  }
  intl.NumberFormat = NumberFormat;
  intl.PluralRules = PluralRules;
}
