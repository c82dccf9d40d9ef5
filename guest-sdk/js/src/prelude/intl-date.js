// `Intl.DateTimeFormat`.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { at, option } = intl;
  const { includes, indexOf: place, join, push } = own.Array;
  const { includes: includesText, padStart, repeat, slice, split } = own.String;

  const CYCLES = ['h11', 'h12', 'h23', 'h24'];
  const LETTER = { __proto__: null, h11: 'K', h12: 'h', h23: 'H', h24: 'k' };
  const CYCLE = { __proto__: null, K: 'h11', h: 'h12', H: 'h23', k: 'h24' };
  const TEXTS = ['narrow', 'short', 'long'];
  const NUMBERS = ['2-digit', 'numeric'];
  // The fields in the order in which ECMA-402 reads them: the option, its values, and what each is in
  // a skeleton.
  const FIELDS = [
    ['weekday', TEXTS, ['EEEEE', 'EEE', 'EEEE']],
    ['era', TEXTS, ['GGGGG', 'GGG', 'GGGG']],
    ['year', NUMBERS, ['yy', 'y']],
    ['month', ['2-digit', 'numeric', 'narrow', 'short', 'long'], ['MM', 'M', 'MMMMM', 'MMM', 'MMMM']],
    ['day', NUMBERS, ['dd', 'd']],
    ['dayPeriod', TEXTS, ['BBBBB', 'B', 'BBBB']],
    ['hour', NUMBERS, ['jj', 'j']],
    ['minute', NUMBERS, ['mm', 'm']],
    ['second', NUMBERS, ['ss', 's']],
    ['fractionalSecondDigits'],
    ['timeZoneName', ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric'], ['z', 'zzzz', 'O', 'OOOO']],
  ];
  const STYLES = ['full', 'long', 'medium', 'short'];
  const DATES = ['weekday', 'year', 'month', 'day'];
  const TIMES = ['dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits'];

  // A pattern with the letter of an hour cycle.
  const cycled = (pattern, cycle) => {
    let out = '';
    let quoted = false;
    let last = '';
    for (let i = 0; i < pattern.length; i++) {
      const char = pattern[i];
      if (char === "'") quoted = !quoted;
      if (!quoted && CYCLE[char]) out += (last === 'd' ? ' ' : '') + LETTER[cycle];
      else out += char;
      last = char;
    }
    return out;
  };
  const cycleOf = (pattern) => {
    const items = intl.parsePattern(pattern);
    for (let i = 0; i < items.length; i++) if (typeof items[i] !== 'string' && CYCLE[items[i][0]]) return CYCLE[items[i][0]];
    return undefined;
  };

  const calendarOf = (resolved, asked, kept) => {
    const usual = at(intl.read('locales').calendars, resolved.locale) ?? 'gregory';
    const keyword = intl.keyword(resolved.pairs, 'ca');
    for (let i = 0; i < 2; i++) {
      const calendar = i === 0 ? asked : keyword;
      if (calendar === undefined) continue;
      const known = calendar === 'gregory' || (calendar === 'buddhist' && usual === 'buddhist');
      if (!known && includes(intl.read('supported').calendar, calendar)) {
        throw intl.absent(`the calendar '${calendar}' with the locale '${resolved.locale}'`, `${usual === 'gregory' ? '' : `${usual} and `}gregory`);
      }
      if (known) {
        if (keyword === calendar) push(kept, 'ca', calendar);
        return calendar;
      }
    }
    return usual;
  };

  // What the format needs. `required` and `defaults` are ECMA-402's: date, time, any; date, time, all.
  intl.dateFormat = (locales, given, required, defaults) => {
    const resolved = intl.resolve(locales);
    const options = intl.options(given);
    const values = { __proto__: null };
    const get = (name) => (values[name] = options[name]);
    let needed = true;
    const look = (names) => {
      for (let i = 0; i < names.length; i++) if (get(names[i]) !== undefined) needed = false;
    };
    if (required !== 'time') look(DATES);
    if (required !== 'date') look(TIMES);
    const styles = [options.dateStyle, options.timeStyle];
    if (styles[0] !== undefined || styles[1] !== undefined) needed = false;
    if (required === 'date' && styles[1] !== undefined) throw new TypeError('Invalid option : timeStyle');
    if (required === 'time' && styles[0] !== undefined) throw new TypeError('Invalid option : dateStyle');

    intl.matcher(options);
    const calendar = intl.typed(option(options, 'calendar', 'string'), 'calendar');
    const numbering = intl.typed(option(options, 'numberingSystem', 'string'), 'numberingSystem');
    const hour12 = option(options, 'hour12', 'boolean');
    let cycle = option(options, 'hourCycle', 'string', CYCLES);
    if (hour12 !== undefined) cycle = undefined;
    const kept = [];
    const data = intl.read(`dates/${resolved.folder}`);
    const o = { __proto__: null, folder: resolved.folder, data };
    o.calendar = calendarOf(resolved, calendar, kept);
    const usual = CYCLE[data.hour];
    const keyword = intl.keyword(resolved.pairs, 'hc');
    if (hour12 === undefined && includes(CYCLES, keyword) && (cycle === undefined || cycle === keyword)) push(kept, 'hc', keyword);
    const numbers = intl.read(`numbers/${resolved.folder}`);
    o.numberingSystem = intl.numbering(resolved, numbering, numbers, kept);
    o.sys = numbers.sys[o.numberingSystem];
    o.table = intl.digitTable(o.sys);
    o.locale = intl.tagged(resolved.locale, kept);
    const { timeZone } = options;
    o.timeZone = timeZone === undefined ? 'UTC' : intl.zone(`${timeZone}`);

    if (hour12 !== undefined) {
      const zero = usual === 'h11' || usual === 'h23';
      cycle = hour12 ? (zero ? 'h11' : 'h12') : zero ? 'h23' : 'h24';
    } else cycle ??= includes(CYCLES, keyword) ? keyword : usual;

    const before = needed ? { __proto__: null } : undefined;
    if (needed && defaults !== 'time') before.year = before.month = before.day = 'numeric';
    if (needed && defaults !== 'date') before.hour = before.minute = before.second = 'numeric';
    let skeleton = '';
    let explicit;
    for (let i = 0; i < FIELDS.length; i++) {
      const { 0: name, 1: allowed, 2: letters } = FIELDS[i];
      if (letters === undefined) {
        const digits = intl.numberOption(options[name], name, 1, 3, undefined);
        if (digits !== undefined) {
          skeleton += repeat('S', digits);
          explicit ??= name;
        }
        continue;
      }
      const value = option(options, name, 'string', allowed, before?.[name]);
      if (value === undefined) continue;
      explicit ??= name;
      if (name === 'timeZoneName' && (value === 'shortGeneric' || value === 'longGeneric')) {
        throw intl.absent(`timeZoneName '${value}'`, 'short, long, shortOffset and longOffset');
      }
      const letter = letters[place(allowed, value)];
      skeleton += name === 'hour' ? repeat(LETTER[cycle], letter.length) : letter;
      if (name === 'hour') o.hourCycle = cycle;
    }
    option(options, 'formatMatcher', 'string', ['best fit', 'basic'], 'best fit');
    const dateStyle = option(options, 'dateStyle', 'string', STYLES);
    const timeStyle = option(options, 'timeStyle', 'string', STYLES);
    const formats = data[o.calendar];
    const decimal = o.sys.sym.decimal;
    if (dateStyle === undefined && timeStyle === undefined) {
      o.pattern = intl.bestPattern(skeleton, formats, data, decimal);
      if (o.hourCycle) o.pattern = cycled(o.pattern, cycle);
    } else {
      if (explicit !== undefined) throw new TypeError(`Can't set option ${explicit} when ${dateStyle ? 'dateStyle' : 'timeStyle'} is used`);
      const date = dateStyle && formats.date[place(STYLES, dateStyle)];
      const time = timeStyle && formats.time[place(STYLES, timeStyle)];
      o.dateStyle = dateStyle;
      o.timeStyle = timeStyle;
      o.pattern = date && time ? intl.filled(formats.at[place(STYLES, dateStyle)], [time, date]) : date || time;
      if (time) {
        o.hourCycle = cycle;
        if (cycleOf(o.pattern) !== cycle) {
          let letters = '';
          const from = intl.skeleton(o.pattern);
          for (let i = 0; i < from.length; i++) {
            if (CYCLE[from[i]]) letters += LETTER[cycle];
            else if (from[i] !== 'a' && from[i] !== 'b' && from[i] !== 'B') letters += from[i];
          }
          o.pattern = cycled(intl.bestPattern(letters, formats, data, decimal), cycle);
        }
      }
    }
    return o;
  };

  const digitText = (text, table) => {
    if (table === undefined) return text;
    let out = '';
    for (let i = 0; i < text.length; i++) out += table[Number(text[i])] ?? text[i];
    return out;
  };
  const spaced = (text) => (includesText(text, '\u202f') ? join(split(text, '\u202f'), ' ') : text);
  const width = (length) => (length === 5 ? 'n' : length === 4 ? 'w' : 'a');
  // The name of a part of the day, such as "in the morning"; `b` and `B` of UTS 35.
  const period = (data, letter, length, hour, exact) => {
    const names = data.periods.f[width(length)];
    const plain = () => at(names, hour < 12 ? 'am' : 'pm');
    if (letter === 'a') return at(data.periods.f[length === 5 ? 'n' : 'a'], hour < 12 ? 'am' : 'pm');
    const { rules } = data;
    // ICU shows noon, but no midnight, which may be the day's beginning or its end.
    if (exact && hour === 12 && at(rules, 'noon') && at(names, 'noon')) return at(names, 'noon');
    if (letter === 'b') return plain();
    const keys = own.Object.keys(rules);
    for (let i = 0; i < keys.length; i++) {
      const rule = rules[keys[i]];
      if (rule._at !== undefined) continue;
      const from = Number(split(rule._from, ':')[0]);
      const to = Number(split(rule._before, ':')[0]);
      if (from < to ? hour >= from && hour < to : hour >= from || hour < to) return at(names, keys[i]) ?? plain();
    }
    return plain();
  };
  const TYPES = {
    __proto__: null, G: 'era', y: 'year', M: 'month', L: 'month', E: 'weekday', e: 'weekday', c: 'weekday', d: 'day', a: 'dayPeriod',
    b: 'dayPeriod', B: 'dayPeriod', h: 'hour', H: 'hour', k: 'hour', K: 'hour', m: 'minute', s: 'second', S: 'fractionalSecond',
    z: 'timeZoneName', O: 'timeZoneName', v: 'timeZoneName',
  };
  // ICU's Buddhist calendar is the Julian one before 15 October 1582; its Gregorian one, as the language
  // wants, is not.
  const REFORM = -12_219_292_800_000;
  const julian = (wall) => {
    const days = own.Math.floor(wall / 86_400_000) + 719_470;
    const cycle = own.Math.floor(days / 1461);
    const rest = days - cycle * 1461;
    const years = own.Math.min(own.Math.floor(rest / 365), 3);
    const month = own.Math.floor((5 * (rest - years * 365) + 2) / 153);
    const day = rest - years * 365 - own.Math.floor((153 * month + 2) / 5) + 1;
    return [cycle * 4 + years + (month > 9 ? 1 : 0), (month + 2) % 12, day];
  };
  intl.dateParts = (value, o) => {
    const time = value === undefined ? host.now() : own.isA(Date, value) ? own.Date.getTime(value) : Number(value);
    if (!(time >= -8.64e15 && time <= 8.64e15)) throw new RangeError('Invalid time value');
    const moment = own.Math.trunc(time) + 0;
    const { data, pattern, table } = o;
    const { 0: offset } = intl.offset(o.timeZone, moment);
    const wall = moment + offset * 1000;
    // A day is taken apart in UTC; near the ends of what a Date can hold the zone's offset leads out
    // of it, so the days are moved by 400 years, in which the calendar repeats.
    const CENTURIES = 400;
    const moved = wall > 8.6e15 ? -CENTURIES : wall < -8.6e15 ? CENTURIES : 0;
    const date = new Date(wall + moved / CENTURIES * 146_097 * 86_400_000);
    const { 0: iso, 1: month0, 2: day0 } = o.calendar === 'buddhist' && wall < REFORM ? julian(wall)
      : [own.Date.getUTCFullYear(date) - moved, own.Date.getUTCMonth(date), own.Date.getUTCDate(date)];
    const hour = own.Date.getUTCHours(date);
    const minute = own.Date.getUTCMinutes(date);
    const second = own.Date.getUTCSeconds(date);
    const number = (n, length) => digitText(padStart(`${n}`, length, '0'), table);
    const items = intl.parsePattern(pattern);
    const has = (letter) => {
      for (let i = 0; i < items.length; i++) if (items[i][0] === letter && typeof items[i] !== 'string') return true;
      return false;
    };
    const field = (letter, length) => {
      switch (letter) {
        case 'G': {
          const eras = o.calendar === 'buddhist' ? data.buddhist.eras : data.eras;
          return eras[width(length)][o.calendar === 'buddhist' || iso > 0 ? 1 : 0];
        }
        case 'y': {
          const year = o.calendar === 'buddhist' ? iso + 543 : iso > 0 ? iso : 1 - iso;
          return length === 2 ? number(own.Math.abs(year % 100), 2) : number(year, length);
        }
        case 'M':
        case 'L': {
          const month = month0;
          return length < 3 ? number(month + 1, length) : data.months[letter === 'M' ? 'f' : 's'][width(length)][month];
        }
        case 'E':
        case 'e':
        case 'c':
          return data.days[letter === 'c' ? 's' : 'f'][width(length)][own.Date.getUTCDay(date)];
        case 'd': return number(day0, length);
        case 'h': return number(hour % 12 || 12, length);
        case 'H': return number(hour, length);
        case 'K': return number(hour % 12, length);
        case 'k': return number(hour || 24, length);
        case 'm': return number(minute, length);
        case 's': return number(second, length);
        case 'S': return digitText(slice(padStart(`${own.Date.getUTCMilliseconds(date)}`, 3, '0'), 0, length), table);
        case 'a':
        case 'b':
        case 'B':
          return period(data, letter, length, hour, (minute === 0 || !has('m')) && (second === 0 || !has('s')));
        case 'z':
        case 'O':
        case 'v':
          return intl.zoneName(o.timeZone, moment, letter, length, o.folder, table);
        default:
          throw intl.absent(`the field ${letter} of the pattern '${pattern}' of the locale '${o.locale}'`);
      }
    };
    const out = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const literal = typeof item === 'string';
      const text = literal ? item : field(item[0], item[1]);
      const last = out[out.length - 1];
      if (literal && last && last.type === 'literal') last.value += text;
      else if (text !== '') push(out, { type: literal ? 'literal' : TYPES[item[0]], value: text });
    }
    return out;
  };
  // As in V8: the narrow no-break space, which mails and older programs do not expect, is a space
  // in the whole text, though not in its parts.
  intl.dateText = (value, o) => spaced(intl.parts(intl.dateParts(value, o)));

  const noRange = (name) => {
    throw intl.absent(`Intl.DateTimeFormat.prototype.${name}`, 'format and formatToParts of each end');
  };
  class DateTimeFormat {
    #o;
    #format;
    constructor(locales, options) {
      this.#o = intl.dateFormat(locales, options, 'any', 'date');
    }
    get format() {
      this.#format ??= (value) => intl.dateText(value, this.#o);
      return this.#format;
    }
    formatToParts(value) {
      return intl.dateParts(value, this.#o);
    }
    formatRange() {
      noRange('formatRange');
    }
    formatRangeToParts() {
      noRange('formatRangeToParts');
    }
    resolvedOptions() {
      const o = this.#o;
      const out = { locale: o.locale, calendar: o.calendar, numberingSystem: o.numberingSystem, timeZone: o.timeZone };
      if (o.hourCycle) {
        out.hourCycle = o.hourCycle;
        out.hour12 = o.hourCycle === 'h11' || o.hourCycle === 'h12';
      }
      if (o.dateStyle === undefined && o.timeStyle === undefined) shown(out, o.pattern);
      if (o.dateStyle !== undefined) out.dateStyle = o.dateStyle;
      if (o.timeStyle !== undefined) out.timeStyle = o.timeStyle;
      return out;
    }
    static supportedLocalesOf(locales, options) {
      return intl.supported(locales, options);
    }
  }
  // What a pattern shows, as V8 reads it: the first of these that the pattern has, be it in a quoted text.
  const SHOWN = own.Array.map([
    'weekday EEEEE narrow EEEE long EEE short ccccc narrow cccc long ccc short',
    'era GGGGG narrow GGGG long GGG short', 'year yy 2-digit y numeric',
    'month MMMMM narrow MMMM long MMM short MM 2-digit M numeric LLLLL narrow LLLL long LLL short LL 2-digit L numeric',
    'day dd 2-digit d numeric', 'dayPeriod BBBBB narrow bbbbb narrow BBBB long bbbb long B short b short',
    'hour HH 2-digit H numeric hh 2-digit h numeric kk 2-digit k numeric KK 2-digit K numeric',
    'minute mm 2-digit m numeric', 'second ss 2-digit s numeric', 'fractionalSecondDigits',
    'timeZoneName zzzz long z short OOOO longOffset O shortOffset vvvv longGeneric v shortGeneric',
  ], (line) => split(line, ' '));
  const shown = (out, pattern) => {
    for (let f = 0; f < SHOWN.length; f++) {
      const row = SHOWN[f];
      if (row.length === 1) {
        const digits = split(pattern, 'S').length - 1;
        if (digits > 0 && digits <= 3) out[row[0]] = digits;
      }
      if (row[0] === 'hour' && out.hourCycle === undefined && cycleOf(pattern) !== undefined) continue;
      for (let i = 1; i < row.length; i += 2) {
        if (!includesText(pattern, row[i])) continue;
        out[row[0]] = row[i + 1];
        break;
      }
    }
  };
  intl.DateTimeFormat = DateTimeFormat;

  // Formats without options, by locale and by what is wanted: one is used again and again.
  const plain = { __proto__: null };
  intl.localeDate = (date, locales, options, required, defaults) => {
    const time = own.Date.getTime(date);
    let o;
    const key = options === undefined && (locales === undefined || typeof locales === 'string') ? `${defaults} ${locales ?? ''}` : undefined;
    if (key === undefined) o = intl.dateFormat(locales, options, required, defaults);
    else o = plain[key] ??= intl.dateFormat(locales, options, required, defaults);
    return time === time ? intl.dateText(time, o) : 'Invalid Date';
  };
}
