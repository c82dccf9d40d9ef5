// `JSON`: the engine's own, but plain data goes a faster way, and a number that the step did not
// compute keeps its text. The natives give undefined for what has behaviour of its own: accessors,
// `toJSON`, classes of the engine's.
(host, own) => {
  'use strict';
  const slow = own.JSON;
  const apply = own.Reflect.apply;

  const exact = (value) => {
    if (typeof value !== 'number') return value;
    const text = host.spelled(value);
    return text === undefined ? value : slow.rawJSON(text);
  };

  // The names that a list of them allows, each once.
  const namesOf = (list) => {
    const names = [];
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      const isName = typeof item === 'string' || typeof item === 'number'
        || (typeof item === 'object' && (own.isA(String, item) || own.isA(Number, item)));
      const name = isName ? `${item}` : undefined;
      if (isName && !own.Array.includes(names, name)) own.Array.push(names, name);
    }
    return names;
  };

  const replacing = (replacer) => {
    if (typeof replacer === 'function') {
      return function (key, value) {
        return exact(apply(replacer, this, [key, value]));
      };
    }
    if (!own.isArray(replacer)) return (key, value) => exact(value);
    const names = namesOf(replacer);
    return (key, value) => {
      if (typeof value !== 'object' || value === null || own.isArray(value) || slow.isRawJSON(value)
        || own.isA(Number, value) || own.isA(String, value) || own.isA(Boolean, value)) return exact(value);
      const kept = {};
      for (let i = 0; i < names.length; i++) {
        const member = value[names[i]];
        if (member !== undefined) own.define(kept, names[i], member);
      }
      return kept;
    };
  };

  const gapOf = (space) => {
    if (typeof space === 'string') return own.String.slice(space, 0, 10);
    if (typeof space !== 'number' || !(space >= 1)) return '';
    return own.String.repeat(' ', own.Math.min(10, own.Math.trunc(space)));
  };

  const methods = {
    parse(text, reviver) {
      const string = `${text}`;
      if (typeof reviver !== 'function') {
        const value = host.parse(string);
        if (value !== undefined) return value;
      }
      return slow.parse(string, reviver);
    },
    stringify(value, replacer, space) {
      const isReplaced = typeof replacer === 'function' || own.isArray(replacer);
      const isGap = typeof space === 'string' ? own.String.isWellFormed(space) : typeof space !== 'object' || space === null;
      if (!isReplaced && isGap) {
        const text = host.stringify(value, gapOf(space), false);
        if (text !== undefined) return text;
      }
      if (!host.hasSpelled()) return slow.stringify(value, replacer, space);
      return slow.stringify(value, replacing(replacer), space);
    },
  };
  own.hide(JSON, 'parse', methods.parse);
  own.hide(JSON, 'stringify', methods.stringify);
  own.parse = methods.parse;
  own.stringify = (value) => methods.stringify(value);

  // JSON that every reader takes: half a surrogate pair, which a string that was cut may end with,
  // becomes U+FFFD, as it does in `data`. `stringify` escapes such halves, and nothing else, as \\ud….
  own.json = (value) => {
    const quick = host.stringify(value, '', true);
    if (quick !== undefined) return quick;
    const text = own.stringify(value);
    if (text === undefined || own.String.indexOf(text, '\\ud') < 0) return text;
    let out = '';
    let from = 0;
    for (let at = own.String.indexOf(text, '\\'); at >= 0; at = own.String.indexOf(text, '\\', at + 2)) {
      if (text[at + 1] !== 'u' || text[at + 2] !== 'd') continue;
      out += `${own.String.slice(text, from, at)}\\ufffd`;
      from = at + 6;
    }
    return out + own.String.slice(text, from);
  };
}
