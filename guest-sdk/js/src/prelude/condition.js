// A step's export `condition` as the pattern language's JSON.
(host, own) => {
  'use strict';
  const TYPES = new Map([
    [String, 'string'], [Number, 'number'], [Boolean, 'boolean'], [Object, 'object'], [Array, 'array'],
  ]);
  const DEPTH = 64;
  const HELP = 'write String, Number, Boolean, Object, Array, a value, a regular expression, or an operator such as {$gt: 1}';

  const place = (pointer) => (pointer === '' ? '`condition`' : `\`condition\` at \`${pointer}\``);
  const refuse = (pointer, text) => {
    throw new TypeError(`${place(pointer)} ${text}`);
  };
  const token = (key) => own.String.replaceAll(own.String.replaceAll(key, '~', '~0'), '/', '~1');

  // JSON that every reader takes: half a surrogate pair as the escape that matches it.
  const source = (value) => {
    const text = own.RegExp.source(value);
    if (own.String.isWellFormed(text)) return text;
    let out = '';
    let escaped = false;
    for (let i = 0; i < text.length; i++) {
      const pair = own.String.codePointAt(text, i) > 0xffff;
      const unit = own.String.charCodeAt(text, i);
      if (pair) out += text[i] + text[++i];
      else if (unit < 0xd800 || unit > 0xdfff) out += text[i];
      else out += (escaped ? 'u' : '\\u') + own.Number.toString(unit, 16);
      escaped = !escaped && unit === 0x5c;
    }
    return out;
  };

  // With `$flags` the expression means what it means in the script; `$options` would be MongoDB's.
  const regex = (value, pointer) => {
    const flags = own.RegExp.flags(value);
    if (own.String.includes(flags, 'y')) refuse(pointer, 'is a regular expression with the flag `y`, which has no meaning here; begin it with ^');
    return { __proto__: null, $regex: source(value), $flags: flags };
  };

  // What a Map, a Set or an instance of a class holds is not in its members.
  const plain = (value, pointer) => {
    const prototype = own.Object.getPrototypeOf(value);
    // A module as a whole has no prototype, and a symbol for its name.
    if (prototype === null) return;
    if (own.isArray(value) || prototype === own.objectPrototype) {
      if (own.Object.getOwnPropertySymbols(value).length > 0) refuse(pointer, 'has a symbol as a key, which no data has');
      return;
    }
    const maker = prototype.constructor;
    const name = typeof maker === 'function' ? maker.name : '';
    refuse(pointer, `is an instance of ${name || 'a class'}; ${HELP}`);
  };

  const compile = (value, pointer, open) => {
    const type = own.Map.get(TYPES, value);
    if (type) return { $type: type };
    switch (typeof value) {
      case 'undefined': return refuse(pointer, 'is undefined; write null for a value that is null or missing, or leave the member out');
      case 'string': case 'boolean': return value;
      case 'number':
        if (value - value !== 0) refuse(pointer, `is ${value}, which no data can hold`);
        // Which integer the author wrote nobody can tell any more.
        if (value >= 2 ** 53 || value <= -(2 ** 53)) {
          refuse(pointer, `is ${value}, and JavaScript rounds integers beyond 2^53; write it as a BigInt, with an n behind it: ${own.BigInt.toString(BigInt(value))}n`);
        }
        return value;
      case 'bigint': return value;
      case 'symbol': return refuse(pointer, `is a symbol; ${HELP}`);
      case 'function': return refuse(pointer, `is a function; ${HELP}`);
    }
    // What `JSON.rawJSON` made is written as it is.
    if (value === null || own.JSON.isRawJSON(value)) return value;
    if (own.isA(RegExp, value)) return regex(value, pointer);
    if (own.isA(Date, value)) {
      const at = own.Date.getTime(value);
      if (at - at !== 0) refuse(pointer, 'is an invalid Date');
      return own.Date.toISOString(value);
    }
    plain(value, pointer);
    if (own.Array.includes(open, value)) refuse(pointer, 'is a cycle: it lies in itself');
    if (open.length >= DEPTH) refuse(pointer, `is nested deeper than ${DEPTH} levels`);
    own.Array.push(open, value);
    let out;
    if (own.isArray(value)) {
      out = [];
      for (let i = 0; i < value.length; i++) out[i] = compile(value[i], `${pointer}/${i}`, open);
    } else {
      out = { __proto__: null };
      const keys = own.Object.keys(value);
      for (let i = 0; i < keys.length; i++) {
        if (keys[i] === '$regex' && own.isA(RegExp, value.$regex)) {
          const { $regex, $flags } = regex(value.$regex, `${pointer}/$regex`);
          out.$regex = $regex;
          out.$flags = $flags;
          continue;
        }
        out[keys[i]] = compile(value[keys[i]], `${pointer}/${token(keys[i])}`, open);
      }
    }
    own.Array.pop(open);
    return out;
  };

  // Written out here: `JSON.stringify` would ask every prototype for `toJSON`.
  const write = (value) => {
    if (typeof value === 'bigint') return own.BigInt.toString(value);
    if (typeof value !== 'object' || value === null || own.JSON.isRawJSON(value)) return own.JSON.stringify(value);
    let out = '';
    const list = own.isArray(value);
    const keys = own.Object.keys(value);
    for (let i = 0; i < keys.length; i++) {
      if (i > 0) out += ',';
      if (!list) out += `${own.JSON.stringify(keys[i])}:`;
      out += write(value[keys[i]]);
    }
    return list ? `[${out}]` : `{${out}}`;
  };

  own.condition = (exports) => {
    const has = (name) => own.Reflect.has(exports, name);
    if (!has('condition')) throw new TypeError('the step exports no `condition`: write `export const condition = { … }`');
    if (!has('content')) throw new TypeError('the step exports no `content`: write `export const content = async () => { … }`');
    const { condition, content } = exports;
    if (typeof content !== 'function') throw new TypeError(`\`content\` is ${own.kind(content)}; it must be a function`);
    if (typeof condition !== 'object' || condition === null || own.isArray(condition)
      || own.isA(RegExp, condition) || own.isA(Date, condition)) {
      throw new TypeError(`\`condition\` is ${own.kind(condition)}; it must be an object pattern`);
    }
    return write(compile(condition, '', []));
  };
}
