// Writes cases.json: expressions with Node 20's answers. Run it with Node 20, which has the ICU data
// that the locale data is made from: node make.mjs
import fs from 'node:fs';

const LOCALES = ('en en-US en-GB en-CA en-AU en-IN de de-AT de-CH fr fr-CA fr-CH es es-MX it nl pt-BR pt-PT sv da nb fi pl cs '
  + 'hu ro el tr ru uk ja ko zh-CN zh-TW ar he hi th id vi').split(' ');
const expressions = [];
const add = (text) => expressions.push(text);
const js = (value) => JSON.stringify(value);

// The inputs of the issue, and what is like them.
add('["b","a","C","ä"].sort((x,y)=>x.localeCompare(y))');
add('"a".localeCompare("A", undefined, {sensitivity:"base"})');
add('["a10","a9","a1"].sort((x,y)=>x.localeCompare(y, undefined, {numeric:true}))');
add('new Date(0).toLocaleDateString("en-GB")');
add('new Date(1e12).toLocaleString("de-DE", {timeZone:"Europe/Berlin"})');
add('new Intl.PluralRules("ru").select(3)');
add('[1234.5, new Date(0), null, 12n].toLocaleString("de")');
add('["i","I","İ","ı"].map((c)=>[c.toLocaleUpperCase("tr"), c.toLocaleLowerCase("tr"), c.toLocaleUpperCase("lt"), c.toLocaleLowerCase("az")])');
add('["ΐ","Άρης","ΟΔΟΣ","ß","ﬁ"].map((c)=>[c.toLocaleUpperCase("el"), c.toLocaleLowerCase("el"), c.toLocaleUpperCase("de")])');
add('["Ì","Į","i̇́"].map((c)=>[c.toLocaleLowerCase("lt"), c.toLocaleUpperCase("lt")])');

// Collation.
const words = {
  en: ['b', 'a', 'C', 'ä', 'A', 'c', 'Ä', 'résumé', 'resume', 'Resume', 'co-op', 'coop', 'CO-OP', 'a10', 'a9', 'file 2', 'file 10', '', ' x', '#1', '1', '٣', '😀', '€', 'z'],
  sv: ['z', 'å', 'ä', 'ö', 'a', 'o', 'w', 'v', 'ü', 'y', 'Zebra', 'Ål', 'Ärta'],
  es: ['n', 'ñ', 'o', 'll', 'lz', 'ch', 'cz', 'ca'],
  cs: ['c', 'ch', 'h', 'i', 'č', 'd', 'ď', 'ř', 'š', 'ž', 'Z'],
  tr: ['i', 'ı', 'I', 'İ', 'h', 'j', 'ç', 'c', 'd', 'ğ', 'ö', 'o', 'ş', 'ü'],
  hu: ['cs', 'cz', 'c', 'gy', 'gz', 'sz', 'szz', 'ty', 'zs', 'zz', 'ö', 'ő', 'o'],
  ru: ['ё', 'е', 'ж', 'я', 'а', 'Б', 'b', 'a', 'й', 'и'],
  ja: ['あ', 'ア', 'い', 'か', 'が', '日', '本', '漢', 'ー', 'a', '一', 'カー', 'カア'],
  zh: ['北', '京', '上', '海', '广', '州', '一', '二', '三', 'a', '深', '阿'],
  ko: ['가', '나', '힣', 'a', '韓', '國', 'ㄱ'],
  ar: ['ب', 'ا', 'ت', 'آ', 'أ', 'ة', 'ه', 'a'],
  he: ['ב', 'א', 'ת', 'a'],
  hi: ['क', 'ख', 'अ', 'आ', 'ह', 'a'],
  th: ['ข', 'ก', 'เก', 'แก', 'ไก', 'กา', 'a-b', 'ab'],
  el: ['α', 'ά', 'β', 'Ω', 'ς', 'σ', 'a'],
  vi: ['a', 'ă', 'â', 'á', 'd', 'đ', 'o', 'ơ', 'u', 'ư'],
};
const collators = [{}, { sensitivity: 'base' }, { sensitivity: 'accent' }, { sensitivity: 'case' }, { sensitivity: 'variant' }, { numeric: true },
  { caseFirst: 'upper' }, { caseFirst: 'lower' }, { ignorePunctuation: true }, { numeric: true, caseFirst: 'upper', sensitivity: 'case' }];
