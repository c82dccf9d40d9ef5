// The part of `Intl` that texts and mails need, in en-US and UTC. Another locale gets en-US; another
// time zone is refused, since a wrong time is worse than an error.
(host, own) => {
  'use strict';
  const SYMBOLS = {
    __proto__: null,
    USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', CAD: 'CA$', AUD: 'A$',
    MXN: 'MX$', NZD: 'NZ$', ILS: '₪', VND: '₫', TWD: 'NT$', HKD: 'HK$', PHP: '₱',
  };
  const WHOLE = { __proto__: null, JPY: 0, KRW: 0, VND: 0, CLP: 0, ISK: 0, XAF: 0, XOF: 0 };
  const DAYS = own.String.split('Sunday Monday Tuesday Wednesday Thursday Friday Saturday', ' ');
  const MONTHS = own.String.split(
    'January February March April May June July August September October November December', ' ');
  const pad = (number, width = 2) => own.String.padStart(`${number}`, width, '0');

  const grouped = (digits) => {
    let out = '';
    for (let i = 0; i < digits.length; i++) {
      if (i > 0 && (digits.length - i) % 3 === 0) out += ',';
      out += digits[i];
    }
    return out;
  };

  const oneOf = (what, value, known) => {
    if (!own.Array.includes(known, value)) {
      throw new RangeError(`${what}: '${value}' is not available in a step; there are ${own.Array.join(known, ', ')}`);
    }
    return value;
  };

  const digitsOf = (options, least, most) => {
    const min = options.minimumFractionDigits;
    const max = options.maximumFractionDigits;
    const lower = min ?? (max === undefined ? least : own.Math.min(least, max));
    const upper = max ?? own.Math.max(most, lower);
    if (!(lower >= 0 && upper <= 100 && lower <= upper)) {
      throw new RangeError('minimumFractionDigits and maximumFractionDigits must be from 0 to 100, in this order');
    }
    return { lower, upper };
  };

  class NumberFormat {
    #options;
    #lower;
    #upper;

    constructor(_locales, options = {}) {
      const { style = 'decimal', currency } = options;
      oneOf('style', style, ['decimal', 'currency', 'percent']);
      oneOf('notation', options.notation ?? 'standard', ['standard']);
      if (style === 'currency' && currency === undefined) throw new TypeError('style currency needs a currency');
      const code = currency && own.String.toUpperCase(`${currency}`);
      const usual = style === 'currency' ? WHOLE[code] ?? 2 : 0;
      const { lower, upper } = digitsOf(options, usual, style === 'decimal' ? 3 : usual);
      this.#options = { ...options, style, currency: code };
      this.#lower = lower;
      this.#upper = upper;
      own.hide(this, 'format', (value) => this.#format(value));
    }

    #digits(value) {
      const significant = this.#options.maximumSignificantDigits;
      let text = significant === undefined
        ? own.Number.toFixed(value, this.#upper)
        : `${Number(own.Number.toPrecision(value, significant))}`;
      if (own.String.indexOf(text, 'e') >= 0) return text;
      const point = own.String.indexOf(text, '.');
      if (point >= 0 && significant === undefined) {
        let end = text.length;
        while (end > point + 1 + this.#lower && text[end - 1] === '0') end--;
        text = own.String.slice(text, 0, end === point + 1 ? point : end);
      }
      const whole = point < 0 ? text : own.String.slice(text, 0, point);
      const padded = own.String.padStart(whole, this.#options.minimumIntegerDigits ?? 1, '0');
      const { useGrouping = true } = this.#options;
      const shown = useGrouping === false || useGrouping === 'false' ? padded : grouped(padded);
      return shown + own.String.slice(text, whole.length);
    }

    #format(value) {
      const { style, currency, currencyDisplay, signDisplay } = this.#options;
      const number = typeof value === 'bigint' ? value : Number(value);
      const negative = number < 0 || own.Object.is(number, -0);
      const size = negative ? -number : number;
      let text;
      if (typeof number === 'bigint') text = grouped(`${size}`);
      else if (number !== number) text = 'NaN';
      else if (size === Infinity) text = '∞';
      else text = this.#digits(style === 'percent' ? Number((size * 100).toPrecision(15)) : size);
      if (style === 'percent') text += '%';
      if (style === 'currency') {
        const symbol = currencyDisplay === 'code' ? undefined : SYMBOLS[currency];
        text = currencyDisplay === 'name' ? `${text} ${currency}` : symbol ? symbol + text : `${currency}\u00a0${text}`;
      }
      const plus = signDisplay === 'always' || (signDisplay === 'exceptZero' && size > 0);
      return negative && signDisplay !== 'never' ? `-${text}` : plus ? `+${text}` : text;
    }

    resolvedOptions() {
      const options = { locale: 'en-US', numberingSystem: 'latn', ...this.#options };
      options.minimumFractionDigits = this.#lower;
      options.maximumFractionDigits = this.#upper;
      return options;
    }
  }

  const DATE = { year: 'numeric', month: 'numeric', day: 'numeric' };
  const TIME = { hour: 'numeric', minute: 'numeric', second: 'numeric' };
  const DATE_STYLES = {
    __proto__: null,
    full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' },
    long: { year: 'numeric', month: 'long', day: 'numeric' },
    medium: { year: 'numeric', month: 'short', day: 'numeric' },
    short: { year: '2-digit', month: 'numeric', day: 'numeric' },
  };
  const TIME_STYLES = {
    __proto__: null,
    full: { ...TIME, timeZoneName: 'long' },
    long: { ...TIME, timeZoneName: 'short' },
    medium: TIME,
    short: { hour: 'numeric', minute: 'numeric' },
  };
  const ZONES = ['UTC', 'GMT', 'Etc/UTC', 'Etc/GMT', 'Z', '+00:00'];

  const dateText = (date, { weekday, year, month, day }) => {
    const name = (list, at, width) => (width === 'long' ? list[at] : own.String.slice(list[at], 0, width === 'narrow' ? 1 : 3));
    const numeric = (number, width) => (width === '2-digit' ? pad(number % 100) : `${number}`);
    const y = year && numeric(own.Date.getUTCFullYear(date), year);
    const d = day && numeric(own.Date.getUTCDate(date), day);
    const w = weekday && name(DAYS, own.Date.getUTCDay(date), weekday);
    const at = own.Date.getUTCMonth(date);
    let text;
    if (month === undefined || month === 'numeric' || month === '2-digit') {
      const parts = own.Array.filter([month && numeric(at + 1, month), d, y], (part) => part !== undefined);
      text = own.Array.join(parts, '/');
    } else {
      text = name(MONTHS, at, month);
      if (d) text += ` ${d}`;
      if (y) text += `${d ? ',' : ''} ${y}`;
    }
    return w && text ? `${w}, ${text}` : w ?? text;
  };

  const timeText = (date, { hour, minute, second, hour12, hourCycle, timeZoneName, fractionalSecondDigits }) => {
    const parts = [];
    const full = hour12 === false || (hour12 === undefined && (hourCycle === 'h23' || hourCycle === 'h24'));
    const hours = own.Date.getUTCHours(date);
    if (hour) {
      const shown = full ? hours : hours % 12 || 12;
      own.Array.push(parts, full || hour === '2-digit' ? pad(shown) : `${shown}`);
    }
    if (minute) own.Array.push(parts, hour || second ? pad(own.Date.getUTCMinutes(date)) : `${own.Date.getUTCMinutes(date)}`);
    if (second) {
      let seconds = minute ? pad(own.Date.getUTCSeconds(date)) : `${own.Date.getUTCSeconds(date)}`;
      if (fractionalSecondDigits) {
        seconds += `.${own.String.slice(pad(own.Date.getUTCMilliseconds(date), 3), 0, fractionalSecondDigits)}`;
      }
      own.Array.push(parts, seconds);
    }
    let text = own.Array.join(parts, ':');
    if (hour && !full) text += hours < 12 ? ' AM' : ' PM';
    if (timeZoneName) text += timeZoneName === 'long' ? ' Coordinated Universal Time' : ' UTC';
    return text;
  };

  class DateTimeFormat {
    #options;
    #fields;

    constructor(_locales, options = {}, usual = DATE) {
      const { timeZone = 'UTC', dateStyle, timeStyle } = options;
      oneOf('timeZone', `${timeZone}`, ZONES);
      const asked = (names) => own.Array.some(names, (name) => options[name] !== undefined);
      const any = asked(['weekday', 'year', 'month', 'day', 'hour', 'minute', 'second', 'fractionalSecondDigits']);
      this.#options = options;
      this.#fields = dateStyle || timeStyle
        ? { ...(dateStyle && DATE_STYLES[dateStyle]), ...(timeStyle && TIME_STYLES[timeStyle]) }
        : any ? {} : usual;
      this.#fields = { ...this.#fields, ...options };
      own.hide(this, 'format', (date) => this.#format(date));
    }

    #format(value) {
      const date = value === undefined ? new Date() : new Date(value);
      const time = own.Date.getTime(date);
      if (time !== time) throw new RangeError('Invalid time value');
      const day = dateText(date, this.#fields);
      const clock = timeText(date, this.#fields);
      const { dateStyle } = this.#options;
      const between = dateStyle === 'full' || dateStyle === 'long' ? ' at ' : ', ';
      return day && clock ? day + between + clock : day || clock;
    }

    resolvedOptions() {
      return { locale: 'en-US', calendar: 'gregory', numberingSystem: 'latn', ...this.#options, timeZone: 'UTC' };
    }
  }

  class Collator {
    constructor() {
      own.hide(this, 'compare', (a, b) => own.String.localeCompare(`${a}`, `${b}`));
    }
  }

  const locales = () => ['en-US'];
  NumberFormat.supportedLocalesOf = locales;
  DateTimeFormat.supportedLocalesOf = locales;
  // As elsewhere, these may be called without `new`.
  const callable = (Format) =>
    new Proxy(Format, { __proto__: null, apply: (_, self, args) => new Format(args[0], args[1]) });
  own.global('Intl', {
    NumberFormat: callable(NumberFormat), DateTimeFormat: callable(DateTimeFormat), Collator,
    getCanonicalLocales: locales,
  });

  const localeDate = (date, locale, options, fields) => {
    const time = own.Date.getTime(date);
    return time === time ? new DateTimeFormat(locale, options, fields).format(date) : 'Invalid Date';
  };
  const BOTH = { ...DATE, ...TIME };
  // Methods as the language has them: no constructors, and of length 0.
  const dates = {
    toLocaleString() {
      return localeDate(this, arguments[0], arguments[1], BOTH);
    },
    toLocaleDateString() {
      return localeDate(this, arguments[0], arguments[1], DATE);
    },
    toLocaleTimeString() {
      return localeDate(this, arguments[0], arguments[1], TIME);
    },
  };
  const numbers = {
    toLocaleString() {
      return new NumberFormat(arguments[0], arguments[1]).format(this);
    },
  };
  const names = own.Object.keys(dates);
  for (let i = 0; i < names.length; i++) own.hide(Date.prototype, names[i], dates[names[i]]);
  own.hide(Number.prototype, 'toLocaleString', numbers.toLocaleString);
  own.hide(BigInt.prototype, 'toLocaleString', numbers.toLocaleString);
}
