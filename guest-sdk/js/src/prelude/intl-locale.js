// What every part of `Intl` shares: language tags, which locales there are, their data, and the
// reading of options. The data comes from the host, in pieces, when it is first needed; its layout
// is in `host/locale/README.md`. A locale that the data does not have is an error that names it: the
// answer for another locale would be wrong and look right.
(host, own) => {
  'use strict';
  const { includes, indexOf, join, push, sort, slice: part } = own.Array;
  const { slice, split, toLowerCase, toUpperCase } = own.String;
  const { exec } = own.RegExp;
  const { hasOwn } = own.Object;

  const intl = own.intl = { __proto__: null };
  const read = { __proto__: null };
  intl.read = (name) => {
    if (read[name] === undefined) {
      const text = host.localeData(name);
      if (text === undefined) throw new RangeError(`the locale data '${name}' is not available in a step`);
      read[name] = own.JSON.parse(text);
    }
    return read[name];
  };
  // An own member of a table of the data; a step may have put something on `Object.prototype`.
  intl.at = (table, key) => (hasOwn(table, key) ? table[key] : undefined);
  const at = intl.at;
  intl.absent = (what, there) => new RangeError(`${what} is not available in a step${there ? `; there is ${there}` : ''}`);

  const tables = () => intl.read('locales');
  const invalid = (tag) => new RangeError(`Incorrect locale information provided: '${tag}'`);

  // A subtag sequence by UTS 35: `unicode_locale_id`.
  const SHAPE = /^([a-z]{2,3}|[a-z]{5,8})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?((?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)((?:-[a-wy-z0-9](?:-[a-z0-9]{2,8})+)*)(-x(?:-[a-z0-9]{1,8})+)?$/;
  const VALUES = {
    __proto__: null,
    'ca-gregorian': 'gregory', 'ca-ethiopic-amete-alem': 'ethioaa', 'ca-islamicc': 'islamic-civil',
    'kb-yes': '', 'kc-yes': '', 'kh-yes': '', 'kk-yes': '', 'kn-yes': '', 'ks-primary': 'level1', 'ks-tertiary': 'level3',
    'ms-imperial': 'uksystem', 'co-dictionary': 'dict', 'co-phonebook': 'phonebk', 'co-traditional': 'trad', 'co-gb2312han': 'gb2312',
  };

  // ECMA-262, ToLength.
  intl.length = (value) => own.Math.min(own.Math.max(own.Math.trunc(Number(value)) || 0, 0), 9007199254740991);
  const sorted = (texts) => sort(texts, (a, b) => (a < b ? -1 : a > b ? 1 : 0));
  // The keywords of a `-u-` extension, in the order of their keys: [key, value, key, value, …].
  const keywords = (subtags) => {
    const attributes = [];
    const keys = [];
    const values = { __proto__: null };
    let key;
    for (let i = 0; i < subtags.length; i++) {
      const subtag = subtags[i];
      if (subtag.length === 2) {
        key = subtag;
        if (values[key] === undefined) {
          push(keys, key);
          values[key] = '';
        } else key = '';
      } else if (key === undefined) {
        if (!includes(attributes, subtag)) push(attributes, subtag);
      } else if (key !== '') values[key] += values[key] === '' ? subtag : `-${subtag}`;
    }
    const out = [];
    sorted(keys);
    for (let i = 0; i < keys.length; i++) {
      const value = values[keys[i]];
      const known = VALUES[`${keys[i]}-${value}`] ?? value;
      push(out, keys[i], known === 'true' ? '' : known);
    }
    return { attributes: sorted(attributes), pairs: out };
  };
  const keywordText = ({ attributes, pairs }) => {
    let text = '-u';
    for (let i = 0; i < attributes.length; i++) text += `-${attributes[i]}`;
    for (let i = 0; i < pairs.length; i += 2) text += `-${pairs[i]}${pairs[i + 1] === '' ? '' : `-${pairs[i + 1]}`}`;
    return text;
  };

  // { base, pairs, tag }: the canonical tag, without and with its extensions.
  const parsed = (given) => {
    const found = exec(SHAPE, toLowerCase(given));
    if (!found) throw invalid(given);
    const table = tables();
    let language = found[1];
    language = at(table.language, language) ?? language;
    let base = language;
    if (found[2]) base += `-${toUpperCase(found[2][0])}${slice(found[2], 1)}`;
    if (found[3]) {
      const region = toUpperCase(found[3]);
      base += `-${at(table.region, region) ?? region}`;
    }
    if (found[4]) {
      const variants = split(slice(found[4], 1), '-');
      sorted(variants);
      for (let i = 1; i < variants.length; i++) if (variants[i] === variants[i - 1]) throw invalid(given);
      base += `-${join(variants, '-')}`;
    }
    const extensions = [];
    let pairs = [];
    if (found[5]) {
      const subtags = split(slice(found[5], 1), '-');
      const seen = [];
      for (let i = 0; i < subtags.length;) {
        const single = subtags[i];
        let end = i + 1;
        while (end < subtags.length && subtags[end].length > 1) end++;
        if (includes(seen, single)) throw invalid(given);
        push(seen, single);
        const rest = part(subtags, i + 1, end);
        if (single === 'u') {
          const words = keywords(rest);
          pairs = words.pairs;
          push(extensions, slice(keywordText(words), 1));
        } else push(extensions, `${single}-${join(rest, '-')}`);
        i = end;
      }
      sorted(extensions);
    }
    const tail = extensions.length > 0 ? `-${join(extensions, '-')}` : '';
    return { base, pairs, tag: base + tail + (found[6] ?? '') };
  };

  // The tags that a caller names, canonical and each once: ECMA-402, CanonicalizeLocaleList.
  const requested = (locales) => {
    const tags = [];
    const seen = [];
    const add = (tag) => {
      if (typeof tag !== 'string' && (typeof tag !== 'object' || tag === null)) {
        throw new TypeError('Incorrect locale information provided: a language tag is a text');
      }
      const one = parsed(`${tag}`);
      if (!includes(seen, one.tag)) {
        push(seen, one.tag);
        push(tags, one);
      }
    };
    if (locales === undefined) return tags;
    if (typeof locales === 'string') add(locales);
    else {
      const object = Object(locales);
      if (locales === null) throw new TypeError('Cannot convert undefined or null to object');
      const count = intl.length(object.length);
      for (let i = 0; i < count; i++) if (i in object) add(object[i]);
    }
    return tags;
  };
  intl.canonical = (locales) => {
    const tags = requested(locales);
    const out = [];
    for (let i = 0; i < tags.length; i++) push(out, tags[i].tag);
    return out;
  };

  // The longest beginning of a tag that there is data for: ECMA-402, BestAvailableLocale.
  const available = (base) => {
    const { tags } = tables();
    for (let tag = base; ;) {
      if (hasOwn(tags, tag)) return tag;
      let cut = tag.length - 1;
      while (cut >= 0 && tag[cut] !== '-') cut--;
      if (cut < 0) return undefined;
      if (cut >= 2 && tag[cut - 2] === '-') cut -= 2;
      tag = slice(tag, 0, cut);
    }
  };
  const without = (tag) => intl.absent(`the locale '${tag}'`,
    'ar, bg, ca, cs, da, de, el, en, es, et, fi, fr, he, hi, hr, hu, id, is, it, ja, ko, lt, lv, ms, nb, nl, nn, no, '
    + 'pl, pt, ro, ru, sk, sl, sr, sv, th, tr, uk, vi and zh, with their regions');

  const matcher = (options) => intl.option(options, 'localeMatcher', 'string', ['lookup', 'best fit'], 'best fit');
  const DEFAULT = { __proto__: null, locale: 'en-US', folder: 'en', pairs: [] };
  // { locale, folder, pairs }: the locale, where its data is, and the keywords of its tag.
  intl.resolve = (locales) => {
    if (locales === undefined) return DEFAULT;
    const tags = requested(locales);
    if (tags.length === 0) return DEFAULT;
    const locale = available(tags[0].base);
    if (locale === undefined) throw without(tags[0].base);
    return { __proto__: null, locale, folder: tables().tags[locale] || locale, pairs: tags[0].pairs };
  };
  intl.keyword = (pairs, key) => {
    const found = indexOf(pairs, key);
    return found < 0 || found % 2 === 1 ? undefined : pairs[found + 1];
  };
  // The locale with those keywords of its tag that had an effect.
  intl.tagged = (locale, kept) => {
    let text = '';
    for (let i = 0; i < kept.length; i += 2) text += `-${kept[i]}${kept[i + 1] === '' ? '' : `-${kept[i + 1]}`}`;
    return text === '' ? locale : `${locale}-u${text}`;
  };
  intl.supported = (locales, options) => {
    const tags = requested(locales);
    if (options !== undefined) matcher(Object(options));
    const out = [];
    for (let i = 0; i < tags.length; i++) if (available(tags[i].base) !== undefined) push(out, tags[i].tag);
    return out;
  };

  // ECMA-402, GetOption; the texts of the errors are V8's.
  intl.option = (options, name, type, values, fallback) => {
    let value = options[name];
    if (value === undefined) return fallback;
    value = type === 'boolean' ? !!value : `${value}`;
    if (values !== undefined && !includes(values, value)) {
      throw new RangeError(`Value ${value} out of range for Intl options property ${name}`);
    }
    return value;
  };
  intl.numberOption = (value, name, least, most, fallback) => {
    if (value === undefined) return fallback;
    const number = Number(value);
    if (!(number >= least && number <= most)) throw new RangeError(`${name} value is out of range.`);
    return own.Math.floor(number);
  };
  intl.matcher = matcher;
  // Options as the constructors take them: none is an object without members.
  intl.options = (options) => (options === undefined ? { __proto__: null } : Object(nullish(options)));
  intl.strictOptions = (options) => {
    if (options === undefined) return { __proto__: null };
    if (typeof options !== 'object' && typeof options !== 'function' || options === null) {
      throw new TypeError('Incorrect options information provided');
    }
    return options;
  };
  const nullish = (value) => {
    if (value === null) throw new TypeError('Cannot convert undefined or null to object');
    return value;
  };
  // A keyword's or option's value must be `type` of UTS 35.
  intl.typed = (value, name) => {
    if (value !== undefined && !exec(/^[a-z0-9]{3,8}(?:-[a-z0-9]{3,8})*$/i, value)) throw new RangeError(`Invalid ${name} : ${value}`);
    return value === undefined ? undefined : toLowerCase(value);
  };
  // A numbering system for a locale: what the option says, else the tag, else the locale's own.
  // What the locale's data does not have is refused if the option asks for it, as is a system whose
  // digits are known elsewhere only.
  intl.numbering = (resolved, asked, data, kept) => {
    const keyword = intl.keyword(resolved.pairs, 'nu');
    for (let i = 0; i < 2; i++) {
      const nu = i === 0 ? asked : keyword;
      if (nu === undefined || nu === 'native' || nu === 'traditio' || nu === 'finance') continue;
      if (hasOwn(data.sys, nu)) {
        if (keyword === nu) push(kept, 'nu', nu);
        return nu;
      }
      if (includes(intl.read('supported').numberingSystem, nu)) {
        throw intl.absent(`the numbering system '${nu}' with the locale '${resolved.locale}'`, join(own.Object.keys(data.sys), ', '));
      }
    }
    return data.nu;
  };
  intl.parts = (parts) => {
    let text = '';
    for (let i = 0; i < parts.length; i++) text += parts[i].value;
    return text;
  };
  // As elsewhere, a constructor that may also be called without `new`.
  intl.callable = (Format) =>
    new Proxy(Format, { __proto__: null, apply: (_, self, args) => new Format(args[0], args[1]) });
}
