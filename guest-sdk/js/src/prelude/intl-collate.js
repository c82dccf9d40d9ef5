// `Intl.Collator`, `localeCompare`, and the case of letters by a language.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { option } = intl;
  const { includes, join, push } = own.Array;
  const { includes: includesText, lastIndexOf, slice, split, toLowerCase, toUpperCase } = own.String;
  const { exec } = own.RegExp;

  const CASES = ['upper', 'lower', 'false'];
  const TYPES = {
    __proto__: null,
    ar: ['compat'], de: ['phonebk'], es: ['trad'], ja: ['unihan'], ko: ['unihan'], sv: ['trad'], fi: ['trad'], vi: ['trad'],
    'und-Hans': ['stroke', 'unihan', 'zhuyin'], 'und-Hant': ['pinyin', 'unihan', 'zhuyin'],
  };
  // The tag by which ICU4X knows a locale's collation: Chinese by its script, Norwegian as one.
  const dataTag = (folder) => {
    if (exec(/^zh-Hant/, folder)) return 'und-Hant';
    if (exec(/^zh(?:-Hans|$)/, folder)) return 'und-Hans';
    if (exec(/^n[bn](?:-|$)/, folder)) return 'no';
    return exec(/^sr-Cyrl/, folder) ? 'sr' : folder;
  };
  // Collation has its own list of locales; a region that sorts as its language does is not in it.
  const named = (locale) => {
    const { collation: known } = intl.read('locales');
    let tag = locale;
    while (!includes(known, tag) && includesText(tag, '-')) tag = slice(tag, 0, lastIndexOf(tag, '-'));
    return tag;
  };
  const collation = (locales, given) => {
    const resolved = intl.resolve(locales);
    const options = intl.options(given);
    const usage = option(options, 'usage', 'string', ['sort', 'search'], 'sort');
    if (usage === 'search') throw intl.absent("usage 'search'", "usage 'sort'");
    intl.matcher(options);
    const asked = intl.typed(option(options, 'collation', 'string'), 'collation');
    const language = split(resolved.locale, '-')[0];
    const { pairs } = resolved;
    const base = dataTag(resolved.folder);
    const types = TYPES[base] ?? TYPES[language] ?? [];
    const kept = [];
    const o = { __proto__: null, usage };
    let numeric = option(options, 'numeric', 'boolean');
    let caseFirst = option(options, 'caseFirst', 'string', CASES);

    const keyCo = intl.keyword(pairs, 'co');
    o.collation = 'default';
    for (let i = 0; i < 2 && o.collation === 'default'; i++) {
      const co = i === 0 ? asked : keyCo;
      if (co === undefined || co === 'standard' || co === 'search' || co === 'default') continue;
      if (includes(types, co)) {
        o.collation = co;
        if (keyCo === co) push(kept, 'co', co);
      } else if (includes(['emoji', 'eor'], co) || (co === 'searchjl' && language === 'ko')) {
        throw intl.absent(`the collation '${co}' with the locale '${resolved.locale}'`, `default ${join(types, ' ')}`);
      }
    }
    const keyKf = intl.keyword(pairs, 'kf');
    if (includes(CASES, keyKf) && (caseFirst === undefined || caseFirst === keyKf)) {
      caseFirst = keyKf;
      push(kept, 'kf', keyKf);
    }
    const keyKn = intl.keyword(pairs, 'kn');
    if ((keyKn === '' || keyKn === 'false') && (numeric === undefined || numeric === (keyKn === ''))) {
      numeric = keyKn === '';
      push(kept, 'kn', keyKn);
    }
    o.locale = intl.tagged(named(resolved.locale), kept);
    const sensitivity = option(options, 'sensitivity', 'string', ['base', 'accent', 'case', 'variant']);
    o.sensitivity = sensitivity ?? 'variant';
    const ignore = option(options, 'ignorePunctuation', 'boolean');
    o.ignorePunctuation = ignore ?? language === 'th';
    o.numeric = numeric ?? false;
    o.caseFirst = caseFirst ?? (language === 'da' ? 'upper' : 'false');
    let tag = `${base}-u`;
    if (o.collation !== 'default') tag += `-co-${o.collation}`;
    if (caseFirst !== undefined) tag += `-kf-${caseFirst}`;
    if (numeric !== undefined) tag += numeric ? '-kn' : '-kn-false';
    o.id = host.collator(tag === `${base}-u` ? base : tag, sensitivity ?? '', ignore);
    return o;
  };

  class Collator {
    #o;
    #compare;
    constructor(locales, options) {
      this.#o = collation(locales, options);
    }
    get compare() {
      this.#compare ??= (a, b) => host.collate(this.#o.id, `${a}`, `${b}`);
      return this.#compare;
    }
    resolvedOptions() {
      return intl.copied(this.#o, ['locale', 'usage', 'sensitivity', 'ignorePunctuation', 'collation', 'numeric', 'caseFirst']);
    }
    static supportedLocalesOf(locales, options) {
      return intl.supported(locales, options);
    }
  }
  intl.Collator = Collator;

  const nullish = (value, name) => {
    if (value === undefined || value === null) throw new TypeError(`String.prototype.${name} called on null or undefined`);
    return `${value}`;
  };
  const plain = { __proto__: null };
  intl.compare = (self, that, locales, options) => {
    const a = nullish(self, 'localeCompare');
    const b = `${that}`;
    if (options !== undefined || (locales !== undefined && typeof locales !== 'string')) {
      return host.collate(collation(locales, options).id, a, b);
    }
    const key = locales ?? '';
    plain[key] ??= collation(locales);
    return host.collate(plain[key].id, a, b);
  };

  // Languages that have rules of their own for the case of letters.
  const SPECIAL = ['tr', 'az', 'lt', 'el', 'hy'];
  intl.mapCase = (self, locales, upper) => {
    const text = nullish(self, upper ? 'toLocaleUpperCase' : 'toLocaleLowerCase');
    if (locales === undefined) return upper ? toUpperCase(text) : toLowerCase(text);
    const tags = intl.canonical(locales);
    const language = tags.length > 0 ? split(tags[0], '-')[0] : '';
    if (includes(SPECIAL, language)) return host.mapCase(language, upper, text);
    return upper ? toUpperCase(text) : toLowerCase(text);
  };
}
