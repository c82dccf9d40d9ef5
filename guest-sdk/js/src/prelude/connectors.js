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
      call.resolve(a);
    } else {
      call.reject(call.fetch ? failure(FetchError, 'FetchError', a, b) : failure(ConnectorError, 'ConnectorError', a, b));
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

  // Sends a request; the promise is of `{status, statusText, headers: [name, value…], body, landed}`.
  own.send = (url, options, texts) => {
    const href = typeof url === 'string' ? url : own.hrefOf(url);
    const refuse = (text) => failure(FetchError, 'FetchError', 'invalid', text);
    if (href === undefined) throw refuse(`the url must be a string, and it is ${own.kind(url)}`);
    const method = own.String.toUpperCase(`${options.method ?? 'GET'}`);
    const headers = headersOf(options.headers);
    const content = own.bodyOf(options.body);
    if (own.streamState(content[0])) throw refuse('a stream as the body is for the web\'s `fetch`');
    if (content[1] && (texts || typeof options.body === 'object')
      && !hasHeader(headers, 'content-type')) {
      own.Array.push(headers, 'content-type', content[1]);
    }
    const { timeout, redirect = 'follow' } = options;
    if (timeout !== undefined && !(timeout > 0)) throw refuse('`timeout` must be a number of milliseconds above 0');
    if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
      throw refuse("`redirect` must be 'follow', 'manual' or 'error'");
    }
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

  // `Retry-After` in milliseconds from now; undefined if it is not there, or nothing to go by.
  own.retryAfter = (text) => {
    const asked = typeof text === 'string' ? own.String.trim(text) : '';
    if (asked === '') return undefined;
    const seconds = +asked;
    if (seconds >= 0) return seconds * 1000;
    const at = Date.parse(asked);
    return at === at ? own.Math.max(0, at - host.now()) : undefined;
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
        body = own.JSON.parse(text);
      } catch {
        // Not JSON after all: the text itself tells more than an error would.
      }
    }
    if (options.bodyOnly) return body;
    const response = { ok: status >= 200 && status < 300, status, statusText, headers, body };
    own.hide(response, 'url', landed ?? url);
    own.hide(response, 'redirected', landed !== undefined);
    if (own.Object.hasOwn(headers, 'retry-after')) own.hide(response, 'retryAfter', own.retryAfter(headers['retry-after']));
    own.hide(response, 'text', async () => text ?? own.decodeText(bytes));
    own.hide(response, 'json', async () => own.JSON.parse(text ?? ''));
    own.hide(response, 'arrayBuffer', async () => bytes);
    return response;
  };

  const noInto = (argument) => {
    if (argument?.into !== undefined) {
      throw new Error('`into` is not available in this version: await the call and assign its result');
    }
  };

  // `fetch({url, options})` or `fetch(url, options)`.
  const fetch = async (request, init) => {
    const direct = typeof request !== 'object' || request === null || own.hrefOf(request) !== undefined;
    if (!direct) noInto(request);
    const url = direct ? request : request.url;
    const options = (direct ? init : request.options) ?? {};
    const received = await own.send(url, options, false);
    const { text = request.text, bodyOnly = request?.bodyOnly } = options;
    return answer(received, { text, bodyOnly }, typeof url === 'string' ? url : own.hrefOf(url));
  };

  const UTILS = own.Object.freeze({
    __proto__: null,
    sleep: (argument) => own.promise((resolve) => own.after(argument?.milliseconds, resolve)),
  });

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
          noInto(argument);
          const json = own.json(argument);
          if (json === undefined) throw new TypeError(`connectors.${connector}.${operation} takes an object, and got ${own.kind(argument)}`);
          // Awaited here: returned as it is, the promise would be asked for its `then`.
          return await begin(() => host.call(connector, operation, json), false);
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
