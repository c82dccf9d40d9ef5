// `URLSearchParams` of the URL standard.
(host, own) => {
  'use strict';
  const { usv, needs } = own;
  const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([].values()));

  // A list of names and values, one after the other, from what a caller gave.
  const listOf = (init) => {
    if ((typeof init !== 'object' && typeof init !== 'function') || init === null) {
      const text = usv(init);
      return host.parseQuery(text[0] === '?' ? own.String.slice(text, 1) : text);
    }
    const list = [];
    const iterator = init[Symbol.iterator];
    if (iterator !== undefined && iterator !== null) {
      if (typeof iterator !== 'function') throw new TypeError('the query is an object whose Symbol.iterator is no function');
      for (const pair of init) {
        if (typeof pair !== 'object' || pair === null || typeof pair[Symbol.iterator] !== 'function') {
          throw new TypeError(`each pair of a query is [name, value], and one is ${own.kind(pair)}`);
        }
        let count = 0;
        for (const part of pair) {
          if (count++ < 2) own.Array.push(list, usv(part));
        }
        if (count !== 2) throw new TypeError(`each pair of a query is [name, value], and one has ${count} elements`);
      }
      return list;
    }
    const keys = own.Reflect.ownKeys(init);
    for (let i = 0; i < keys.length; i++) {
      const found = own.Reflect.getOwnPropertyDescriptor(init, keys[i]);
      if (found === undefined || !found.enumerable) continue;
      // A name that is a symbol is a TypeError.
      const name = usv(keys[i]);
      const value = usv(init[keys[i]]);
      let at = 0;
      while (at < list.length && list[at] !== name) at += 2;
      list[at] = name;
      list[at + 1] = value;
    }
    return list;
  };

  let check;

  class URLSearchParams {
    // Names and values, one after the other.
    #list;
    #changed = null;

    constructor() {
      const init = arguments[0];
      this.#list = init === undefined ? [] : listOf(init);
    }

    static {
      // Of a URL: calls back with the query when it was changed here.
      own.queryOf = (text, changed) => {
        const params = new URLSearchParams(text);
        params.#changed = changed;
        return params;
      };
      // The URL was given another query.
      own.setQuery = (params, text) => {
        params.#list = listOf(text);
      };
      check = (value) => {
        if (own.isQuery(value)) return;
        const error = new TypeError(`Value of "this" must be of type URLSearchParams`);
        error.code = 'ERR_INVALID_THIS';
        throw error;
      };
      own.isQuery = (value) => typeof value === 'object' && value !== null && #list in value;
      own.queryText = (params) => host.formatQuery(params.#list);
      own.queryList = (params) => params.#list;
    }

    #put(list) {
      this.#list = list;
      this.#changed?.(host.formatQuery(list));
    }

    #without(name, value) {
      const list = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        const gone = this.#list[i] === name && (value === undefined || this.#list[i + 1] === value);
        if (!gone) own.Array.push(list, this.#list[i], this.#list[i + 1]);
      }
      return list;
    }

    get size() {
      check(this);
      return this.#list.length / 2;
    }

    append(name, value) {
      check(this);
      needs(arguments.length, 2, 'append');
      this.#put(own.Array.concat(this.#list, [usv(name), usv(value)]));
    }

    delete(name) {
      check(this);
      needs(arguments.length, 1, 'delete');
      const value = arguments[1];
      this.#put(this.#without(usv(name), value === undefined ? undefined : usv(value)));
    }

    get(name) {
      check(this);
      needs(arguments.length, 1, 'get');
      const wanted = usv(name);
      for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === wanted) return this.#list[i + 1];
      return null;
    }

    getAll(name) {
      check(this);
      needs(arguments.length, 1, 'getAll');
      const wanted = usv(name);
      const out = [];
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] === wanted) own.Array.push(out, this.#list[i + 1]);
      }
      return out;
    }

    has(name) {
      check(this);
      needs(arguments.length, 1, 'has');
      const value = arguments[1];
      return this.#without(usv(name), value === undefined ? undefined : usv(value)).length < this.#list.length;
    }

    set(name, value) {
      check(this);
      needs(arguments.length, 2, 'set');
      const wanted = usv(name);
      const text = usv(value);
      const list = [];
      let found = false;
      for (let i = 0; i < this.#list.length; i += 2) {
        const same = this.#list[i] === wanted;
        if (!same) own.Array.push(list, this.#list[i], this.#list[i + 1]);
        else if (!found) own.Array.push(list, wanted, text);
        found ||= same;
      }
      if (!found) own.Array.push(list, wanted, text);
      this.#put(list);
    }

    sort() {
      const pairs = [];
      for (let i = 0; i < this.#list.length; i += 2) own.Array.push(pairs, [this.#list[i], this.#list[i + 1]]);
      own.Array.sort(pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
      this.#put(own.Array.flat(pairs));
    }

    forEach(callback) {
      check(this);
      needs(arguments.length, 1, 'forEach');
      if (typeof callback !== 'function') {
        const error = new TypeError(`forEach needs a function, and got ${own.kind(callback)}`);
        own.hide(error, 'code', 'ERR_INVALID_ARG_TYPE');
        throw error;
      }
      for (let i = 0; i < this.#list.length; i += 2) {
        own.Reflect.apply(callback, arguments[1], [this.#list[i + 1], this.#list[i], this]);
      }
    }

    entries() {
      check(this);
      return new Entries(this, 2);
    }

    keys() {
      check(this);
      return new Entries(this, 0);
    }

    values() {
      check(this);
      return new Entries(this, 1);
    }

    toString() {
      check(this);
      return host.formatQuery(this.#list);
    }
  }

  // Sees what was changed since it was made: a position in the list as it is.
  class Entries {
    #params;
    // 0 for names, 1 for values, 2 for both.
    #part;
    #at = 0;

    constructor(params, part) {
      this.#params = params;
      this.#part = part;
    }

    next() {
      const list = own.queryList(this.#params);
      if (this.#at >= list.length) return { value: undefined, done: true };
      const at = this.#at;
      this.#at = at + 2;
      const value = this.#part === 2 ? [list[at], list[at + 1]] : list[at + this.#part];
      return { value, done: false };
    }
  }
  own.webInterface(Entries, 'URLSearchParams Iterator');
  own.Reflect.deleteProperty(Entries.prototype, 'constructor');
  own.Reflect.setPrototypeOf(Entries.prototype, IteratorPrototype);

  own.webInterface(URLSearchParams);
  own.hide(URLSearchParams.prototype, Symbol.iterator, URLSearchParams.prototype.entries);
  own.global('URLSearchParams', URLSearchParams);
}
