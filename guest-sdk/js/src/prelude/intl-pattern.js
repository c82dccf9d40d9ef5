// The date pattern of a locale for the fields that a caller asks for: UTS 35, "Matching Skeletons", in
// the way of ICU's DateTimePatternGenerator, whose choices are what every JavaScript engine shows.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { push, sort } = own.Array;
  const { indexOf, repeat, split } = own.String;
  const { abs } = own.Math;

  const { 0: ERA, 1: YEAR, 3: MONTH, 6: WEEKDAY, 9: DAY, 10: PERIOD, 11: HOUR, 12: MINUTE, 13: SECOND, 14: FRACTION, 15: ZONE } = own.Object.keys('0123456789abcdef');
  const FIELDS = 16;
  const TIME = 10;
  const NARROW = -0x101;
  const SHORTER = -0x102;
  const SHORT = -0x103;
  const LONG = -0x104;
  const NUMERIC = 0x100;
  const STEP = 0x10;
  // For each letter its field, and its types by length: [length from which on, type].
  const text = (field, by) => ({ field: Number(field), types: [[1, SHORT + by], [4, LONG + by], [5, NARROW + by]] });
  const number = (field, by) => ({ field: Number(field), types: [[1, NUMERIC + by]] });
  const monthly = (by) => ({ field: Number(MONTH), types: [[1, NUMERIC - by], [3, SHORT + by], [4, LONG + by], [5, NARROW + by]] });
  const LETTERS = {
    __proto__: null,
    G: text(ERA, 0), y: number(YEAR, 0), Y: number(YEAR, STEP), M: monthly(0), L: monthly(-STEP),
    E: { field: Number(WEEKDAY), types: [[1, SHORT], [4, LONG], [5, NARROW], [6, SHORTER]] },
    c: { field: Number(WEEKDAY), types: [[1, NUMERIC + 2 * STEP], [3, SHORT - 2 * STEP], [4, LONG - 2 * STEP], [5, NARROW - 2 * STEP], [6, SHORTER - 2 * STEP]] },
    e: { field: Number(WEEKDAY), types: [[1, NUMERIC + STEP], [3, SHORT - STEP], [4, LONG - STEP], [5, NARROW - STEP], [6, SHORTER - STEP]] },
    d: number(DAY, 0), a: text(PERIOD, 0), b: text(PERIOD, -STEP), B: text(PERIOD, -3 * STEP),
    H: number(HOUR, 10 * STEP), k: number(HOUR, 11 * STEP), h: number(HOUR, 0), K: number(HOUR, STEP),
    m: number(MINUTE, 0), s: number(SECOND, 0), S: number(FRACTION, 0),
    v: { field: Number(ZONE), types: [[1, SHORT - 2 * STEP], [4, LONG - 2 * STEP]] },
    z: { field: Number(ZONE), types: [[1, SHORT], [4, LONG]] },
    O: { field: Number(ZONE), types: [[1, SHORT - STEP], [4, LONG - STEP]] },
  };
  const typeOf = (letter, length) => {
    const { types } = LETTERS[letter];
    let type = types[0][1];
    for (let i = 1; i < types.length; i++) if (types[i][0] <= length) type = types[i][1];
    return type > 0 ? type + length : type;
  };

  // A pattern as a list of texts and of fields [letter, length].
  const parsed = { __proto__: null };
  const parse = (pattern) => {
    if (parsed[pattern]) return parsed[pattern];
    const items = [];
    let literal = '';
    const flush = () => {
      if (literal !== '') push(items, literal);
      literal = '';
    };
    for (let i = 0; i < pattern.length;) {
      const char = pattern[i];
      if (char === "'") {
        if (pattern[i + 1] === "'") {
          literal += "'";
          i += 2;
          continue;
        }
        i++;
        while (i < pattern.length) {
          if (pattern[i] === "'") {
            if (pattern[i + 1] !== "'") break;
            i++;
          }
          literal += pattern[i];
          i++;
        }
        i++;
      } else if ((char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z')) {
        flush();
        let end = i + 1;
        while (pattern[end] === char) end++;
        push(items, [char, end - i]);
        i = end;
      } else {
        literal += char;
        i++;
      }
    }
    flush();
    parsed[pattern] = items;
    return items;
  };
  intl.parsePattern = parse;
  const literalText = (value) => {
    let quoted = false;
    for (let i = 0; i < value.length && !quoted; i++) {
      const c = value[i];
      quoted = c === "'" || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    return quoted ? `'${own.Array.join(split(value, "'"), "''")}'` : value;
  };

  // A skeleton: for each field its letter and length in `given`, and its type.
  const skeletonOf = (pattern) => {
    const given = [];
    const type = [];
    for (let i = 0; i < FIELDS; i++) {
      push(given, undefined);
      push(type, 0);
    }
    const put = (letter, length) => {
      const { field } = LETTERS[letter];
      given[field] = [letter, length];
      type[field] = typeOf(letter, length);
    };
    const items = parse(pattern);
    for (let i = 0; i < items.length; i++) {
      if (typeof items[i] === 'string' || !LETTERS[items[i][0]]) continue;
      put(items[i][0], items[i][1]);
    }
    if (given[MINUTE] && given[FRACTION] && !given[SECOND]) put('s', 1);
    let defaulted = false;
    if (given[HOUR]) {
      if (given[HOUR][0] === 'h' || given[HOUR][0] === 'K') {
        if (!given[PERIOD]) {
          put('a', 1);
          defaulted = true;
        }
      } else {
        given[PERIOD] = undefined;
        type[PERIOD] = 0;
      }
    }
    let base = '';
    let key = '';
    for (let i = 0; i < FIELDS; i++) {
      if (!given[i]) continue;
      const { 0: letter, 1: length } = given[i];
      const { types } = LETTERS[letter];
      let least = types[0][0];
      for (let t = 1; t < types.length; t++) if (types[t][0] <= length) least = types[t][0];
      base += repeat(letter, least);
      key += repeat(letter, length);
    }
    return { given, type, base, key, defaulted };
  };

  const ORDER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  // All patterns of a calendar of a locale, in the order in which ICU goes through them.
  const patternsOf = (calendar) => {
    if (calendar.patterns) return calendar.patterns;
    const all = [];
    const byBase = { __proto__: null };
    const byKey = { __proto__: null };
    const add = (pattern, skeleton, override) => {
      const made = skeletonOf(skeleton ?? pattern);
      if (made.base === '') return;
      const sameBase = byBase[made.base];
      if (sameBase && (!sameBase.specified || (skeleton !== undefined && !override)) && !override) return;
      const same = byKey[made.key];
      if (same) {
        if (!override || (skeleton !== undefined && same.specified)) return;
        same.pattern = pattern;
        same.specified = skeleton !== undefined;
        return;
      }
      const entry = { ...made, pattern, specified: skeleton !== undefined };
      byBase[made.base] ??= entry;
      byKey[made.key] = entry;
      push(all, entry);
    };
    const canonical = ['G', 'y', 'M', 'E', 'd', 'a', 'H', 'm', 's', 'S', 'v'];
    for (let i = 0; i < canonical.length; i++) add(canonical[i]);
    for (let i = 0; i < 4; i++) {
      add(calendar.date[i]);
      add(calendar.time[i]);
    }
    const keys = own.Object.keys(calendar.available);
    for (let i = 0; i < keys.length; i++) add(calendar.available[keys[i]], keys[i], true);
    const place = (entry) => indexOf(ORDER, entry.base[0]);
    sort(all, (a, b) => place(a) - place(b));
    own.hide(calendar, 'patterns', all);
    return all;
  };

  const best = (wanted, mask, patterns) => {
    let found;
    let least = Infinity;
    let leastMissing = -1;
    for (let p = 0; p < patterns.length; p++) {
      const trial = patterns[p];
      let distance = 0;
      let missing = 0;
      let extra = 0;
      for (let i = 0; i < FIELDS; i++) {
        const mine = mask & (1 << i) ? wanted.type[i] : 0;
        const its = trial.type[i];
        if (mine === its) continue;
        if (mine === 0) {
          distance += 0x10000;
          extra |= 1 << i;
        } else if (its === 0) {
          distance += 0x1000;
          missing |= 1 << i;
        } else distance += abs(mine - its);
      }
      if (distance < least || (distance === least && leastMissing < missing)) {
        least = distance;
        leastMissing = missing;
        found = { entry: trial, missing, extra };
        if (distance === 0) break;
      }
    }
    return found;
  };

  // The pattern with the letters and lengths that were asked for.
  const adjusted = (pattern, entry, wanted, decimal) => {
    const items = parse(pattern);
    let out = '';
    for (let i = 0; i < items.length; i++) {
      if (typeof items[i] === 'string') {
        out += literalText(items[i]);
        continue;
      }
      const { 0: letter, 1: length } = items[i];
      const field = LETTERS[letter]?.field;
      if (field === Number(SECOND) && decimal !== undefined) {
        out += repeat(letter, length) + literalText(decimal) + repeat('S', wanted.given[FRACTION][1]);
        continue;
      }
      if (field === undefined || wanted.type[field] === 0) {
        out += repeat(letter, length);
        continue;
      }
      const { 0: asked, 1: askedLength } = wanted.given[field];
      const least = asked === 'E' && askedLength < 3 ? 3 : askedLength;
      let size = least;
      if (field === Number(MINUTE) || field === Number(SECOND)) size = length;
      else if (entry && entry.specified && asked !== 'c' && asked !== 'e') {
        const its = entry.given[field] ? entry.given[field][1] : 0;
        const patternNumeric = typeOf(letter, length) > 0;
        const askedNumeric = wanted.type[field] > 0;
        if (its === least || patternNumeric !== askedNumeric) size = length;
      }
      let char = field === Number(HOUR) || field === Number(MONTH) || field === Number(WEEKDAY) || field === Number(YEAR) ? letter : asked;
      if (char === 'E' && size < 3) char = 'e';
      out += repeat(char, size);
    }
    return out;
  };

  const APPEND = ['Era', 'Year', 'Quarter', 'Month', 'Week', '', 'Day-Of-Week', '', '', 'Day', '', 'Hour', 'Minute', 'Second', '', 'Timezone'];
  const NAMES = ['era', 'year', '', 'month', '', '', 'weekday', '', '', 'day', 'dayperiod', 'hour', 'minute', 'second', '', 'zone'];
  const filled = (pattern, values) => {
    let out = '';
    for (let i = 0; i < pattern.length; i++) {
      if (pattern[i] === '{' && pattern[i + 2] === '}') {
        out += values[Number(pattern[i + 1])];
        i += 2;
      } else out += pattern[i];
    }
    return out;
  };
  intl.filled = filled;
  const SECONDS = (1 << 13) | (1 << 14);
  const appended = (wanted, mask, calendar, data, decimal) => {
    if (mask === 0) return '';
    const patterns = patternsOf(calendar);
    let { entry, missing } = best(wanted, mask, patterns);
    let out = adjusted(entry.pattern, entry, wanted);
    let last = 0;
    while (missing !== 0 && missing !== last) {
      if ((missing & SECONDS) === 1 << 14 && (mask & SECONDS) === SECONDS) {
        out = adjusted(out, entry, wanted, decimal);
        missing &= ~(1 << 14);
        continue;
      }
      const from = missing;
      ({ entry, missing } = best(wanted, from, patterns));
      const found = from & ~missing;
      const top = 31 - own.Math.clz32(found);
      const item = (APPEND[top] && intl.at(calendar.append, APPEND[top])) || '{0} \u251C{2}: {1}\u2524';
      out = filled(item, [out, adjusted(entry.pattern, entry, wanted), literalText(data.fields[NAMES[top]] ?? `F${top}`)]);
      // As ICU does it: what one more pattern does not bring is left out.
      last = missing;
    }
    return out;
  };

  // The best pattern for a skeleton such as `yMMMd`. `decimal` stands before fractions of a second.
  intl.bestPattern = (skeleton, calendar, data, decimal) => {
    const wanted = skeletonOf(skeleton);
    const found = best(wanted, -1, patternsOf(calendar));
    if (found.missing === 0 && found.extra === 0) return adjusted(found.entry.pattern, found.entry, wanted);
    let needed = 0;
    for (let i = 0; i < FIELDS; i++) if (wanted.type[i] !== 0) needed |= 1 << i;
    const days = (1 << TIME) - 1;
    const date = appended(wanted, needed & days, calendar, data, decimal);
    const time = appended(wanted, needed & ~days, calendar, data, decimal);
    if (date === '' || time === '') return date || time;
    const month = wanted.given[MONTH] ? wanted.given[MONTH][1] : 0;
    const style = month === 4 ? (wanted.given[WEEKDAY] ? 0 : 1) : month === 3 ? 2 : 3;
    return filled(calendar.at[style], [time, date]);
  };
  // The skeleton of a pattern.
  intl.skeleton = (pattern) => {
    const { given, defaulted } = skeletonOf(pattern);
    let out = '';
    for (let i = 0; i < FIELDS; i++) if (given[i] && !(defaulted && i === TIME)) out += repeat(given[i][0], given[i][1]);
    return out;
  };
}
