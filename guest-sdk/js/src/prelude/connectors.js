// `connectors`: HTTP, and the named connectors that the workspace has. A call's promise waits here
// under the host's number for it, until Rust settles it.
(host, own) => {
  'use strict';
  const pending = new Map();

  class FetchError extends Error {}
  class ConnectorError extends Error {}
  const failure = (Kind, name, code, text) => {
    const error = new Kind(text);
    own.hide(error, 'name', name);
    error.code = code;
    return error;
  };

  own.settle = (id, status, a, b, c) => {
    const call = own.Map.get(pending, id);
    if (!call) return;
    own.Map.delete(pending, id);
    if (status > 0) {
      call.resolve({ status, statusText: a, headers: b, body: c });
    } else if (status === 0) {
      call.resolve(own.parse(a));
    } else {
      const error = call.fetch ? failure(FetchError, 'FetchError', a, b) : failure(ConnectorError, 'ConnectorError', a, b);
      // JSON leaves out what is undefined, so what an operation misses may be a value of the config.
      const isOwn = a === 'invalid' && (!call.fetch || own.String.indexOf(b, 'undefined') >= 0);
      call.reject(isOwn ? own.lacking(error) : error);
    }
  };
  const begin = (start, fetch) =>
    own.promise((resolve, reject) => own.Map.set(pending, start(), { resolve, reject, fetch }));

  own.isJson = (type) => {
    const kind = own.String.trim(own.String.toLowerCase(own.String.split(type, ';')[0]));
    return kind === 'application/json' || own.String.endsWith(kind, '+json');
  };

  // A request's body as bytes, and the content type it has of itself.
  const bodyOf = (body) => {
    if (body === undefined || body === null) return [undefined, undefined];
    if (typeof body === 'string') return [body, 'text/plain;charset=UTF-8'];
    if (own.isQuery(body)) return [body.toString(), 'application/x-www-form-urlencoded;charset=UTF-8'];
    if (own.isView(body) || own.isA(ArrayBuffer, body)) return [own.bytes(body), undefined];
    if (typeof body === 'object') return [own.stringify(body), 'application/json'];
    return [`${body}`, 'text/plain;charset=UTF-8'];
  };

  const headersOf = (headers) => {
    const list = [];
    if (headers === undefined || headers === null) return list;
    if (typeof headers[Symbol.iterator] === 'function') {
      for (const pair of headers) own.Array.push(list, `${pair[0]}`, `${pair[1]}`);
      return list;
    }
    const keys = own.Object.keys(headers);
    for (let i = 0; i < keys.length; i++) {
      const value = headers[keys[i]];
      if (own.isArray(value)) {
        for (let k = 0; k < value.length; k++) own.Array.push(list, keys[i], `${value[k]}`);
      } else if (value !== undefined && value !== null) {
        own.Array.push(list, keys[i], `${value}`);
      }
    }
    return list;
  };

  const hasHeader = (list, name) => {
    for (let i = 0; i < list.length; i += 2) if (own.String.toLowerCase(list[i]) === name) return true;
    return false;
  };

  // Sends a request; the promise is of `{status, statusText, headers: [name, value…], body}`.
  own.send = (url, options, texts) => {
    const href = typeof url === 'string' ? url : own.hrefOf(url);
    const refuse = (text) => failure(FetchError, 'FetchError', 'invalid', text);
    if (href === undefined) {
      const error = refuse(`the url must be a string, and it is ${own.kind(url)}`);
      throw url === undefined ? own.lacking(error) : error;
    }
    const method = own.String.toUpperCase(`${options.method ?? 'GET'}`);
    const headers = headersOf(options.headers);
    const content = bodyOf(options.body);
    if (content[1] && (texts || content[1] === 'application/json' || own.isQuery(options.body))
      && !hasHeader(headers, 'content-type')) {
      own.Array.push(headers, 'content-type', content[1]);
    }
    const { timeout, redirect = 'follow' } = options;
    if (timeout !== undefined && !(typeof timeout === 'number' && timeout > 0)) {
      throw refuse('`timeout` must be a number of milliseconds above 0');
    }
    if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
      throw refuse("`redirect` must be 'follow', 'manual' or 'error'");
    }
    const spoilt = own.spoilt(href, headers, content[0]);
    if (spoilt !== undefined) throw own.lacking(refuse(spoilt));
    const signal = options.signal;
    signal?.throwIfAborted();
    const sent = begin(() => host.fetch(href, method, headers, content[0], timeout, redirect), true);
    if (!signal) return sent;
    return own.promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      own.Promise.then(sent, resolve, reject);
    });
  };

  own.headerObject = (list) => {
    const headers = {};
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i];
      const before = own.Reflect.getOwnPropertyDescriptor(headers, name)?.value;
      const value = before === undefined ? list[i + 1] : `${before}, ${list[i + 1]}`;
      own.define(headers, name, value);
    }
    own.hide(headers, 'get', (name) =>
      own.Reflect.getOwnPropertyDescriptor(headers, own.String.toLowerCase(`${name}`))?.value ?? null);
    return headers;
  };

  const answer = ({ status, statusText, headers: list, body: bytes }, options) => {
    const headers = own.headerObject(list);
    const type = own.Reflect.getOwnPropertyDescriptor(headers, 'content-type')?.value ?? '';
    const text = host.utf8(bytes);
    let body = text ?? own.buffer(bytes);
    if (text && !options.text && own.isJson(type)) {
      try {
        body = own.parse(text);
      } catch {
        // Not JSON after all: the text itself tells more than an error would.
      }
    }
    if (options.bodyOnly) return body;
    const response = { ok: status >= 200 && status < 300, status, statusText, headers, body };
    own.hide(response, 'retryAfter',
      own.retryAfter(own.Reflect.getOwnPropertyDescriptor(headers, 'retry-after')?.value));
    own.hide(response, 'text', async () => text ?? host.decode(bytes, 'utf8'));
    own.hide(response, 'json', async () => own.parse(text ?? ''));
    own.hide(response, 'arrayBuffer', async () => bytes);
    return response;
  };

  // With `into` the result is put into the data as soon as it is there, whether the call is awaited or not.
  const land = (keys, value) => {
    if (keys !== undefined) own.put(keys, value);
    return value;
  };
  const placeOf = (into) => (into === undefined ? undefined : own.place(into));

  // `fetch({url, options})` or `fetch(url, options)`.
  const fetch = async (request, init) => {
    const direct = typeof request !== 'object' || request === null || own.hrefOf(request) !== undefined;
    const url = direct ? request : request.url;
    const options = (direct ? init : request.options) ?? {};
    const outer = direct ? {} : request;
    const { text = outer.text, bodyOnly = outer.bodyOnly, into = outer.into } = options;
    const keys = placeOf(into);
    const received = await own.send(url, options, false);
    return land(keys, answer(received, { text, bodyOnly }));
  };

  const sleep = async (argument) => {
    const given = argument?.milliseconds;
    const milliseconds = typeof given === 'string' && own.RegExp.exec(/^\s*\d+(?:\.\d+)?\s*$/, given) ? +given : given;
    if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) {
      const got = typeof argument === 'object' && argument !== null
        ? `{milliseconds: ${own.shown(given)}}` : own.shown(argument);
      throw new TypeError(`connectors.utils.sleep takes {milliseconds: a number from 0 on}, and got ${got}`);
    }
    return own.promise((resolve) => own.after(milliseconds, resolve));
  };
  const UTILS = own.Object.freeze({ __proto__: null, sleep });

  // Promises, JSON and inspection ask these of anything.
  const isAsked = (key) =>
    typeof key === 'symbol' || key === 'then' || key === 'toJSON' || key === 'constructor' || key === 'prototype';

  const named = (connector) => {
    const operations = { __proto__: null };
    return new Proxy(operations, {
      __proto__: null,
      get: (_, operation) => {
        if (isAsked(operation)) return undefined;
        return (operations[operation] ??= async (argument = {}) => {
          let sent = argument;
          const keys = placeOf(argument?.into);
          if (keys !== undefined) {
            const { into, ...rest } = argument;
            sent = rest;
          }
          const json = own.json(sent);
          if (json === undefined) throw new TypeError(`connectors.${connector}.${operation} takes an object, and got ${own.kind(argument)}`);
          // Awaited here: returned as it is, the promise would be asked for its `then`.
          return land(keys, await begin(() => host.call(connector, operation, json), false));
        });
      },
      set: () => false,
    });
  };

  const known = { __proto__: null, fetch, utils: UTILS };
  own.global('connectors', new Proxy(known, {
    __proto__: null,
    get: (_, name) => (isAsked(name) ? undefined : (known[name] ??= named(name))),
    set: () => false,
    has: (_, name) => !isAsked(name),
  }));
}
