// How long to wait, and until when, as steps and services say it: `task.park`, `task.retryAfter`,
// the header `Retry-After`.
(host, own) => {
  'use strict';
  const { UTC } = Date;
  const exec = own.RegExp.exec;
  const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';
  const NUMBER = /^\d+(?:\.\d+)?$/;
  // RFC 3339, also with a space for the `T`, without seconds, and with an offset without its colon.
  const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])(\d\d):?(\d\d))$/;
  // RFC 9110 §5.6.7, the first two forms, and RFC 5322's with an offset.
  const HTTP = /^[A-Za-z]{3,9}, ?(\d\d?)[ -]([A-Za-z]{3})[ -](\d{4}|\d\d) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|([+-])(\d\d)(\d\d))$/;
  // Its third form, which is in GMT without saying so.
  const ASCTIME = /^[A-Za-z]{3} ([A-Za-z]{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;
  // `String(new Date())`.
  const PRINTED = /^[A-Za-z]{3} ([A-Za-z]{3}) (\d\d) (\d{4}) (\d\d):(\d\d):(\d\d) GMT([+-])(\d\d)(\d\d)(?: \([^)]*\))?$/;
  const UNZONED = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;

  const compose = (year, month, day, hour, minute, second, fraction, sign, hours, minutes) => {
    const date = UTC(+year, month, +day);
    // A day that the month does not have would be one of the next.
    if (own.Date.getUTCMonth(new Date(date)) !== month) return NaN;
    if (+hour > 23 || +minute > 59 || +(second ?? 0) > 60 || +(hours ?? 0) > 23 || +(minutes ?? 0) > 59) return NaN;
    const offset = sign === undefined ? 0 : (+hours * 60 + +minutes) * (sign === '-' ? -60000 : 60000);
    const part = fraction === undefined ? 0 : +own.String.slice(`${fraction}00`, 0, 3);
    return date + ((+hour * 60 + +minute) * 60 + +(second ?? 0)) * 1000 + part - offset;
  };
  const monthOf = (name) => {
    const at = own.String.indexOf(MONTHS, own.String.toLowerCase(name));
    return at % 3 === 0 ? at / 3 : -1;
  };
  // A year of two digits is one from 1970 to 2069.
  const yearOf = (text) => (text.length > 2 ? +text : +text + (+text < 70 ? 2000 : 1900));

  // The time that a text names, in milliseconds since 1970; NaN if it names none without a doubt.
  const time = (text) => {
    let m = exec(ISO, text);
    if (m) return compose(m[1], m[2] - 1, m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10]);
    m = exec(HTTP, text);
    if (m) return compose(yearOf(m[3]), monthOf(m[2]), m[1], m[4], m[5], m[6], undefined, m[7], m[8], m[9]);
    m = exec(ASCTIME, text);
    if (m) return compose(m[6], monthOf(m[1]), m[2], m[3], m[4], m[5]);
    m = exec(PRINTED, text);
    if (m) return compose(m[3], monthOf(m[1]), m[2], m[4], m[5], m[6], undefined, m[7], m[8], m[9]);
    return NaN;
  };

  // Milliseconds from now; NaN for what says none.
  const spoken = (text) => {
    const word = own.String.trim(text);
    return exec(NUMBER, word) ? +word * 1000 : time(word) - host.now();
  };
  // Of a list joined by commas, as two headers of one name are, the first that says something. A date
  // has a comma of its own.
  const heard = (text) => {
    const whole = spoken(text);
    if (whole === whole || own.String.indexOf(text, ',') < 0) return whole;
    const parts = own.String.split(text, ',');
    for (let i = 0; i < parts.length; i++) {
      let found = spoken(parts[i]);
      if (found !== found && i + 1 < parts.length) found = spoken(`${parts[i]},${parts[i + 1]}`);
      if (found === found) return found;
    }
    return NaN;
  };
  const asked = (until) => {
    if (typeof until === 'number') return until >= 0 ? until : NaN;
    if (typeof until === 'string') return heard(until);
    return own.isA(Date, until) ? own.Date.getTime(until) - host.now() : NaN;
  };
  const listed = (until) => {
    if (!own.isArray(until)) return asked(until);
    for (let i = 0; i < until.length; i++) {
      const found = asked(until[i]);
      if (found === found) return found;
    }
    return NaN;
  };

  own.isNoTime = (value) => own.isA(Date, value) && own.Date.getTime(value) !== own.Date.getTime(value);
  own.shown = (value) => {
    if (typeof value === 'string') {
      return own.JSON.stringify(value.length > 80 ? `${own.String.slice(value, 0, 80)}…` : value);
    }
    if (typeof value === 'number') return `${value}`;
    return own.isA(Date, value) ? 'an invalid Date' : own.kind(value);
  };

  // Milliseconds from now, from 1 on: a number of them; seconds as text, as HTTP has them; a Date; a time as
  // text; or a list, of which the first that is one of these counts.
  own.wait = (name, until) => {
    const found = listed(until);
    if (found === found) return own.Math.max(1, own.Math.ceil(found));
    const zone = typeof until === 'string' && exec(UNZONED, own.String.trim(until))
      ? '; this text has no zone: end it with Z or an offset such as +01:00' : '';
    const text = `${name} takes milliseconds from 0 on as a number, seconds as text such as "120", a Date, or a time `
      + `with its zone such as "2026-11-24T10:00:00Z", and got ${own.shown(until)}${zone}`;
    throw typeof until === 'number' ? new RangeError(text) : new TypeError(text);
  };

  // `Retry-After` in milliseconds from now; undefined if it is not there, or nothing to go by.
  own.retryAfter = (text) => {
    const found = typeof text === 'string' ? heard(text) : NaN;
    return found === found ? own.Math.max(0, found) : undefined;
  };
}
