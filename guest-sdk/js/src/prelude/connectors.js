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

  // Of a response `a` to `d` are its reason phrase, headers, body, and where redirects have led.
  own.settle = (id, status, a, b, c, d) => {
    const call = own.Map.get(pending, id);
    if (!call) return;
    own.Map.delete(pending, id);
    if (status > 0) {
      call.resolve({ status, statusText: a, headers: b, body: c, landed: d });
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

  // JSON's own types (RFC 8259, RFC 6839) and the one that was used before there was one.
  const isJson = (type) => {
    const kind = own.String.trim(own.String.split(type, ';', 1)[0]);
    return kind === 'application/json' || kind === 'text/json' || own.String.endsWith(kind, '+json');
  };

  const headersOf = (headers) => {
    const list = [];
    if (headers === undefined || headers === null) return list;
    if (own.isHeaders(headers)) return own.headerList(headers);
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
  own.headersOf = headersOf;
  own.hasHeader = hasHeader;

  // Sends a request; the promise is of `{status, statusText, headers: [name, value…], body, landed}`.
  own.send = (url, options, texts) => {
    const href = typeof url === 'string' ? url : own.hrefOf(url);
    const refuse = (text) => failure(FetchError, 'FetchError', 'invalid', text);
    if (href === undefined) {
      const error = refuse(`the url must be a string, and it is ${own.kind(url)}`);
      throw url === undefined ? own.lacking(error) : error;
    }
    const method = own.String.toUpperCase(`${options.method ?? 'GET'}`);
    const headers = headersOf(options.headers);
    const content = own.bodyOf(options.body);
    if (own.streamState(content[0])) throw refuse('a stream as the body is for the web\'s `fetch`');
    if (content[1] && (texts || typeof options.body === 'object')
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
    const signal = options.signal ?? undefined;
    if (signal !== undefined && !own.isSignal(signal)) throw refuse('`signal` must be an AbortSignal');
    signal?.throwIfAborted();
    const sent = begin(() => host.fetch(href, method, headers, content[0], timeout, redirect), true);
    if (!signal) return sent;
    return own.promise((resolve, reject) => {
      const done = own.onAbort(signal, reject);
      const then = (settle) => (value) => {
        done();
        settle(value);
      };
      own.Promise.then(sent, then(resolve), then(reject));
    });
  };

  own.headerObject = (list) => {
    const headers = {};
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i];
      own.define(headers, name, own.Object.hasOwn(headers, name) ? `${headers[name]}, ${list[i + 1]}` : list[i + 1]);
    }
    own.hide(headers, 'get', (name) => {
      const key = own.String.toLowerCase(`${name}`);
      return own.Object.hasOwn(headers, key) && typeof headers[key] === 'string' ? headers[key] : null;
    });
    own.hide(headers, 'getSetCookie', () => {
      const values = [];
      for (let i = 0; i < list.length; i += 2) if (list[i] === 'set-cookie') own.Array.push(values, list[i + 1]);
      return values;
    });
    return headers;
  };

  // Text without its byte order mark; undefined if the bytes are none. UTF-8 is tried before what the
  // content type says, which is wrong more often; but for UTF-16, whose ASCII is UTF-8, too.
  const textOf = (bytes, type) => {
    const wide = own.String.indexOf(type, 'utf-16') >= 0 || own.String.indexOf(type, 'utf16') >= 0;
    let text = wide ? undefined : host.utf8(bytes);
    const label = text === undefined ? own.parameter(type, 'charset') : undefined;
    if (label !== undefined) {
      try {
        text = own.decodeAs(bytes, label);
      } catch {
        // No encoding that is known: these are bytes.
      }
    }
    return text !== undefined && text[0] === '\ufeff' ? own.String.slice(text, 1) : text;
  };

  const answer = ({ status, statusText, headers: list, body: bytes, landed }, options, url) => {
    const headers = own.headerObject(list);
    const type = own.Object.hasOwn(headers, 'content-type') ? own.String.toLowerCase(headers['content-type']) : '';
    const text = textOf(bytes, type);
    let body = text ?? own.buffer(bytes);
    if (text && !options.text && isJson(type)) {
      try {
        body = own.parse(text);
      } catch {
        // Not JSON after all: the text itself tells more than an error would.
      }
    }
    if (options.bodyOnly) return body;
    const response = { ok: status >= 200 && status < 300, status, statusText, headers, body };
    own.hide(response, 'url', landed ?? url);
    own.hide(response, 'redirected', landed !== undefined);
    own.hide(response, 'retryAfter',
      own.retryAfter(own.Reflect.getOwnPropertyDescriptor(headers, 'retry-after')?.value));
    own.hide(response, 'text', async () => text ?? own.decodeText(bytes));
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
    return land(keys, answer(received, { text, bodyOnly }, typeof url === 'string' ? url : own.hrefOf(url)));
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
