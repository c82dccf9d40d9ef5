// The web's `fetch`, `Response` and `Headers`, over the same calls as `connectors.fetch`.
(host, own) => {
  'use strict';

  class Headers {
    // Lower-case name -> value.
    #values = new Map();

    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init[Symbol.iterator] === 'function') {
        for (const pair of init) this.append(pair[0], pair[1]);
      } else {
        const keys = own.Object.keys(init);
        for (let i = 0; i < keys.length; i++) this.append(keys[i], init[keys[i]]);
      }
    }

    append(name, value) {
      const key = own.String.toLowerCase(`${name}`);
      const before = own.Map.get(this.#values, key);
      own.Map.set(this.#values, key, before === undefined ? `${value}` : `${before}, ${value}`);
    }

    set(name, value) {
      own.Map.set(this.#values, own.String.toLowerCase(`${name}`), `${value}`);
    }

    get(name) {
      return own.Map.get(this.#values, own.String.toLowerCase(`${name}`)) ?? null;
    }

    has(name) {
      return own.Map.has(this.#values, own.String.toLowerCase(`${name}`));
    }

    delete(name) {
      own.Map.delete(this.#values, own.String.toLowerCase(`${name}`));
    }

    forEach(callback, self) {
      own.Map.forEach(this.#values, (value, name) => own.Reflect.apply(callback, self, [value, name, this]));
    }

    entries() {
      return own.Map.entries(this.#values);
    }

    keys() {
      return own.Map.keys(this.#values);
    }

    values() {
      return own.Map.values(this.#values);
    }

    [Symbol.iterator]() {
      return this.entries();
    }
  }

  class Response {
    #bytes;
    #used = false;

    constructor(body, init = {}) {
      this.#bytes = body === undefined || body === null ? own.bytes('') : own.bytes(body, 'the body');
      const { status = 200, statusText = '', headers, url = '' } = init;
      const fixed = { status, statusText, url, ok: status >= 200 && status < 300, headers: new Headers(headers) };
      const keys = own.Object.keys(fixed);
      for (let i = 0; i < keys.length; i++) {
        own.define(this, keys[i], fixed[keys[i]]);
      }
    }

    get retryAfter() {
      return own.retryAfter(this.headers.get('retry-after'));
    }

    get bodyUsed() {
      return this.#used;
    }

    #take() {
      if (this.#used) throw new TypeError('the body was read already');
      this.#used = true;
      return this.#bytes;
    }

    async text() {
      return host.decode(this.#take(), 'utf8');
    }

    async json() {
      return own.parse(host.decode(this.#take(), 'utf8'));
    }

    async bytes() {
      return this.#take();
    }

    async arrayBuffer() {
      return own.TypedArray.slice(this.#take()).buffer;
    }

    clone() {
      return new Response(this.#bytes, this);
    }

    static json(value, init = {}) {
      const response = new Response(own.stringify(value), init);
      if (!response.headers.has('content-type')) response.headers.set('content-type', 'application/json');
      return response;
    }
  }

  const fetch = async (url, init = {}) => {
    // A plain object is sent as JSON, as by `connectors.fetch`.
    const received = await own.send(url, init, true);
    const headers = new Headers();
    for (let i = 0; i < received.headers.length; i += 2) headers.append(received.headers[i], received.headers[i + 1]);
    const { status, statusText, body } = received;
    return new Response(body, { status, statusText, headers, url: `${url}` });
  };

  own.global('Headers', Headers);
  own.global('Response', Response);
  own.global('fetch', fetch);
}