for (const locale of LOCALES) {
  const list = words[locale] ?? words[locale.split('-')[0]] ?? words.en;
  add(`${js([...list, ...words.sv, 'co-op', 'coop'])}.sort(new Intl.Collator(${js(locale)}).compare)`);
  add(`${js(words.en)}.sort((a, b) => a.localeCompare(b, ${js(locale)}))`);
  add(`new Intl.Collator(${js(locale)}).resolvedOptions()`);
  for (const options of collators) add(`(() => { const { compare } = new Intl.Collator(${js(locale)}, ${js(options)}); const w = ${js(list)}; return w.map((a) => w.map((b) => compare(a, b)).join()); })()`);
}
for (const tag of ['de-u-co-phonebk', 'zh-u-co-stroke', 'es-u-co-trad', 'en-u-kn', 'en-u-kf-upper', 'sv-u-co-trad', 'de-AT-u-co-phonebk', 'zh-TW', 'zh-Hant-HK', 'sr-Latn', 'hr', 'sk', 'lt', 'lv', 'et', 'is', 'nn', 'sl']) {
  add(`${js([...words.en, ...words.sv, ...words.zh, 'Ärger', 'Aerger', 'ch', 'cz', 'ly', 'č', 'ž', 'š', 'đ'])}.sort(new Intl.Collator(${js(tag)}).compare)`);
  // Node says 'default' of a type of Chinese collation that it does use.
  if (!tag.startsWith('zh-u')) add(`new Intl.Collator(${js(tag)}).resolvedOptions()`);
}

// Numbers.
const numbers = ['0', '-0', '1', '1.5', '-1234.567', '12345.678', '1e6', '1e21', '0.000123', 'NaN', '-Infinity', '12345678901234567890n', '"9007199254740993.5"'];
const formats = [{}, { style: 'percent' }, { style: 'currency', currency: 'EUR' }, { style: 'currency', currency: 'USD', currencyDisplay: 'code' },
  { style: 'currency', currency: 'JPY', currencyDisplay: 'name' }, { style: 'currency', currency: 'CHF', currencySign: 'accounting', signDisplay: 'always' },
  { style: 'unit', unit: 'kilometer-per-hour' }, { style: 'unit', unit: 'liter', unitDisplay: 'long' }, { notation: 'compact' },
  { notation: 'compact', compactDisplay: 'long' }, { notation: 'scientific' }, { maximumSignificantDigits: 3 }, { minimumFractionDigits: 2, useGrouping: 'min2' },
  { signDisplay: 'exceptZero', roundingMode: 'floor', maximumFractionDigits: 1 }];
for (const locale of LOCALES) {
  for (const options of formats) add(`(() => { const f = new Intl.NumberFormat(${js(locale)}, ${js(options)}); return [${numbers.join()}].map(f.format).concat(f.resolvedOptions().locale, JSON.stringify(f.formatToParts(-1234567.8))); })()`);
  add(`(1234567.891).toLocaleString(${js(locale)})`);
  add(`(12345678901234567890n).toLocaleString(${js(locale)}, { style: "currency", currency: "GBP" })`);
}

