// `URL` and `URLSearchParams`.
(host, own) => {
  'use strict';

  class URLSearchParams {
    // Names and values, one after the other.
    #list = [];
    #changed = null;

    constructor(init = '') {
      if (typeof init === 'object' && init !== null) {
        if (typeof init[Symbol.iterator] === 'function') {
          for (const pair of init) own.Array.push(this.#list, `${pair[0]}`, `${pair[1]}`);
        } else {
          const keys = own.Object.keys(init);
          for (let i = 0; i < keys.length; i++) own.Array.push(this.#list, keys[i], `${init[keys[i]]}`);
        }
      } else {
        const text = `${init}`;
        this.#list = host.parseQuery(text[0] === '?' ? own.String.slice(text, 1) : text);
      }
    }

    // Of a URL: calls back with the query when it was changed here.
    static {
      own.queryOf = (text, changed) => {
        const params = new URLSearchParams(text);
        params.#changed = changed;
        return params;
      };
      own.isQuery = (value) => typeof value === 'object' && value !== null && #list in value;
    }

    #put(list) {
      this.#list = list;
      this.#changed?.(this.toString());
    }

    #without(name, value) {
      const list = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        const gone = this.#list[i] === `${name}` && (value === undefined || this.#list[i + 1] === `${value}`);
        if (!gone) own.Array.push(list, this.#list[i], this.#list[i + 1]);
      }
      return list;
    }

    get size() {
      return this.#list.length / 2;
    }

    append(name, value) {
      this.#put(own.Array.concat(this.#list, [`${name}`, `${value}`]));
    }

    delete(name, value) {
      this.#put(this.#without(name, value));
    }

    get(name) {
      for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === `${name}`) return this.#list[i + 1];
      return null;
    }

    getAll(name) {
      const out = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] === `${name}`) own.Array.push(out, this.#list[i + 1]);
      }
      return out;
    }

    has(name, value) {
      return this.#without(name, value).length < this.#list.length;
    }

    set(name, value) {
      const list = [];
      let found = false;
      for (let i = 0; i < this.#list.length; i += 2) {
        const same = this.#list[i] === `${name}`;
        if (!same) own.Array.push(list, this.#list[i], this.#list[i + 1]);
        else if (!found) own.Array.push(list, this.#list[i], `${value}`);
        found ||= same;
      }
      if (!found) own.Array.push(list, `${name}`, `${value}`);
      this.#put(list);
    }

    sort() {
      const pairs = [];
      for (let i = 0; i < this.#list.length; i += 2) own.Array.push(pairs, [this.#list[i], this.#list[i + 1]]);
      own.Array.sort(pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
      this.#put(own.Array.flat(pairs));
    }

    forEach(callback, self) {
      for (let i = 0; i < this.#list.length; i += 2) {
        own.Reflect.apply(callback, self, [this.#list[i + 1], this.#list[i], this]);
      }
    }

    *entries() {
      for (let i = 0; i < this.#list.length; i += 2) yield [this.#list[i], this.#list[i + 1]];
    }

    *keys() {
      for (let i = 0; i < this.#list.length; i += 2) yield this.#list[i];
    }

    *values() {
      for (let i = 0; i < this.#list.length; i += 2) yield this.#list[i + 1];
    }

    [Symbol.iterator]() {
      return this.entries();
    }

    toString() {
      return host.formatQuery(this.#list);
    }
  }

  class URL {
    #parts;
    #query = null;

    constructor(url, base) {
      const parts = host.parseUrl(`${url}`, base === undefined ? undefined : `${base}`);
      if (!parts) {
        const error = new TypeError(`Invalid URL: ${url}`);
        own.hide(error, 'code', 'ERR_INVALID_URL');
        throw error;
      }
      this.#parts = parts;
    }

    static canParse(url, base) {
      return !!host.parseUrl(`${url}`, base === undefined ? undefined : `${base}`);
    }

    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }

    static {
      own.hrefOf = (value) =>
        typeof value === 'object' && value !== null && #parts in value ? value.#parts.href : undefined;
      const settable = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
      for (const name of ['href', 'origin', ...settable]) {
        own.Reflect.defineProperty(URL.prototype, name, {
          get() {
            return this.#parts[name];
          },
          set: name === 'origin' ? undefined : function (value) {
            if (name === 'href') this.#parts = new URL(value).#parts;
            else this.#parts = host.setUrl(this.#parts.href, name, `${value}`) ?? this.#parts;
            this.#query = null;
          },
          enumerable: true,
          configurable: true,
        });
      }
    }

    get searchParams() {
      return (this.#query ??= own.queryOf(this.#parts.search, (query) => {
        this.#parts = host.setUrl(this.#parts.href, 'search', query) ?? this.#parts;
      }));
    }

    toString() {
      return this.#parts.href;
    }

    toJSON() {
      return this.#parts.href;
    }
  }

  own.global('URL', URL);
  own.global('URLSearchParams', URLSearchParams);
}
