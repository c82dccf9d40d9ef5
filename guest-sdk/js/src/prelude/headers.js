// `Headers` (Fetch standard, 5.1).
(host, own) => {
  'use strict';

  const nameOf = (name) => {
    const text = `${name}`;
    if (!own.RegExp.exec(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, text)) throw new TypeError(`'${text}' is no name of a header`);
    return own.String.toLowerCase(text);
  };
  // Without white space at its ends.
  const valueOf = (name, value) => {
    const text = own.String.replace(own.String.replace(`${value}`, /^[\t\n\r ]+/, ''), /[\t\n\r ]+$/, '');
    const wrong = own.RegExp.exec(/[\0\n\r\u0100-\uffff]/, text);
    if (wrong) {
      const code = own.Number.toString(own.String.charCodeAt(wrong[0], 0), 16);
      throw new TypeError(`the value of the header '${name}' has the character U+${own.String.padStart(own.String.toUpperCase(code), 4, '0')} in it, which no header may have`);
    }
    return text;
  };

  class Headers {
    // Names in lower case and values, one after the other, in the order in which they came.
    #list = [];
    #fixed = false;

    constructor(init = undefined) {
      if (init === undefined) return;
      own.fillHeaders(this, init);
    }

    static {
      own.isHeaders = (value) => typeof value === 'object' && value !== null && #list in value;
      own.fillHeaders = (headers, init) => {
        if (init === null || typeof init !== 'object' && typeof init !== 'function') {
          throw new TypeError(`headers must be an object or a list of pairs, and they are ${own.kind(init)}`);
        }
        if (typeof init[Symbol.iterator] === 'function') {
          for (const pair of init) {
            const both = [];
            for (const text of pair) own.Array.push(both, text);
            if (both.length !== 2) throw new TypeError('a header must be a pair of a name and a value');
            headers.append(both[0], both[1]);
          }
          return;
        }
        // All names and values are taken before one is looked at.
        const keys = own.Reflect.ownKeys(init);
        const list = [];
        for (let i = 0; i < keys.length; i++) {
          const found = own.Reflect.getOwnPropertyDescriptor(init, keys[i]);
          if (!found?.enumerable) continue;
          if (typeof keys[i] === 'symbol') throw new TypeError('the name of a header cannot be a symbol');
          if (own.RegExp.exec(/[\u0100-\uffff]/, keys[i])) nameOf(keys[i]);
          own.Array.push(list, keys[i], `${init[keys[i]]}`);
        }
        for (let i = 0; i < list.length; i += 2) headers.append(list[i], list[i + 1]);
      };
      // Of a response that came: names and values as they are, which nobody can change.
      own.receivedHeaders = (list) => {
        const headers = new Headers();
        headers.#list = list;
        headers.#fixed = true;
        return headers;
      };
      // For a request: each name once, in the order in which they came.
      own.headerList = (headers) => {
        const out = [];
        const list = headers.#list;
        for (let i = 0; i < list.length; i += 2) {
          let same = 0;
          while (same < out.length && out[same] !== list[i]) same += 2;
          if (same < out.length) out[same + 1] += `, ${list[i + 1]}`;
          else own.Array.push(out, list[i], list[i + 1]);
        }
        return out;
      };
    }

    // Pairs by name; each `set-cookie` is a pair of its own.
    #sorted() {
      const pairs = [];
      const list = this.#list;
      for (let i = 0; i < list.length; i += 2) {
        const before = list[i] === 'set-cookie' ? undefined : own.Array.find(pairs, (pair) => pair[0] === list[i]);
        if (before) before[1] += `, ${list[i + 1]}`;
        else own.Array.push(pairs, [list[i], list[i + 1]]);
      }
      return own.Array.sort(pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    }

    #changed() {
      if (this.#fixed) throw new TypeError('the headers of a response that came cannot be changed: copy them by new Headers(response.headers)');
    }

    append(name, value) {
      if (arguments.length < 2) throw new TypeError('append takes a name and a value');
      const key = nameOf(name);
      const text = valueOf(key, value);
      this.#changed();
      own.Array.push(this.#list, key, text);
    }

    set(name, value) {
      if (arguments.length < 2) throw new TypeError('set takes a name and a value');
      const key = nameOf(name);
      const text = valueOf(key, value);
      this.#changed();
      const list = [];
      let found = false;
      for (let i = 0; i < this.#list.length; i += 2) {
        const same = this.#list[i] === key;
        if (!same) own.Array.push(list, this.#list[i], this.#list[i + 1]);
        else if (!found) own.Array.push(list, key, text);
        found ||= same;
      }
      if (!found) own.Array.push(list, key, text);
      this.#list = list;
    }

    get(name) {
      const key = nameOf(name);
      let value = null;
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] === key) value = value === null ? this.#list[i + 1] : `${value}, ${this.#list[i + 1]}`;
      }
      return value;
    }

    getSetCookie() {
      const values = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] === 'set-cookie') own.Array.push(values, this.#list[i + 1]);
      }
      return values;
    }

    has(name) {
      return this.get(name) !== null;
    }

    delete(name) {
      const key = nameOf(name);
      this.#changed();
      const list = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] !== key) own.Array.push(list, this.#list[i], this.#list[i + 1]);
      }
      this.#list = list;
    }

    static {
      // What is changed meanwhile is seen, as the standard has it.
      own.pairs(Headers, 'Headers', (headers) => headers.#sorted());
    }
  }
  own.tag(Headers, 'Headers');
}
