// Makes the locale data of steps from the Unicode CLDR: one JSON text a locale and kind.
// `resources(folder)` reads the npm packages cldr-* in `folder`/node_modules and gives a Map of names
// to texts. What a name means stands in ../README.md.
import fs from 'node:fs';
import path from 'node:path';

const LANGUAGES = ('en de fr es it nl pt sv da nb no nn fi pl cs sk hu ro bg el tr ru uk hr sr sl lt lv et ca is '
  + 'ja ko zh ar he hi th id vi ms').split(' ');
const UNITS = ('acre bit byte celsius centimeter day degree fahrenheit fluid-ounce foot gallon gigabit gigabyte gram '
  + 'hectare hour inch kilobit kilobyte kilogram kilometer liter megabit megabyte meter mile mile-scandinavian '
  + 'milliliter millimeter millisecond minute month ounce percent petabyte pound second stone terabit terabyte '
  + 'week yard year').split(' ');

/** Members of `object` whose names `rename` keeps, under the name that it gives. */
const picked = (object, rename) => {
  const out = {};
  for (const [key, value] of Object.entries(object ?? {})) {
    const name = rename(key);
    if (name !== undefined) out[name] = value;
  }
  return out;
};
const counts = (object, prefix) => picked(object, (key) => key.startsWith(prefix) ? key.slice(prefix.length) : undefined);
const plain = (key) => key.includes('-alt-') ? undefined : key;