// Dates.
const times = [0, 1e12, Date.UTC(2026, 2, 29, 1, 30), Date.UTC(2026, 9, 25, 0, 30, 5, 678), Date.UTC(2024, 1, 29, 12), Date.UTC(1995, 5, 15, 23, 59, 59), Date.UTC(2099, 6, 1, 6)];
const dates = [{}, { dateStyle: 'full' }, { dateStyle: 'long', timeStyle: 'short' }, { dateStyle: 'medium', timeStyle: 'medium' }, { dateStyle: 'short', timeStyle: 'long' },
  { timeStyle: 'full' }, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, { month: 'short', day: '2-digit' }, { year: '2-digit', month: 'narrow' },
  { hour: 'numeric', minute: '2-digit' }, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false },
  { year: 'numeric', month: '2-digit', day: '2-digit', hour: 'numeric', minute: 'numeric', timeZoneName: 'short' }, { era: 'short', year: 'numeric' },
  { month: 'long' }, { weekday: 'short', hour: 'numeric' }, { hour: 'numeric', dayPeriod: 'long' }, { timeStyle: 'short', hourCycle: 'h11' }];
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Pacific/Apia', 'Africa/Cairo', 'Asia/Tehran', 'Europe/London'];
let turn = 0;
for (const locale of LOCALES) {
  for (const given of dates) {
    const options = { ...given, timeZone: zones[turn++ % zones.length] };
    add(`(() => { const f = new Intl.DateTimeFormat(${js(locale)}, ${js(options)}); return ${js(times)}.map(f.format).concat(JSON.stringify(f.formatToParts(1e12)), JSON.stringify(f.resolvedOptions())); })()`);
  }
  for (const method of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString']) add(`new Date(${times[3]}).${method}(${js(locale)}, { timeZone: "Europe/Paris" })`);
}
for (const zone of Intl.supportedValuesOf('timeZone')) {
  add(`${js([-6e10, 0, 5e11, 1e12, 17e11, times[2], times[3], 4.2e12])}.map((t) => new Date(t).toLocaleString("en-GB", { timeZone: ${js(zone)}, timeZoneName: "longOffset" }))`);
}
for (const name of ['us/eastern', 'GMT', 'Etc/GMT+5', 'Asia/Calcutta', 'Asia/Kolkata', 'EST', 'Europe/Kyiv', 'Mars/Base', '+01:00', 'Z']) add(`new Intl.DateTimeFormat("en", { timeZone: ${js(name)} }).resolvedOptions().timeZone`);

// Words.
for (const locale of LOCALES) {
  add(`(() => { const f = new Intl.PluralRules(${js(locale)}), o = new Intl.PluralRules(${js(locale)}, { type: "ordinal" }); return [0,1,2,3,4,5,6,8,11,12,21,22,80,100,101,1.5,1e6].map((n) => f.select(n) + " " + o.select(n)).concat(f.resolvedOptions().pluralCategories, o.resolvedOptions().pluralCategories); })()`);
  add(`["conjunction","disjunction","unit"].map((type) => ["long","short","narrow"].map((style) => [[], ["a"], ["a","b"], ["x","y","Isabel"], ["a","8"]].map((l) => new Intl.ListFormat(${js(locale)}, { type, style }).format(l))))`);
  add(`["second","hour","day","week","quarter","years"].map((unit) => ["long","narrow"].map((style) => ["always","auto"].map((numeric) => [-1,0,1,2,-3.5,1000].map((n) => new Intl.RelativeTimeFormat(${js(locale)}, { style, numeric }).format(n, unit)))))`);
}

// Tags, supported locales, options that are wrong.
for (const tag of ['en-us', 'EN-latn-us', 'zh-hant-tw', 'iw', 'in', 'en-u-nu-latn-ca-gregorian', 'de-u-co-phonebook-kn-true', 'sl-rozaj-biske', 'x-foo', 'en-UK', '', 'e', 'en_US', 'en-u', 'en-u-attr-ca-buddhist']) add(`Intl.getCanonicalLocales(${js(tag)})`);
for (const tag of ['de-XX', 'en-Latn-US', 'de-DE-1996', 'zh-Hans-CN', 'fr-u-nu-latn', 'es-419', 'pt', 'sr-Latn-RS', 'no']) {
  for (const name of ['NumberFormat', 'DateTimeFormat', 'Collator', 'ListFormat', 'RelativeTimeFormat', 'PluralRules']) add(`new Intl.${name}(${js(tag)}).resolvedOptions().locale`);
}
add('Intl.NumberFormat.supportedLocalesOf(["de-DE", "xx", "en-GB-oxendict", "zh-TW"])');
for (const key of ['currency', 'numberingSystem', 'timeZone', 'unit']) add(`Intl.supportedValuesOf(${js(key)})`);
for (const text of ['new Intl.NumberFormat("en", {style:"x"})', 'new Intl.NumberFormat("en", {style:"currency"})', 'new Intl.NumberFormat("en", {style:"unit",unit:"parsec"})',
  'new Intl.NumberFormat("en", {maximumFractionDigits:101})', 'new Intl.DateTimeFormat("en", {dateStyle:"full",year:"numeric"})', 'new Intl.DateTimeFormat("en", {month:"x"})',
  'new Date(NaN).toLocaleString()', 'new Intl.DateTimeFormat("en").format(NaN)', 'new Date(0).toLocaleDateString("en", {timeStyle:"short"})',
  'new Intl.ListFormat("en").format([1])', 'new Intl.RelativeTimeFormat("en").format(1, "eon")', 'Intl.supportedValuesOf("x")', 'new Intl.Collator("en", {sensitivity:"x"})']) add(text);

const answer = (text) => {
  try {
    return { is: JSON.parse(JSON.stringify((0, eval)(text)) ?? 'null') };
  } catch (error) {
    return { throws: error.name };
  }
};
process.env.TZ = 'UTC';
const cases = expressions.map((text) => ({ js: text, ...answer(text) }));
fs.writeFileSync(new URL('cases.json', import.meta.url), `[\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
console.log(`${cases.length} cases of Node ${process.versions.node}, ICU ${process.versions.icu}, CLDR ${process.versions.cldr}`);
