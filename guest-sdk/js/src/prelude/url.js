// `URL` of the URL standard.
(host, own) => {
  'use strict';
  const { usv, needs } = own;

  const parse = (url, base) => host.parseUrl(usv(url), base === undefined ? undefined : usv(base));

  class URL {
    #parts;
    #query = null;

    constructor(url) {
      needs(arguments.length, 1, 'URL');
      const base = arguments[1];
      const parts = parse(url, base);
      if (!parts) {
        const error = new TypeError(`Invalid URL: ${url}`);
        own.hide(error, 'code', 'ERR_INVALID_URL');
        own.hide(error, 'input', `${url}`);
        if (base !== undefined) own.hide(error, 'base', `${base}`);
        throw error;
      }
      this.#parts = parts;
    }

    static canParse(url) {
      needs(arguments.length, 1, 'URL.canParse');
      return !!parse(url, arguments[1]);
    }

    static parse(url) {
      needs(arguments.length, 1, 'URL.parse');
      return parse(url, arguments[1]) ? new URL(url, arguments[1]) : null;
    }

    static {
      own.isUrl = (value) => typeof value === 'object' && value !== null && #parts in value;
      own.hrefOf = (value) => (own.isUrl(value) ? value.#parts.href : undefined);
      const settable = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
      const names = ['href', 'origin', ...settable];
      for (let i = 0; i < names.length; i++) {
        const name = names[i];
        const both = {
          get [name]() {
            return this.#parts[name];
          },
          set [name](value) {
            const text = usv(value);
            this.#parts = name === 'href' ? new URL(text).#parts : host.setUrl(this.#parts.href, name, text) ?? this.#parts;
            if (this.#query) own.setQuery(this.#query, this.#parts.search);
          },
        };
        const found = own.Reflect.getOwnPropertyDescriptor(both, name);
        if (name === 'origin') found.set = undefined;
        own.Reflect.defineProperty(URL.prototype, name, found);
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

  own.webInterface(URL);
  own.global('URL', URL);

  own.urlModule = {
    URL,
    URLSearchParams: globalThis.URLSearchParams,
    domainToASCII: (domain) => host.domainToAscii(usv(domain)),
    domainToUnicode: (domain) => host.domainToUnicode(usv(domain)),
  };
}