export const resources = (folder) => {
  const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, 'node_modules', name), 'utf8'));
  const main = (pack, tag, file) => read(`cldr-${pack}-full/main/${tag}/${file}.json`).main[tag];
  const supplemental = (file) => read(`cldr-core/supplemental/${file}.json`).supplemental;

  const all = read('cldr-core/availableLocales.json').availableLocales.full;
  const numbering = supplemental('numberingSystems').numberingSystems;
  const cardinals = supplemental('plurals')['plurals-type-cardinal'];
  const ordinals = supplemental('ordinals')['plurals-type-ordinal'];
  const hours = supplemental('timeData').timeData;
  const periods = supplemental('dayPeriods').dayPeriodRuleSet;
  const likely = supplemental('likelySubtags').likelySubtags;

  const likelyOf = (tag) => {
    const parts = tag.split('-');
    const language = parts[0];
    const script = parts.find((part, at) => at > 0 && part.length === 4);
    const region = parts.find((part, at) => at > 0 && part.length < 4);
    const keys = [[language, script, region], [language, region], [language, script], [language]];
    for (const key of keys) {
      const found = key.every(Boolean) && likely[key.join('-')];
      if (found) {
        const [, s, r] = found.split('-');
        return { language, script: script ?? s, region: region ?? r };
      }
    }
    return { language, script, region };
  };
  const rules = (all, tag) => {
    const found = all[tag] ?? all[tag.split('-')[0]] ?? {};
    const out = {};
    for (const [key, text] of Object.entries(found)) {
      const rule = text.split('@')[0].trim();
      if (rule) out[key.replace('pluralRule-count-', '')] = rule;
    }
    return out;
  };

  const compact = (table) => {
    const out = {};
    for (const [key, pattern] of Object.entries(table ?? {})) {
      const match = /^(10+)-count-(\w+)$/.exec(key);
      if (match) (out[match[1].length - 1] ??= {})[match[2]] = pattern;
    }
    return out;
  };
  const numbers = (tag) => {
    const all = main('numbers', tag, 'numbers').numbers;
    const out = { nu: all.defaultNumberingSystem, group: Number(all.minimumGroupingDigits), plural: rules(cardinals, tag), sys: {} };
    for (const key of Object.keys(all)) {
      const nu = /^symbols-numberSystem-(\w+)$/.exec(key)?.[1];
      if (!nu || numbering[nu]?._type !== 'numeric') continue;
      const of = (kind) => all[`${kind}-numberSystem-${nu}`];
      const currency = of('currencyFormats');
      const or = (table, other) => Object.keys(table).length ? table : compact(other);
      const latn = (kind) => all[`${kind}-numberSystem-latn`];
      out.sys[nu] = {
        sym: picked(all[key], plain),
        dec: of('decimalFormats').standard,
        pct: of('percentFormats').standard,
        sci: of('scientificFormats').standard,
        cur: currency.standard,
        acc: currency.accounting,
        names: counts(currency, 'unitPattern-count-'),
        short: or(compact(of('decimalFormats').short?.decimalFormat), latn('decimalFormats')?.short?.decimalFormat),
        long: or(compact(of('decimalFormats').long?.decimalFormat), latn('decimalFormats')?.long?.decimalFormat),
        curShort: or(compact(currency.short?.standard), latn('currencyFormats')?.short?.standard),
      };
      if (nu !== 'latn') out.sys[nu].digits = numbering[nu]._digits;
    }
    return out;
  };
  const currencies = (tag) => {
    const all = main('numbers', tag, 'currencies').numbers.currencies;
    const out = {};
    for (const [code, names] of Object.entries(all)) {
      const entry = [names.symbol ?? code, names['symbol-alt-narrow'] ?? names.symbol ?? code];
      if (entry[0] !== code || entry[1] !== code) out[code] = entry;
    }
    return out;
  };
  const currencyNames = (tag) => {
    const all = main('numbers', tag, 'currencies').numbers.currencies;
    const out = {};
    for (const [code, names] of Object.entries(all)) {
      const forms = counts(names, 'displayName-count-');
      if (Object.keys(forms).length) out[code] = forms;
      else if (names.displayName) out[code] = { other: names.displayName };
    }
    return out;
  };
  const units = (tag) => {
    const all = main('units', tag, 'units').units;
    const out = {};
    for (const width of ['long', 'short', 'narrow']) {
      const of = all[width];
      const table = { per: of.per.compoundUnitPattern };
      for (const key of Object.keys(of)) {
        const name = key.replace(/^[a-z]+-/, '').replace(/^concentr-/, '');
        const known = UNITS.includes(name) || (/^[a-z-]+-per-[a-z-]+$/.test(name) && name.split('-per-').every((part) => UNITS.includes(part)));
        if (!known || !of[key].displayName && !of[key]['unitPattern-count-other']) continue;
        if (key.startsWith('10') || key.includes('person')) continue;
        const entry = counts(of[key], 'unitPattern-count-');
        for (const count of Object.keys(entry)) if (count.includes('-case-')) delete entry[count];
        if (of[key].perUnitPattern) entry.per = of[key].perUnitPattern;
        if (Object.keys(entry).length) table[name] = entry;
      }
      out[width] = table;
    }
    return out;
  };

  const widths = { abbreviated: 'a', wide: 'w', narrow: 'n' };
  const named = (set) => {
    const out = {};
    for (const form of ['format', 'stand-alone']) {
      out[form === 'format' ? 'f' : 's'] = {};
      for (const [width, short] of Object.entries(widths)) {
        const table = set[form][width];
        out[form === 'format' ? 'f' : 's'][short] = Array.isArray(table) ? table : Object.values(picked(table, plain));
      }
    }
    return out;
  };
  const dayPeriods = (set) => {
    const out = {};
    for (const form of ['format', 'stand-alone']) {
      out[form === 'format' ? 'f' : 's'] = {};
      for (const [width, short] of Object.entries(widths)) out[form === 'format' ? 'f' : 's'][short] = picked(set[form][width], plain);
    }
    return out;
  };
  const parents = supplemental('parentLocales').parentLocales.parentLocale;
  const availableOf = (tag) => main('dates', tag, 'ca-gregorian').dates.calendars.gregorian.dateTimeFormats.availableFormats;
  // ICU goes through what a locale says itself before what its parents say, each in the order of the
  // keys' bytes. The packages have both in one; what the parent says as well is taken to be its own.
  const available = (tag) => {
    const out = {};
    for (let at = tag; at !== 'und';) {
      const mine = availableOf(at);
      let up = parents[at] ?? (at.includes('-') ? at.slice(0, at.lastIndexOf('-')) : 'und');
      if (up !== 'und' && !all.includes(up)) [up] = up.split('-');
      const theirs = up === 'und' ? {} : availableOf(up);
      for (const key of Object.keys(mine).sort()) {
        if (!/[-QwW]/.test(key) && !(key in out) && mine[key] !== theirs[key]) out[key] = mine[key];
      }
      at = up;
    }
    return { available: out };
  };
  const formats = (calendar) => {
    const four = (table) => ['full', 'long', 'medium', 'short'].map((style) => table[style]?._value ?? table[style]);
    return {
      date: four(calendar.dateFormats), time: four(calendar.timeFormats), glue: four(calendar.dateTimeFormats),
      at: four(calendar['dateTimeFormats-atTime'].standard),
      append: calendar.dateTimeFormats.appendItems,
    };
  };
  const dates = (tag) => {
    const gregorian = main('dates', tag, 'ca-gregorian').dates.calendars.gregorian;
    const fields = main('dates', tag, 'dateFields').dates.fields;
    const { language, script, region } = likelyOf(tag);
    const hour = hours[`${language}_${region}`] ?? hours[`${language}-${region}`] ?? hours[region] ?? hours['001'];
    const eras = (set) => [set[0], set[1]];
    const out = {
      hour: hour._preferred, allowed: hour._allowed,
      months: named(gregorian.months),
      days: named(gregorian.days),
      periods: dayPeriods(gregorian.dayPeriods),
      rules: periods[tag] ?? periods[language] ?? {},
      eras: { w: eras(gregorian.eras.eraNames), a: eras(gregorian.eras.eraAbbr), n: eras(gregorian.eras.eraNarrow) },
      gregory: { ...formats(gregorian), ...available(tag) },
      fields: Object.fromEntries(['era', 'year', 'month', 'day', 'weekday', 'dayperiod', 'hour', 'minute', 'second', 'zone']
        .map((field) => [field, fields[field].displayName])),
    };
    if (language === 'th') {
      // The packages lack this calendar; it is the Gregorian one but for what shows the era.
      out.buddhist = structuredClone(out.gregory);
      out.buddhist.date[1] = 'd MMMM y';
      out.buddhist.available.y = 'G y';
      const generic = main('dates', tag, 'ca-generic').dates.calendars.generic.dateTimeFormats.availableFormats;
      for (const key of ['GyMEd', 'Hm']) out.buddhist.available[key] = generic[key];
      for (const key of ['Hmv', 'Hmsv', 'hmv', 'hmsv']) delete out.buddhist.available[key];
      const era = 'พุทธศักราช';
      out.buddhist.eras = { w: [era, era], a: ['พ.ศ.', 'พ.ศ.'], n: ['พ.ศ.', 'พ.ศ.'] };
    }
    return out;
  };

  const zones = (tag) => {
    const all = main('dates', tag, 'timeZoneNames').dates.timeZoneNames;
    const out = { gmt: all.gmtFormat, zero: all.gmtZeroFormat, hour: all.hourFormat, region: all.regionFormat, zone: {}, meta: {} };
    const walk = (table, prefix) => {
      for (const [key, value] of Object.entries(table)) {
        const name = prefix + key;
        if (value.exemplarCity || value.long || value.short) {
          const { exemplarCity: city, long, short } = value;
          out.zone[name] = { ...(city && { city }), ...(long && { long }), ...(short && { short }) };
        } else if (typeof value === 'object') walk(value, `${name}/`);
      }
    };
    walk(all.zone ?? {}, '');
    for (const [key, { long, short }] of Object.entries(all.metazone ?? {})) out.meta[key] = { ...(long && { long }), ...(short && { short }) };
    return out;
  };
  const misc = (tag) => {
    const lists = main('misc', tag, 'listPatterns').listPatterns;
    const fields = main('dates', tag, 'dateFields').dates.fields;
    const list = {};
    for (const [type, name] of [['conjunction', 'standard'], ['disjunction', 'or'], ['unit', 'unit']]) {
      for (const [style, suffix] of [['long', ''], ['short', '-short'], ['narrow', '-narrow']]) {
        const found = lists[`listPattern-type-${name}${suffix}`];
        list[`${type}-${style}`] = [found[2], found.start, found.middle, found.end];
      }
    }
    const relative = {};
    for (const unit of ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second']) {
      for (const [style, suffix] of [['long', ''], ['short', '-short'], ['narrow', '-narrow']]) {
        const field = fields[unit + suffix];
        relative[`${unit}-${style}`] = {
          at: counts(field, 'relative-type-'),
          past: counts(field['relativeTime-type-past'], 'relativeTimePattern-count-'),
          future: counts(field['relativeTime-type-future'], 'relativeTimePattern-count-'),
        };
      }
    }
    return { ordinal: rules(ordinals, tag), list, relative };
  };

  const out = new Map();
  const put = (name, value) => out.set(name, JSON.stringify(value));
  const tags = {};
  const supported = (tag) => Intl.NumberFormat.supportedLocalesOf(tag, { localeMatcher: 'lookup' }).length > 0;
  const formatter = (tag) => new Intl.DateTimeFormat(tag).resolvedOptions();
  const others = new Set();
  for (const tag of all) {
    const language = tag.split('-')[0];
    if (!LANGUAGES.includes(language)) {
      if (language !== 'und' && supported(language)) others.add(language);
      continue;
    }
    if (!supported(tag)) continue;
    const { script, region } = likelyOf(tag);
    const dir = tag;
    for (const name of new Set([tag, `${language}-${region}`, `${language}-${script}-${region}`, `${language}-${script}`])) {
      if (tags[name] !== undefined && name !== tag) continue;
      if (!supported(name) || name !== formatter(name).locale) continue;
      const mine = likelyOf(name);
      const full = tag.split('-').some((part, at) => at > 0 && part.length < 4) || mine.region === likelyOf(tag).region;
      if (mine.script === script && full) tags[name] = name === dir ? '' : dir;
    }
    put(`numbers/${dir}`, numbers(dir));
    put(`currencies/${dir}`, currencies(dir));
    put(`currency-names/${dir}`, currencyNames(dir));
    put(`units/${dir}`, units(dir));
    put(`dates/${dir}`, dates(dir));
    put(`zones/${dir}`, zones(dir));
    put(`misc/${dir}`, misc(dir));
  }
  // The calendar that a locale has where it is not the Gregorian one.
  const calendars = {};
  for (const tag of Object.keys(tags)) {
    const { calendar } = formatter(tag);
    if (calendar !== 'gregory') calendars[tag] = calendar;
  }
  const alias = supplemental('aliases').metadata?.alias ?? supplemental('aliases').alias;
  const simple = (table, ok) => Object.fromEntries(Object.entries(table).filter(([from, { _replacement: to }]) => ok.test(from) && ok.test(to))
    .map(([from, { _replacement }]) => [from, _replacement]));
  const digits = {};
  for (const [code, value] of Object.entries(supplemental('currencyData').currencyData.fractions)) {
    if (code !== 'DEFAULT' && value._digits !== '2') digits[code] = Number(value._digits);
  }
  put('locales', {
    tags, calendars, collation: Object.keys(tags).filter((tag) => new Intl.Collator(tag).resolvedOptions().locale === tag), others: [...others].sort(),
    language: simple(alias.languageAlias, /^[a-z]{2,3}$/), region: simple(alias.territoryAlias, /^[A-Z]{2}$/),
  });
  put('digits', digits);
  const info = supplemental('metaZones').metaZones.metazoneInfo.timezone;
  const meta = {};
  const walk = (table, prefix) => {
    for (const [key, value] of Object.entries(table)) {
      if (Array.isArray(value)) {
        meta[prefix + key] = value.map(({ usesMetazone: { _mzone, _from, _to } }) => [_mzone,
          ...[_from, _to].map((time) => time ? Date.parse(`${time.replace(' ', 'T')}Z`) / 60_000 : null)]);
      } else walk(value, `${prefix}${key}/`);
    }
  };
  walk(info, '');
  const golden = {};
  for (const { mapZone: { _other, _type, _territory } } of supplemental('metaZones').metaZones.metazones) {
    (golden[_other] ??= {})[_territory] = _type;
  }
  const canonical = {};
  const country = {};
  for (const [key, { _alias, _region }] of Object.entries(read('cldr-bcp47/bcp47/timezone.json').keyword.u.tz)) {
    if (!_alias) continue;
    for (const name of _alias.split(' ')) {
      try {
        canonical[name] = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
        country[canonical[name]] ??= _region ?? key.slice(0, 2).toUpperCase();
      } catch {
        // A name that the yardstick does not have.
      }
    }
  }
  const names = [...new Set(Object.values(canonical))].sort();
  for (const [name, is] of Object.entries(canonical)) if (name === is) delete canonical[name];
  put('metazones', { meta, golden, country });
  put('zones', { names, canonical });
  put('supported', Object.fromEntries(['calendar', 'collation', 'currency', 'numberingSystem', 'timeZone', 'unit']
    .map((key) => [key, Intl.supportedValuesOf(key)])));
  return out;
};
