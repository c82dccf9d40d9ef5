// Time zones as `Intl` shows them: their names by ECMA-402 and UTS 35, "Time Zone Names". Their offsets
// are the host's time zone database.
(host, own) => {
  'use strict';
  const { intl } = own;
  const { at } = intl;
  const { padStart, split, toLowerCase } = own.String;
  const { exec } = own.RegExp;
  const { abs, floor, trunc } = own.Math;

  let byLower;
  // The canonical name of a time zone, whatever its letters' case.
  intl.zone = (given) => {
    const { names, canonical } = intl.read('zones');
    if (given === 'UTC') return 'UTC';
    if (byLower === undefined) {
      byLower = { __proto__: null };
      for (let i = 0; i < names.length; i++) byLower[toLowerCase(names[i])] = names[i];
      const others = own.Object.keys(canonical);
      for (let i = 0; i < others.length; i++) byLower[toLowerCase(others[i])] = canonical[others[i]];
    }
    const found = byLower[toLowerCase(given)];
    if (found === undefined) throw new RangeError(`Invalid time zone specified: ${given}`);
    return found;
  };
  // [seconds east of UTC, whether it is summer time] at a time in milliseconds.
  intl.offset = (zone, time) => (zone === 'UTC' ? [0, false] : host.zoneOffset(zone, time));

  const metazone = (zone, time) => {
    // ICU has names from 1970 on.
    const list = at(intl.read('metazones').meta, zone);
    const minutes = floor(time / 60_000);
    for (let i = 0; list && i < list.length; i++) {
      const { 0: name, 1: from, 2: to } = list[i];
      if (minutes >= (from ?? 0) && (to === null || minutes < to)) return name;
    }
    return undefined;
  };
  const digitsOf = (text, table) => {
    if (table === undefined) return text;
    let out = '';
    for (let i = 0; i < text.length; i++) out += table[Number(text[i])] ?? text[i];
    return out;
  };
  const offsetText = (seconds, names, long, table) => {
    const { 0: plus, 1: minus } = split(names.hour, ';');
    const { 1: sign, 3: between, 5: tail } = exec(/^([^H]*)(H+)([^m]*)(m+)(.*)$/, seconds < 0 ? minus : plus);
    const size = abs(seconds);
    const hours = `${trunc(size / 3600)}`;
    const minutes = trunc(size / 60) % 60;
    let text = sign + digitsOf(long ? padStart(hours, 2, '0') : hours, table);
    const two = (value) => between + digitsOf(padStart(`${value}`, 2, '0'), table);
    if (!long && size % 3600 === 0) return intl.replaceHole(names.gmt, text);
    text += two(minutes);
    if (size % 60 !== 0) text += two(size % 60);
    return intl.replaceHole(names.gmt, text + tail);
  };
  // The name by a letter and length of a pattern: z, zzzz, O or OOOO.
  intl.zoneName = (zone, time, letter, length, folder, table) => {
    const names = intl.read(`zones/${folder}`);
    const { 0: offset, 1: summer } = intl.offset(zone, time);
    const long = length === 4;
    if (letter === 'z') {
      const key = long ? 'long' : 'short';
      const kind = summer ? 'daylight' : 'standard';
      const name = (group) => {
        const forms = group && at(group, key);
        return forms && at(forms, kind);
      };
      const meta = metazone(zone, time);
      const found = name(at(names.zone, zone === 'UTC' ? 'Etc/UTC' : zone)) ?? name(meta && at(names.meta, meta));
      if (found !== undefined) return found;
      if (zone === 'UTC' && !long) return 'UTC';
    }
    if (letter === 'v') throw intl.absent('the generic name of a time zone', 'short, long, shortOffset and longOffset');
    return offsetText(offset, names, long, table);
  };
}
