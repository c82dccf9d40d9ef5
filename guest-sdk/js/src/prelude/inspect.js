// Values as text, as Node's `util.inspect` shows them.
(host, own) => {
  'use strict';
  const { getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = own.Reflect;
  const WIDTH = 80;
  const COMPACT = 3;
  const MOST_ITEMS = 100;
  const MOST_CHARACTERS = 10000;
  const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/;

  const quoted = (text) => {
    if (text.length > MOST_CHARACTERS) {
      const more = text.length - MOST_CHARACTERS;
      return `${quoted(own.String.slice(text, 0, MOST_CHARACTERS))}... ${more} more characters`;
    }
    const has = (mark) => own.String.indexOf(text, mark) >= 0;
    const mark = !has("'") ? "'" : !has('"') ? '"' : !has('`') && !has('${') ? '`' : "'";
    let out = mark;
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      const code = own.String.charCodeAt(c, 0);
      if (c === mark || c === '\\') out += `\\${c}`;
      else if (c === '\n') out += '\\n';
      else if (c === '\t') out += '\\t';
      else if (c === '\r') out += '\\r';
      else if (c === '\b') out += '\\b';
      else if (code < 32 || code === 127) {
        out += `\\x${own.String.padStart(own.String.toUpperCase(own.Number.toString(code, 16)), 2, '0')}`;
      } else out += c;
    }
    return out + mark;
  };

  const primitive = (value) => {
    if (typeof value === 'string') return quoted(value);
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'symbol') return own.Symbol.toString(value);
    return own.Object.is(value, -0) ? '-0' : `${value}`;
  };

  const read = (object, key) => {
    try {
      return object[key];
    } catch {
      return undefined;
    }
  };

  const className = (object) => {
    for (let at = object; at; at = getPrototypeOf(at)) {
      const made = getOwnPropertyDescriptor(at, 'constructor')?.value;
      if (typeof made === 'function' && typeof made.name === 'string' && made.name) return made.name;
    }
    return null;
  };

  const prefix = (object, usual, size) => {
    const name = className(object);
    const tag = read(object, Symbol.toStringTag);
    const shown = name === null ? `[${usual}: null prototype]` : name;
    const count = size === undefined ? '' : `(${size})`;
    const tagged = typeof tag === 'string' && tag !== '' && tag !== name ? ` [${tag}]` : '';
    return name === usual && tagged === '' && size === undefined ? '' : `${shown}${count}${tagged} `;
  };

  const functionBase = (value) => {
    const name = getOwnPropertyDescriptor(value, 'name')?.value;
    const source = own.Function.toString(value);
    if (own.String.startsWith(source, 'class')) {
      const parent = getPrototypeOf(value)?.name;
      return `[class ${name || '(anonymous)'}${parent ? ` extends ${parent}` : ''}]`;
    }
    return `[${className(value) ?? 'Function'}${name ? `: ${name}` : ' (anonymous)'}]`;
  };

  // The stack without the engine's own frames.
  own.stackOf = (error) => {
    const stack = read(error, 'stack');
    if (typeof stack !== 'string') return '';
    const lines = own.String.split(stack, '\n');
    let out = '';
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i];
      const ours = own.String.indexOf(line, 'stepwell://') >= 0 || own.String.endsWith(line, '(native)');
      if (!ours && own.String.trim(line) !== '') out += `\n    ${own.String.trim(line)}`;
    }
    return out;
  };

  const errorBase = (error) => {
    const name = read(error, 'name') ?? 'Error';
    const message = read(error, 'message');
    const head = message ? `${name}: ${message}` : `${name}`;
    const stack = own.stackOf(error);
    return stack === '' ? `[${head}]` : head + stack;
  };

  own.inspect = (value, options) => {
    const depth = options?.depth === null ? Infinity : options?.depth ?? 2;
    const open = [];
    const circular = new Map();
    let deepest = 0;

    const show = (item, level, indent) => {
      if (item === null || (typeof item !== 'object' && typeof item !== 'function')) return primitive(item);
      if (own.Array.includes(open, item)) {
        if (!own.Map.has(circular, item)) own.Map.set(circular, item, own.Map.size(circular) + 1);
        return `[Circular *${own.Map.get(circular, item)}]`;
      }
      const text = raw(item, level, indent);
      return text;
    };

    const property = (object, key, level, indent, inList) => {
      const { get, set, value: held, enumerable } = getOwnPropertyDescriptor(object, key) ?? {};
      let text;
      if (get && own.isLazy(get)) text = show(object[key], level + 1, indent + 2);
      else if (get) text = set ? '[Getter/Setter]' : '[Getter]';
      else if (set) text = '[Setter]';
      else text = show(held, level + 1, indent + 2);
      if (inList) return text;
      let name = typeof key === 'symbol' ? `[${own.Symbol.toString(key)}]`
        : own.RegExp.exec(PLAIN_KEY, key) ? key : quoted(key);
      if (enumerable === false) name = `[${name}]`;
      return `${name}: ${text}`;
    };

    const keysOf = (object, skipIndices) => {
      const out = [];
      const keys = ownKeys(object);
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i];
        if (skipIndices && typeof key === 'string' && own.RegExp.exec(/^\d+$/, key)) continue;
        if (getOwnPropertyDescriptor(object, key)?.enumerable) own.Array.push(out, key);
      }
      return out;
    };

    const raw = (object, level, indent) => {
      let base = '';
      let braces = '{}';
      let head = '';
      let entries = () => [];
      let keys = null;
      const each = (length, one) => () => {
        const out = [];
        for (let i = 0; i < length && i < MOST_ITEMS; i++) own.Array.push(out, one(i));
        if (length > MOST_ITEMS) {
          const more = length - MOST_ITEMS;
          own.Array.push(out, `... ${more} more item${more > 1 ? 's' : ''}`);
        }
        return out;
      };
      if (own.isArray(object)) {
        braces = '[]';
        const name = prefix(object, 'Array');
        head = name && `${own.String.trimEnd(name)}(${object.length}) `;
        keys = keysOf(object, true);
        entries = each(object.length, (i) =>
          i in object ? property(object, `${i}`, level, indent, true) : '<empty item>');
      } else if (typeof object === 'function') {
        base = functionBase(object);
      } else if (own.isA(Map, object) && own.Reflect.has(object, 'size')) {
        head = prefix(object, '', own.Map.size(object));
        entries = () => {
          const out = [];
          own.Map.forEach(object, (held, key) =>
            own.Array.push(out, `${show(key, level + 1, indent + 2)} => ${show(held, level + 1, indent + 2)}`));
          return out;
        };
      } else if (own.isA(Set, object)) {
        head = prefix(object, '', own.Set.size(object));
        entries = () => {
          const out = [];
          own.Set.forEach(object, (held) => own.Array.push(out, show(held, level + 1, indent + 2)));
          return out;
        };
      } else if (own.isBuffer?.(object)) {
        const hex = host.decode(own.TypedArray.subarray(object, 0, 50), 'hex');
        let bytes = '';
        for (let i = 0; i < hex.length; i += 2) bytes += ` ${hex[i]}${hex[i + 1]}`;
        const more = object.length - 50;
        return `<Buffer${bytes}${more > 0 ? ` ... ${more} more byte${more > 1 ? 's' : ''}` : ''}>`;
      } else if (own.isView(object) && !own.isA(DataView, object)) {
        braces = '[]';
        head = prefix(object, '', object.length);
        keys = [];
        entries = each(object.length, (i) => primitive(object[i]));
      } else if (own.isA(Error, object)) {
        base = errorBase(object);
        const all = keysOf(object);
        keys = [];
        for (let i = 0; i < all.length; i++) {
          if (all[i] !== 'name' && all[i] !== 'stack' && all[i] !== 'message') own.Array.push(keys, all[i]);
        }
        if (getOwnPropertyDescriptor(object, 'cause')) own.Array.push(keys, 'cause');
      } else if (own.isA(RegExp, object)) {
        base = own.RegExp.toString(object);
      } else if (own.isA(Date, object)) {
        const time = own.Date.getTime(object);
        base = time === time ? own.Date.toISOString(object) : 'Invalid Date';
      } else if (host.isPromise(object)) {
        head = prefix(object, '');
        const state = host.peek(object);
        entries = () => [state.length === 0 ? '<pending>'
          : `${state[0] ? '' : '<rejected> '}${show(state[1], level + 1, indent + 2)}`];
      } else if (own.isA(ArrayBuffer, object)) {
        head = prefix(object, '');
        entries = () => [`byteLength: ${object.byteLength}`];
      } else if (own.isA(WeakMap, object) || own.isA(WeakSet, object)) {
        head = prefix(object, '');
        entries = () => ['<items unknown>'];
      } else if (own.isA(Number, object) || own.isA(Boolean, object)) {
        base = `[${className(object)}: ${object.valueOf()}]`;
      } else if (own.isA(String, object)) {
        base = `[String: ${quoted(own.String.valueOf(object))}]`;
        keys = keysOf(object, true);
      } else if (own.hrefOf?.(object) !== undefined) {
        base = `URL { ${own.hrefOf(object)} }`;
        keys = [];
      } else if (own.isQuery?.(object)) {
        head = prefix(object, '');
        const held = own.queryList(object);
        entries = each(held.length / 2, (i) => `${quoted(held[2 * i])} => ${quoted(held[2 * i + 1])}`);
      } else {
        head = prefix(object, 'Object');
        const view = own.viewOf?.(object);
        if (view) {
          entries = () => {
            const names = ownKeys(view);
            const out = [];
            for (let i = 0; i < names.length; i++) own.Array.push(out, property(view, names[i], level, indent, false));
            return out;
          };
        }
      }
      keys ??= keysOf(object);
      if (level > depth) return `[${own.isArray(object) ? 'Array' : className(object) ?? 'Object: null prototype'}]`;

      deepest = level;
      own.Array.push(open, object);
      const list = entries();
      for (let i = 0; i < keys.length; i++) own.Array.push(list, property(object, keys[i], level, indent, false));
      own.Array.pop(open);
      const number = own.Map.get(circular, object);
      const mark = number ? `<ref *${number}> ` : '';
      if (list.length === 0) return mark + (base || `${head}${braces}`);

      const first = `${mark}${base ? `${base} ` : ''}${head}${braces[0]}`;
      if (deepest - level < COMPACT) {
        let length = list.length * 2 + first.length + indent + 10;
        let flat = own.String.indexOf(base, '\n') < 0;
        for (let i = 0; i < list.length; i++) {
          length += list[i].length;
          flat &&= own.String.indexOf(list[i], '\n') < 0;
        }
        if (flat && length <= WIDTH) return `${first} ${own.Array.join(list, ', ')} ${braces[1]}`;
      }
      const margin = `\n${own.String.repeat(' ', indent)}`;
      return `${first}${margin}  ${own.Array.join(list, `,${margin}  `)}${margin}${braces[1]}`;
    };

    return show(value, 0, 0);
  };
}
