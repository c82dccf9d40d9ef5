// Decimal numbers as `Intl` sees them: exact digits, rounded as the options of ECMA-402 say, and the
// plural categories of what is shown. A number is { digits, mag, negative }: 0.DIGITS times ten to
// the power MAG; zero has no digits. `special` is 'nan' or 'infinity'.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { includes } = own.Array;
  const { endsWith, indexOf, padEnd, padStart, repeat, slice, split, trim } = own.String;
  const { exec } = own.RegExp;
  const { max, min } = own.Math;

  const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i;
  const ofText = (text) => {
    const found = exec(DECIMAL, text);
    if (!found) return undefined;
    const whole = found[2] ?? '';
    let digits = whole + (found[3] ?? found[4] ?? '');
    let mag = whole.length + Number(found[5] ?? 0);
    let from = 0;
    while (from < digits.length && digits[from] === '0') from++;
    let to = digits.length;
    while (to > from && digits[to - 1] === '0') to--;
    digits = slice(digits, from, to);
    mag = digits === '' ? 0 : mag - from;
    return { digits, mag, negative: found[1] === '-' };
  };
  // What a caller gave as a number: ECMA-402, ToIntlMathematicalValue.
  intl.number = (value) => {
    const given = typeof value === 'object' && value !== null && own.isA(BigInt, value) ? BigInt.asIntN(64, value) : value;
    if (typeof given === 'bigint') return ofText(`${given}`);
    if (typeof given === 'string') {
      const exact = ofText(trim(given));
      if (exact && exact.mag < 10_000 && exact.mag > -10_000) return exact;
    }
    const number = Number(given);
    if (number !== number) return { special: 'nan', digits: '', mag: 0, negative: false };
    const negative = number < 0 || own.Object.is(number, -0);
    if (number === Infinity || number === -Infinity) return { special: 'infinity', digits: '', mag: 0, negative };
    return { ...ofText(`${negative ? -number : number}`), negative };
  };

  // Whether the part that is cut off makes the number's last place greater. `rest` is 0 for none,
  // 1, 2 and 3 for less than, exactly and more than a half.
  const up = (mode, rest, odd, negative) => {
    if (rest === 0) return false;
    switch (mode) {
      case 'ceil': return !negative;
      case 'floor': return negative;
      case 'expand': return true;
      case 'trunc': return false;
      default:
    }
    if (rest !== 2) return rest === 3;
    switch (mode) {
      case 'halfCeil': return !negative;
      case 'halfFloor': return negative;
      case 'halfTrunc': return false;
      case 'halfEven': return odd;
      default: return true;
    }
  };
  const halves = (number, keep) => {
    const { digits } = number;
    if (keep >= digits.length) return 0;
    if (keep < 0) return digits === '' ? 0 : 1;
    if (digits[keep] !== '5') return digits[keep] > '5' ? 3 : 1;
    return keep + 1 === digits.length ? 2 : 3;
  };
  const isOdd = (digit) => digit !== undefined && Number(digit) % 2 === 1;
  const ofInteger = (text, scale, negative) => {
    const made = ofText(text);
    return { digits: made.digits, mag: made.digits === '' ? 0 : made.mag - scale, negative };
  };
  // The number with `scale` decimal places at most (fewer than none: rounded before the point).
  const round = (number, scale, mode, step = 1) => {
    const { digits, mag, negative } = number;
    const keep = mag + scale;
    if (digits === '' || (step === 1 && keep >= digits.length)) return number;
    const rest = halves(number, keep);
    const head = keep <= 0 ? '0' : padEnd(slice(digits, 0, keep), keep, '0');
    if (step === 1) {
      if (!up(mode, rest, isOdd(head[head.length - 1]), negative)) return ofInteger(head, scale, negative);
      return ofInteger(`${BigInt(head) + 1n}`, scale, negative);
    }
    const whole = BigInt(head);
    const by = BigInt(step);
    const over = 2 * Number(whole % by) - step;
    let kind = rest;
    if (over > 0 || (over === 0 && rest > 0)) kind = 3;
    else if (over === 0) kind = 2;
    else if (over < -1) kind = over === -step && rest === 0 ? 0 : 1;
    else kind = rest === 0 ? (over === -step ? 0 : 1) : rest;
    const times = whole / by;
    return ofInteger(`${(up(mode, kind, times % 2n === 1n, negative) ? times + 1n : times) * by}`, scale, negative);
  };
  // The number by the digit options: { number, fraction }, the least decimal places to show.
  intl.rounded = (number, o) => {
    const { roundingMode: mode, rounding } = o;
    if (number.special) return { number, fraction: 0 };
    const bySignificant = () => {
      const scale = o.maximumSignificantDigits - (number.digits === '' ? 1 : number.mag);
      const made = round(number, scale, mode);
      return { number: made, fraction: max(0, o.minimumSignificantDigits - (made.digits === '' ? 1 : made.mag)), scale };
    };
    const byFraction = () => {
      const scale = o.maximumFractionDigits;
      return { number: round(number, scale, mode, o.roundingIncrement), fraction: o.minimumFractionDigits, scale };
    };
    if (rounding === 'significant') return bySignificant();
    if (rounding === 'fraction') return byFraction();
    const a = bySignificant();
    const b = byFraction();
    return (rounding === 'more') === (a.scale >= b.scale) ? a : b;
  };
  // { whole, fraction }: the texts before and after the point.
  intl.written = ({ number, fraction }, { minimumIntegerDigits, trailingZeroDisplay }) => {
    const { digits, mag } = number;
    const whole = mag <= 0 ? '0' : padEnd(slice(digits, 0, mag), mag, '0');
    let after = mag >= digits.length ? '' : mag < 0 ? repeat('0', -mag) + digits : slice(digits, max(mag, 0));
    after = trailingZeroDisplay === 'stripIfInteger' && after === '' ? '' : padEnd(after, fraction, '0');
    return { whole: padStart(whole, minimumIntegerDigits, '0'), fraction: after };
  };

  const MODES = ['ceil', 'floor', 'expand', 'trunc', 'halfCeil', 'halfFloor', 'halfExpand', 'halfTrunc', 'halfEven'];
  const STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000];
  // ECMA-402, SetNumberFormatDigitOptions.
  intl.digitOptions = (o, options, least, most, compact) => {
    const { numberOption, option } = intl;
    o.minimumIntegerDigits = numberOption(options.minimumIntegerDigits, 'minimumIntegerDigits', 1, 21, 1);
    const { minimumFractionDigits: mnfd, maximumFractionDigits: mxfd } = options;
    const { minimumSignificantDigits: mnsd, maximumSignificantDigits: mxsd } = options;
    const step = numberOption(options.roundingIncrement, 'roundingIncrement', 1, 5000, 1);
    if (!includes(STEPS, step)) throw new RangeError('roundingIncrement value is out of range.');
    o.roundingIncrement = step;
    o.roundingMode = option(options, 'roundingMode', 'string', MODES, 'halfExpand');
    const priority = option(options, 'roundingPriority', 'string', ['auto', 'morePrecision', 'lessPrecision'], 'auto');
    o.trailingZeroDisplay = option(options, 'trailingZeroDisplay', 'string', ['auto', 'stripIfInteger'], 'auto');
    const hasSd = mnsd !== undefined || mxsd !== undefined;
    const hasFd = mnfd !== undefined || mxfd !== undefined;
    const needSd = priority !== 'auto' || hasSd;
    const needFd = priority !== 'auto' || !(hasSd || (!hasFd && compact));
    if (step !== 1) most = least;
    if (needSd) {
      o.minimumSignificantDigits = hasSd ? numberOption(mnsd, 'minimumSignificantDigits', 1, 21, 1) : 1;
      o.maximumSignificantDigits = hasSd
        ? numberOption(mxsd, 'maximumSignificantDigits', o.minimumSignificantDigits, 21, 21) : 21;
    }
    if (needFd) {
      const lower = numberOption(mnfd, 'minimumFractionDigits', 0, 100, undefined);
      const upper = numberOption(mxfd, 'maximumFractionDigits', 0, 100, undefined);
      if (lower !== undefined && upper !== undefined && lower > upper) {
        throw new RangeError('maximumFractionDigits value is out of range.');
      }
      o.minimumFractionDigits = lower ?? (upper === undefined ? least : min(least, upper));
      o.maximumFractionDigits = upper ?? (lower === undefined ? most : max(most, lower));
    }
    if (!needSd && !needFd) {
      o.minimumFractionDigits = o.maximumFractionDigits = 0;
      o.minimumSignificantDigits = 1;
      o.maximumSignificantDigits = 2;
      o.rounding = 'more';
    } else o.rounding = priority === 'morePrecision' ? 'more' : priority === 'lessPrecision' ? 'less' : needSd ? 'significant' : 'fraction';
    o.roundingPriority = o.rounding === 'more' ? 'morePrecision' : o.rounding === 'less' ? 'lessPrecision' : 'auto';
    if (step !== 1) {
      if (o.rounding !== 'fraction') throw new TypeError('roundingIncrement value is invalid.');
      if (o.maximumFractionDigits !== o.minimumFractionDigits) throw new RangeError('roundingIncrement value is out of range.');
    }
  };

  // Plural rules by UTS 35: a condition is any of several, each of which is all of several relations
  // such as `i % 10 = 2..4`.
  const RELATION = /^([nivwftce]) (?:% (\d+) )?(!?=) (.*)$/;
  const compiled = { __proto__: null };
  const compile = (rule) => {
    if (compiled[rule]) return compiled[rule];
    const any = split(rule, ' or ');
    for (let i = 0; i < any.length; i++) {
      const all = split(any[i], ' and ');
      for (let k = 0; k < all.length; k++) {
        const { 1: operand, 2: modulus, 3: sign, 4: list } = exec(RELATION, trim(all[k])) ?? [];
        const ranges = split(list, ',');
        for (let r = 0; r < ranges.length; r++) {
          const ends = split(ranges[r], '..');
          ranges[r] = [Number(ends[0]), Number(ends[ends.length - 1])];
        }
        all[k] = { operand, modulus: modulus && Number(modulus), not: sign === '!=', ranges };
      }
      any[i] = all;
    }
    compiled[rule] = any;
    return any;
  };
  const holds = ({ operand, modulus, not, ranges }, values) => {
    let value = values[operand];
    if (modulus !== undefined) value %= modulus;
    let found = false;
    for (let i = 0; i < ranges.length && !found; i++) {
      found = value >= ranges[i][0] && value <= ranges[i][1]
        && (ranges[i][0] === ranges[i][1] || value % 1 === 0);
    }
    return found !== not;
  };
  // The plural category of a number that is shown with these texts, times ten to the power of
  // `exponent`, by a locale's rules.
  intl.plural = (rules, { whole, fraction }, exponent = 0) => {
    let i = whole;
    let f = fraction;
    if (exponent > 0) {
      i += padEnd(slice(f, 0, exponent), exponent, '0');
      f = slice(f, exponent);
    }
    let t = f;
    while (endsWith(t, '0')) t = slice(t, 0, -1);
    // Doubles, and `i` of the last 18 digits: so ICU has it, and a category of greater numbers shows it.
    const values = {
      __proto__: null, n: Number(`${i}.${f || '0'}`), i: Number(slice(i, -18)), v: f.length, w: t.length,
      f: Number(f || '0'), t: Number(t || '0'), c: exponent, e: exponent,
    };
    const names = own.Object.keys(rules);
    for (let n = 0; n < names.length; n++) {
      const any = compile(rules[names[n]]);
      for (let a = 0; a < any.length; a++) {
        let all = true;
        for (let k = 0; k < any[a].length && all; k++) all = holds(any[a][k], values);
        if (all) return names[n];
      }
    }
    return 'other';
  };
  // The form of a table for a category; every table has `other`.
  intl.form = (table, category) => intl.at(table, category) ?? table.other;
  intl.indexOfHole = (pattern) => indexOf(pattern, '{0}');
}
