// `Intl.NumberFormat` and the formats of numbers that the other formats use.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { at } = intl;
  const { join, push } = own.Array;
  const { codePointAt, indexOf, slice, split, trim } = own.String;
  const { exec } = own.RegExp;
  const { floor, max, min } = own.Math;

  const part = (type, value) => ({ type, value });
  const add = (out, parts) => {
    for (let i = 0; i < parts.length; i++) {
      const last = out[out.length - 1];
      if (last && last.type === 'literal' && parts[i].type === 'literal') last.value += parts[i].value;
      else push(out, parts[i]);
    }
    return out;
  };

  // A number pattern of UTS 35: the texts around the digits, and the sizes of the groups.
  const patterns = { __proto__: null };
  const parsePattern = (pattern) => {
    const known = patterns[pattern];
    if (known) return known;
    const halves = split(pattern, ';');
    const cut = (text) => {
      let from = -1;
      let to = -1;
      let quoted = false;
      for (let i = 0; i < text.length; i++) {
        if (text[i] === "'") quoted = !quoted;
        else if (!quoted && indexOf('#0,.', text[i]) >= 0 && !(text[i] === '.' && from < 0)) {
          if (from < 0) from = i;
          if (to < 0 || i === to) to = i + 1;
        }
      }
      return [slice(text, 0, from), from < 0 ? '' : slice(text, from, to), slice(text, to < 0 ? text.length : to)];
    };
    const { 0: prefix, 1: body, 2: suffix } = cut(halves[0]);
    const whole = split(split(body, '.')[0], ',');
    const made = {
      prefix, suffix, zeros: split(body, '0').length - 1,
      primary: whole.length > 1 ? whole[whole.length - 1].length : 0,
      secondary: whole.length > 2 ? whole[whole.length - 2].length : whole.length > 1 ? whole[whole.length - 1].length : 0,
    };
    if (halves.length > 1) {
      const negative = cut(halves[1]);
      made.negative = { prefix: negative[0], suffix: negative[2] };
    }
    patterns[pattern] = made;
    return made;
  };

  const WIDE = /[^\p{S}\p{Z}\p{Cf}]$/u;
  const WIDE_FIRST = /^[^\p{S}\p{Z}\p{Cf}]/u;

  // A text as a part of that type; white space and marks of direction around it are literals.
  const TRIM = /^([\s\u200e\u200f\u061c]*)([^]*?)([\s\u200e\u200f\u061c]*)$/;
  const words = (out, type, text) => {
    const { 1: head, 2: inner, 3: tail } = exec(TRIM, text);
    if (type === undefined || inner === '') {
      if (text !== '') push(out, part('literal', text));
      return out;
    }
    if (head) push(out, part('literal', head));
    push(out, part(type, inner));
    if (tail) push(out, part('literal', tail));
    return out;
  };
  // The parts of a text around the digits. `word` is the type of its letters.
  const affix = (text, context, word) => {
    const out = [];
    let literal = '';
    const flush = () => {
      words(out, word, literal);
      literal = '';
    };
    let quoted = false;
    for (let i = 0; i < text.length; i++) {
      const char = text[i];
      if (char === "'") {
        if (text[i + 1] === "'") {
          literal += "'";
          i++;
        } else quoted = !quoted;
      } else if (quoted || indexOf('-+%¤', char) < 0) literal += char;
      else {
        flush();
        if (char === '-' || char === '+') {
          if (context.sign === '+') words(out, 'plusSign', context.sym.plusSign);
          else words(out, 'minusSign', context.sym.minusSign);
        } else if (char === '%') words(out, context.percent, context.sym.percentSign);
        else words(out, 'currency', context.currency);
      }
    }
    flush();
    return out;
  };

  const digitText = (digits, table) => {
    if (table === undefined) return digits;
    let out = '';
    for (let i = 0; i < digits.length; i++) out += table[Number(digits[i])] ?? digits[i];
    return out;
  };
  const tables = { __proto__: null };
  // The ten digits of a numbering system; some lie beyond U+FFFF.
  intl.digitTable = (sys) => {
    if (sys.digits === undefined) return undefined;
    if (!tables[sys.digits]) {
      const list = [];
      for (let i = 0; i < sys.digits.length;) {
        const step = codePointAt(sys.digits, i) > 0xffff ? 2 : 1;
        push(list, slice(sys.digits, i, i + step));
        i += step;
      }
      tables[sys.digits] = list;
    }
    return tables[sys.digits];
  };

  const numeral = (out, written, o, sys, pattern) => {
    const { sym } = sys;
    const table = intl.digitTable(sys);
    const currency = o.style === 'currency';
    const group = (currency && sym.currencyGroup) || sym.group;
    const { whole, fraction } = written;
    const least = o.useGrouping === 'always' ? 1 : o.useGrouping === 'min2' ? max(2, o.data.group) : o.data.group;
    const { primary, secondary } = pattern;
    if (o.useGrouping === false || primary === 0 || whole.length < primary + least) {
      push(out, part('integer', digitText(whole, table)));
    } else {
      const groups = [];
      let end = whole.length;
      let size = primary;
      while (end > 0) {
        push(groups, slice(whole, max(0, end - size), end));
        end -= size;
        size = secondary;
      }
      for (let i = groups.length - 1; i >= 0; i--) {
        push(out, part('integer', digitText(groups[i], table)));
        if (i > 0) push(out, part('group', group));
      }
    }
    if (fraction !== '') {
      push(out, part('decimal', (currency && sym.currencyDecimal) || sym.decimal));
      push(out, part('fraction', digitText(fraction, table)));
    }
  };

  const signOf = (display, number, zero) => {
    const { negative, special } = number;
    switch (display) {
      case 'always': return negative ? '-' : '+';
      case 'exceptZero': return zero || special === 'nan' ? '' : negative ? '-' : '+';
      case 'negative': return negative && !zero ? '-' : '';
      case 'never': return '';
      default: return negative ? '-' : '';
    }
  };
  const shifted = (number, by) => (number.digits === '' ? number : { ...number, mag: number.mag + by });

  // The mantissa's rounding of a compact number, and the pattern: its table has one for each power of ten.
  const compactOf = (number, o, table) => {
    const powers = own.Object.keys(table);
    const most = Number(powers[powers.length - 1] ?? 0);
    const choose = (mag) => {
      const power = min(mag - 1, most);
      const forms = power < 3 ? undefined : at(table, `${power}`);
      const pattern = forms && parsePattern(forms.other);
      if (!pattern || pattern.zeros === 0 || forms.other === '0') return { shift: 0 };
      return { shift: power + 1 - pattern.zeros, forms };
    };
    if (number.digits === '' || number.special) return { ...intl.rounded(number, o), shift: 0 };
    let chosen = choose(number.mag);
    let made = intl.rounded(shifted(number, -chosen.shift), o);
    if (made.number.mag + chosen.shift > number.mag) {
      const next = choose(number.mag + 1);
      if (next.shift !== chosen.shift) made = intl.rounded(shifted(number, -next.shift), o);
      chosen = next;
    }
    return { ...made, ...chosen };
  };
  const scientificOf = (number, o) => {
    const exponentOf = (mag) => (o.notation === 'engineering' ? floor((mag - 1) / 3) * 3 : mag - 1);
    if (number.digits === '' || number.special) return { ...intl.rounded(number, o), exponent: 0 };
    let exponent = exponentOf(number.mag);
    let made = intl.rounded(shifted(number, -exponent), o);
    if (made.number.mag > number.mag - exponent && exponentOf(number.mag + 1) !== exponent) {
      exponent = exponentOf(number.mag + 1);
      made = intl.rounded(shifted(number, -exponent), o);
    }
    return { ...made, exponent };
  };

  const currencySymbol = (o) => {
    if (o.currencyDisplay === 'code' || o.currencyDisplay === 'name') return o.currency;
    const found = at(intl.read(`currencies/${o.folder}`), o.currency);
    return found ? found[o.currencyDisplay === 'narrowSymbol' ? 1 : 0] : o.currency;
  };
  // The unit percent has the locale's percent pattern, but for its long form.
  const percentUnit = (o) => o.style === 'unit' && o.unit === 'percent' && o.unitDisplay !== 'long' && o.notation !== 'compact';
  const percentSign = (o) => percentUnit(o) || (o.style === 'percent' && o.notation !== 'compact');
  const mainPattern = (o, sys) => {
    if (percentSign(o)) return sys.pct;
    if (o.style !== 'currency' || o.currencyDisplay === 'name') return sys.dec;
    return o.currencySign === 'accounting' ? sys.acc : sys.cur;
  };
  // A unit of a locale: its pattern with a hole for the number.
  const unitPattern = (o, unit, category) => {
    const table = intl.read(`units/${o.folder}`)[o.unitDisplay ?? 'short'];
    const whole = at(table, unit);
    if (whole && own.Object.keys(whole).length > (whole.per ? 1 : 0)) return intl.form(whole, category);
    const { 0: above, 1: below } = split(unit, '-per-');
    const upper = intl.form(at(table, above), category);
    const lower = at(table, below);
    if (lower.per) return replaceHole(lower.per, upper);
    const name = trim(replaceHole(intl.form(lower, 'one'), ''));
    return replaceHole(join(split(table.per, '{1}'), name), upper);
  };
  const replaceHole = (pattern, text) => {
    const hole = intl.indexOfHole(pattern);
    return slice(pattern, 0, hole) + text + slice(pattern, hole + 3);
  };
  intl.replaceHole = replaceHole;

  // The parts of a formatted number.
  intl.numberParts = (value, o) => {
    const sys = o.data.sys[o.numberingSystem];
    let number = intl.number(value);
    const percent = o.style === 'percent';
    if (percent) number = shifted(number, 2);
    const named = o.style === 'currency' && o.currencyDisplay === 'name';
    const currency = o.style === 'currency' ? currencySymbol(o) : '';
    const main = parsePattern(mainPattern(o, sys));
    let made;
    let around = main;
    let word;
    if (o.notation === 'compact') {
      const table = o.style === 'currency' && !named ? sys.curShort : o.compactDisplay === 'long' ? sys.long : sys.short;
      made = compactOf(number, o, table);
      if (made.forms) {
        const rules = o.data.plural;
        const texts = intl.written(made, o);
        const exact = texts.fraction === '' && (texts.whole === '1' || texts.whole === '0') ? at(made.forms, texts.whole) : undefined;
        around = parsePattern(exact ?? intl.form(made.forms, intl.plural(rules, texts)));
        word = 'compact';
      }
    } else if (o.notation !== 'standard') made = scientificOf(number, o);
    else made = intl.rounded(number, o);
    const texts = intl.written(made, o);
    const shown = { ...made.number, negative: number.negative, special: number.special };
    const sign = signOf(o.signDisplay, shown, made.number.digits === '' && !number.special);

    const body = [];
    if (number.special === 'nan') push(body, part('nan', sys.sym.nan));
    else if (number.special) push(body, part('infinity', sys.sym.infinity));
    else if (word && around.zeros === 0) { /* The pattern says it all. */ }
    else numeral(body, texts, o, sys, main.primary ? main : parsePattern(sys.dec));
    if (made.exponent !== undefined && !number.special) {
      push(body, part('exponentSeparator', sys.sym.exponential));
      if (made.exponent < 0) words(body, 'exponentMinusSign', sys.sym.minusSign);
      push(body, part('exponentInteger', digitText(`${own.Math.abs(made.exponent)}`, intl.digitTable(sys))));
    }

    const { negative } = around;
    const useNegative = negative !== undefined
      && (sign === '-' || (sign === '+' && indexOf(negative.prefix + negative.suffix, '-') >= 0));
    const source = useNegative ? negative : around;
    const context = { sign, sym: sys.sym, currency, percent: percentUnit(o) ? 'unit' : 'percentSign' };
    const before = sign !== '' && !useNegative ? affix('-', context) : [];
    add(before, affix(source.prefix, context, word));
    const after = affix(source.suffix, context, word);
    // UTS 35, currencySpacing.
    const digit = !number.special;
    const last = before[before.length - 1];
    if (digit && last && last.type === 'currency' && exec(WIDE, last.value)) push(before, part('literal', '\u00a0'));
    const out = add(before, body);
    if (digit && after[0] && after[0].type === 'currency' && exec(WIDE_FIRST, after[0].value)) push(out, part('literal', '\u00a0'));
    add(out, after);
    const unit = o.style === 'unit' && !percentUnit(o) ? o.unit : percent && o.notation === 'compact' ? 'percent' : undefined;
    if (!named && unit === undefined) return add([], out);

    const category = number.special ? 'other' : intl.plural(o.data.plural, texts, made.shift ?? 0);
    if (named) {
      const names = at(intl.read(`currency-names/${o.folder}`), o.currency);
      const name = names ? intl.form(names, category) : o.currency;
      return placed(out, join(split(intl.form(sys.names, category), '{1}'), name), 'currency');
    }
    return placed(out, unitPattern(o, unit, category), 'unit');
  };
  // A number in a pattern; the text around it is of that type.
  const placed = (number, pattern, type) => {
    const hole = intl.indexOfHole(pattern);
    if (hole < 0) return words([], type, pattern);
    const out = words([], type, slice(pattern, 0, hole));
    return add(add(out, number), words([], type, slice(pattern, hole + 3)));
  };
  intl.numberText = (value, o) => intl.parts(intl.numberParts(value, o));
}
