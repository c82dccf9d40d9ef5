// Places in `data`: a JSON pointer (`/a/b`) or a dotted path (`a.b`), and what is put there.
(host, own) => {
  'use strict';
  const INDEX = /^(?:0|[1-9]\d*)$/;
  const exec = own.RegExp.exec;
  const { getOwnPropertyDescriptor } = own.Reflect;
  const escaped = (key) => own.String.replaceAll(own.String.replaceAll(key, '~', '~0'), '/', '~1');
  const unescaped = (token) => own.String.replaceAll(own.String.replaceAll(token, '~1', '/'), '~0', '~');

  // `into` as a JSON pointer. What is wrong with a pointer is the host's to say.
  own.pointer = (into) => {
    if (typeof into !== 'string') {
      throw new TypeError(`\`into\` must be a JSON pointer such as '/a/b' or a path such as 'a.b', and it is ${own.kind(into)}`);
    }
    if (into === '' || into[0] === '/') return into;
    const keys = own.String.split(into, '.');
    let pointer = '';
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === '' || own.String.indexOf(keys[i], '[') >= 0) {
        throw new TypeError(`\`into\` is ${own.shown(into)}, which is no path: write keys and positions with dots between them, such as 'a.b' or 'list.0'`);
      }
      pointer += `/${escaped(keys[i])}`;
    }
    return pointer;
  };

  // The keys on the way to a place that a call's result may be put at.
  own.place = (into) => {
    const pointer = own.pointer(into);
    if (pointer === '') throw new TypeError("`into` is the whole document; name a place in it, such as 'result'");
    const keys = own.String.split(own.String.slice(pointer, 1), '/');
    for (let i = 0; i < keys.length; i++) keys[i] = unescaped(keys[i]);
    if (keys[0] === '$via') throw new TypeError('`into` is in `$via`, which is the server\'s; name another place');
    return keys;
  };

  const has = (holder, key) => getOwnPropertyDescriptor(holder, key) !== undefined;
  const kindOf = (value) => (value === undefined ? 'not there' : own.kind(value));
  const checked = (list, key, keys) => {
    const at = key === '-' ? list.length : exec(INDEX, key) ? +key : -1;
    if (at >= 0 && at <= list.length) return at;
    throw new RangeError(`there is no place \`${own.Array.join(keys, '.')}\` in the data: \`${key}\` is no position in a list of ${list.length}`);
  };

  // Puts a value there. Objects that are missing on the way are made.
  own.put = (keys, value) => {
    let holder = globalThis.data;
    for (let i = 0; i < keys.length; i++) {
      if (typeof holder !== 'object' || holder === null) {
        const before = own.Array.join(own.Array.slice(keys, 0, i), '.') || 'data';
        throw new TypeError(`there is no place \`${own.Array.join(keys, '.')}\` in the data: \`${before}\` is ${kindOf(holder)}`);
      }
      const key = own.isArray(holder) ? checked(holder, keys[i], keys) : keys[i];
      if (i === keys.length - 1) {
        if (!own.define(holder, key, value)) throw new TypeError(`\`${own.Array.join(keys, '.')}\` cannot be written`);
        return;
      }
      const next = has(holder, key) ? holder[key] : undefined;
      if (next === undefined || next === null) own.define(holder, key, { });
      holder = holder[key];
    }
  };
}
