// The web's `Request`, `Response` and `fetch` (Fetch standard, 5.3 to 5.6), over the same calls as
// `connectors.fetch`.
(host, own) => {
  'use strict';
  const { AbortSignal, Headers, URL } = globalThis;
  const absolute = (url) => {
    const href = own.hrefOf(url);
    if (href !== undefined) return href;
    const text = own.wellFormed(`${url}`);
    try {
      return own.hrefOf(new URL(text));
    } catch {
      throw new TypeError(`'${text}' is no absolute URL`);
    }
  };
  const typed = (headers, type) => {
    if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
  };

  const NORMAL = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];
  const methodOf = (method) => {
    const text = `${method}`;
    const upper = own.String.toUpperCase(text);
    if (!own.RegExp.exec(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, text)) throw new TypeError(`'${text}' is no HTTP method`);
    if (upper === 'CONNECT' || upper === 'TRACE' || upper === 'TRACK') throw new TypeError(`the method ${upper} is not allowed`);
    return own.Array.includes(NORMAL, upper) ? upper : text;
  };
  const redirectOf = (redirect) => {
    if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
      throw new TypeError("`redirect` must be 'follow', 'manual' or 'error'");
    }
    return redirect;
  };

  let bodyOfRequest;
  class Request {
    #url;
    #method = 'GET';
    #headers;
    #redirect = 'follow';
    #signal;
    #body;

    constructor(input, init = undefined) {
      init ??= {};
      const from = own.isRequest(input) ? input : undefined;
      this.#url = from ? from.#url : absolute(input);
      if (!from && own.RegExp.exec(/^\w+:\/\/[^/?#]*@/, this.#url)) throw new TypeError('the URL holds a user or a password: send an `Authorization` header');
      if (from) {
        this.#method = from.#method;
        this.#redirect = from.#redirect;
      }
      if (init.method !== undefined) this.#method = methodOf(init.method);
      if (init.redirect !== undefined) this.#redirect = redirectOf(init.redirect);
      const signal = init.signal === undefined ? from?.#signal : init.signal;
      if (signal && !own.isSignal(signal)) throw new TypeError('`signal` must be an AbortSignal');
      this.#signal = signal ? AbortSignal.any([signal]) : own.newSignal();
      this.#headers = new Headers(init.headers === undefined && from ? from.#headers : init.headers);
      const bodiless = this.#method === 'GET' || this.#method === 'HEAD';
      if (init.body !== undefined && init.body !== null) {
        if (bodiless) throw new TypeError(`a ${this.#method} request has no body`);
        const content = own.bodyOf(init.body);
        if (own.streamState(content[0]) && init.duplex === undefined) throw new TypeError("a request whose body is a stream needs `duplex: 'half'`");
        this.#body = own.newBody(content[0], init.body);
        typed(this.#headers, content[1]);
      } else if (from && !from.#body.empty) {
        if (bodiless) throw new TypeError(`a ${this.#method} request has no body`);
        if (own.bodyUnusable(from.#body)) throw new TypeError('the body was read already');
        this.#body = own.cloneBody(from.#body);
        from.#body.used = true;
      } else {
        this.#body = own.newBody();
      }
    }

    static {
      own.isRequest = (value) => typeof value === 'object' && value !== null && #body in value;
      bodyOfRequest = (request) => request.#body;
    }

    get url() {
      return this.#url;
    }

    get method() {
      return this.#method;
    }

    get headers() {
      return this.#headers;
    }

    get redirect() {
      return this.#redirect;
    }

    get signal() {
      return this.#signal;
    }

    get duplex() {
      return 'half';
    }

    clone() {
      if (own.bodyUnusable(this.#body)) throw new TypeError('the body was read already');
      const { method, headers, redirect, signal } = this;
      const copy = new Request(this.#url, { method, headers, redirect, signal });
      copy.#body = own.cloneBody(this.#body);
      return copy;
    }
  }
  own.readable(Request, bodyOfRequest);

  const isNullBody = (status) => status === 101 || status === 103 || status === 204 || status === 205 || status === 304;
  let bodyOfResponse;
  class Response {
    #status;
    #statusText;
    #headers;
    #body;
    #type = 'default';
    #url = '';
    #redirected = false;

    constructor(body = undefined, init = undefined) {
      init ??= {};
      const status = init.status === undefined ? 200 : own.Math.trunc(+init.status);
      if (!(status >= 200 && status <= 599)) throw new RangeError(`the status must be 200 to 599, and it is ${init.status}`);
      const text = init.statusText === undefined ? '' : `${init.statusText}`;
      if (own.RegExp.exec(/[^\t\x20-\x7e\x80-\xff]/, text)) throw new TypeError('the statusText has a character in it that no reason phrase may have');
      this.#status = status;
      this.#statusText = text;
      this.#headers = new Headers(init.headers);
      const content = own.bodyOf(body);
      if (content[0] !== undefined && isNullBody(status)) throw new TypeError(`a response with the status ${status} has no body`);
      this.#body = own.newBody(content[0], body);
      typed(this.#headers, content[1]);
    }

    static {
      bodyOfResponse = (response) => response.#body;
      // A response that came; its final URL.
      own.response = (received, url) => {
        const { status, statusText, headers, body, landed } = received;
        const response = new Response();
        response.#status = status;
        response.#statusText = statusText;
        response.#headers = own.receivedHeaders(headers);
        response.#body = own.newBody(isNullBody(status) ? undefined : own.bytes(body));
        response.#type = 'basic';
        response.#url = landed ?? url;
        response.#redirected = landed !== undefined;
        return response;
      };
    }

    static error() {
      const response = new Response();
      response.#type = 'error';
      response.#status = 0;
      response.#headers = own.receivedHeaders([]);
      return response;
    }

    static json(value, init) {
      const text = own.stringify(value);
      if (text === undefined) throw new TypeError(`${own.kind(value)} cannot be written as JSON`);
      const response = new Response(own.bytes(text), init);
      typed(response.#headers, 'application/json');
      return response;
    }

    static redirect(url, status = 302) {
      const location = absolute(url);
      if (status !== 301 && status !== 302 && status !== 303 && status !== 307 && status !== 308) {
        throw new RangeError(`the status of a redirect must be 301, 302, 303, 307 or 308, and it is ${status}`);
      }
      const response = new Response(null, { status });
      response.#headers = own.receivedHeaders(['location', location]);
      return response;
    }

    get status() {
      return this.#status;
    }

    get statusText() {
      return this.#statusText;
    }

    get ok() {
      return this.#status >= 200 && this.#status < 300;
    }

    get headers() {
      return this.#headers;
    }

    get type() {
      return this.#type;
    }

    get url() {
      return this.#url;
    }

    get redirected() {
      return this.#redirected;
    }

    // The milliseconds that `Retry-After` asks for; no part of the standard.
    get retryAfter() {
      return own.retryAfter(this.#headers.get('retry-after'));
    }

    clone() {
      if (own.bodyUnusable(this.#body)) throw new TypeError('the body was read already');
      const copy = new Response();
      copy.#status = this.#status;
      copy.#statusText = this.#statusText;
      copy.#headers = this.#type === 'default' ? new Headers(this.#headers) : this.#headers;
      copy.#type = this.#type;
      copy.#url = this.#url;
      copy.#redirected = this.#redirected;
      copy.#body = own.cloneBody(this.#body);
      return copy;
    }
  }
  own.readable(Response, bodyOfResponse);

  const bytesOf = (taken) => (host.isPromise(taken) ? own.Promise.then(taken, (held) => held.bytes) : taken);
  // A plain object as a body is sent as JSON, as by `connectors.fetch`.
  const fetch = async (input, init) => {
    init ??= {};
    let url = input;
    let options = init;
    if (own.isRequest(input)) {
      const request = init.body === undefined && init.method === undefined && init.headers === undefined
        && init.redirect === undefined && init.signal === undefined ? input : new Request(input, init);
      url = request.url;
      const body = bodyOfRequest(request);
      const { method, headers, redirect, signal } = request;
      signal.throwIfAborted();
      options = { method, headers, redirect, signal, timeout: init.timeout, body: body.empty ? undefined : await bytesOf(own.takeBody(body)) };
    } else if (own.streamState(init.body)) {
      const { method, headers, redirect, signal, timeout, body } = init;
      options = { method, headers, redirect, signal, timeout, body: await bytesOf(own.collect(body)) };
    }
    const received = await own.send(url, options, true);
    let href = `${url}`;
    try {
      href = own.String.split(absolute(url), '#', 1)[0];
    } catch {
      // The server has taken it; it is given as it was written.
    }
    return own.response(received, href);
  };

  // What `console.log` shows of objects that keep everything to themselves.
  own.viewOf = (value) => {
    if (own.isHeaders(value)) return own.Object.fromEntries(value);
    if (own.isForm(value)) return own.Object.fromEntries(value);
    if (own.isFile(value)) return { size: value.size, type: value.type, name: value.name, lastModified: value.lastModified };
    if (own.isBlob(value)) return { size: value.size, type: value.type };
    if (own.isSignal(value)) return { aborted: value.aborted };
    if (own.isRequest(value)) return { method: value.method, url: value.url, headers: value.headers, redirect: value.redirect };
    if (!own.isA(Response, value) || value === Response.prototype) return undefined;
    const { status, statusText, headers, bodyUsed, ok, redirected, type, url } = value;
    return { status, statusText, headers, bodyUsed, ok, redirected, type, url };
  };

  own.tag(Request, 'Request');
  own.tag(Response, 'Response');
  own.global('fetch', fetch);
}
