// The body of a `Request` or `Response` (Fetch standard, 5.2 and 5.3): bytes that are known, or a
// stream, read once.
(host, own) => {
  'use strict';
  const { Reader } = own.streams;

  // A body's bytes or text, and the content type that it has of itself. A stream is left as it is.
  own.bodyOf = (body) => {
    if (body === undefined || body === null) return [undefined, undefined];
    if (typeof body === 'string') return [body, 'text/plain;charset=UTF-8'];
    if (own.isQuery(body)) return [body.toString(), 'application/x-www-form-urlencoded;charset=UTF-8'];
    if (own.isView(body) || own.isA(ArrayBuffer, body)) return [own.bytes(body), undefined];
    if (own.isBlob(body)) return [own.blobBytes(body), body.type || undefined];
    if (own.isForm(body)) return own.encodeForm(body);
    if (own.streamState(body)) return [body, undefined];
    if (typeof body === 'object') return [own.json(body), 'application/json'];
    return [`${body}`, 'text/plain;charset=UTF-8'];
  };

  // A body: `bytes`, or a `stream`, or neither; `stream` also once it was asked for.
  own.newBody = (content, source) => {
    const body = { bytes: undefined, stream: undefined, used: false, empty: content === undefined };
    const s = own.streamState(content);
    if (s) {
      if (s.reader || s.disturbed) throw new TypeError('the stream of the body was read already, or is locked');
      body.stream = content;
    } else if (typeof content === 'string') body.bytes = own.bytes(content);
    // A step may change what it gave.
    else body.bytes = own.isView(source) || own.isA(ArrayBuffer, source) ? own.TypedArray.slice(content) : content;
    return body;
  };
  const isUsed = (body) => body.used || !!own.streamState(body.stream)?.disturbed;
  own.bodyUsed = isUsed;
  own.bodyUnusable = (body) => isUsed(body) || !!own.streamState(body.stream)?.reader;
  const exhaust = (stream) => void new Reader(stream).cancel();
  const demand = (body) => {
    if (isUsed(body)) throw new TypeError('the body was read already');
    if (own.streamState(body.stream)?.reader) throw new TypeError('the body is locked: its stream has a reader');
  };

  // The bytes, or a promise of `{bytes}`; the body is used then, and its stream is locked.
  own.takeBody = (body) => {
    demand(body);
    if (body.empty) return new Uint8Array(0);
    body.used = true;
    if (body.bytes === undefined) return own.collect(body.stream);
    if (body.stream) exhaust(body.stream);
    return body.bytes;
  };
  own.bodyStream = (body) => {
    if (body.empty) return null;
    if (!body.stream) {
      body.stream = own.streamOf(body.bytes);
      if (body.used) exhaust(body.stream);
    }
    return body.stream;
  };
  // Another body with the same content.
  own.cloneBody = (body) => {
    demand(body);
    const copy = { bytes: body.bytes, stream: undefined, used: false, empty: body.empty };
    if (!body.empty && body.bytes === undefined) {
      const both = own.teeCloned(body.stream);
      body.stream = both[0];
      copy.stream = both[1];
    }
    return copy;
  };

  // The ways to read, for a class whose objects' bodies `of` gives.
  own.readable = (Class, of) => {
    const read = (name, convert) => own.hide(Class.prototype, name, {
      async [name]() {
        const taken = own.takeBody(of(this));
        return convert(host.isPromise(taken) ? (await taken).bytes : taken, this);
      },
    }[name]);
    const copied = (bytes) => own.TypedArray.slice(bytes);
    read('text', own.decodeText);
    read('json', (bytes) => own.parse(own.decodeText(bytes)));
    read('bytes', copied);
    read('arrayBuffer', (bytes) => copied(bytes).buffer);
    read('blob', (bytes, self) => own.blob(copied(bytes), self.headers.get('content-type') ?? ''));
    read('formData', (bytes, self) => own.decodeForm(bytes, self.headers.get('content-type') ?? ''));
    const getter = (name, get) =>
      own.Reflect.defineProperty(Class.prototype, name, { __proto__: null, get, enumerable: true, configurable: true });
    getter('body', function () {
      return own.bodyStream(of(this));
    });
    getter('bodyUsed', function () {
      return isUsed(of(this));
    });
  };
}
