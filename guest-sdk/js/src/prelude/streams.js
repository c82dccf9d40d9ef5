// What a `ReadableStream` is inside: its state, its controller and its default reader (Streams
// standard, 4).
(host, own) => {
  'use strict';
  const noop = () => {};
  const handled = (promise) => {
    own.Promise.then(promise, noop, noop);
    return promise;
  };
  const rejected = (error) => own.promise((_, reject) => reject(error));
  const deferred = () => {
    const made = {};
    made.promise = own.promise((resolve, reject) => {
      made.resolve = resolve;
      made.reject = reject;
    });
    return made;
  };
  // What a function of the author's comes to, as a promise.
  const called = (callback, self, args) => {
    if (callback === undefined) return own.promised();
    try {
      return own.promised(own.Reflect.apply(callback, self, args));
    } catch (error) {
      return rejected(error);
    }
  };
  const method = (source, name) => {
    const found = source[name];
    if (found !== undefined && typeof found !== 'function') throw new TypeError(`the source's \`${name}\` must be a function`);
    return found;
  };
  const TOKEN = {};

  // A stream's state: `state` is 'readable', 'closed' or 'errored'.
  const wanted = (s) => s.state === 'readable' && !s.closing && s.started && (s.reads.length > 0 || s.size < s.most);
  const pull = (s) => {
    if (!wanted(s)) return;
    if (s.pulling) {
      s.again = true;
      return;
    }
    s.pulling = true;
    own.Promise.then(called(s.pull, s.source, [s.controller]), () => {
      s.pulling = false;
      if (s.again) {
        s.again = false;
        pull(s);
      }
    }, (error) => fail(s, error));
  };
  const forget = (s) => {
    s.pull = s.cancel = s.measure = undefined;
  };
  const finish = (s) => {
    s.state = 'closed';
    forget(s);
    s.closed?.resolve();
    const reads = s.reads;
    s.reads = [];
    for (let i = 0; i < reads.length; i++) reads[i].given(undefined, true);
  };
  const fail = (s, error) => {
    if (s.state !== 'readable') return;
    s.state = 'errored';
    s.error = error;
    s.queue = [];
    s.size = 0;
    forget(s);
    if (s.closed) {
      s.closed.reject(error);
      handled(s.closed.promise);
    }
    const reads = s.reads;
    s.reads = [];
    for (let i = 0; i < reads.length; i++) reads[i].failed(error);
  };
  const close = (s) => {
    if (s.closing || s.state !== 'readable') return;
    s.closing = true;
    if (s.queue.length === 0) finish(s);
  };
  const enqueue = (s, chunk) => {
    if (s.reads.length > 0) {
      own.Array.shift(s.reads).given(chunk, false);
    } else {
      let size = 1;
      if (s.measure) {
        try {
          size = +own.Reflect.apply(s.measure, undefined, [chunk]);
          if (!(size >= 0 && size < Infinity)) throw new RangeError('the size of a chunk must be a number, 0 or more');
        } catch (error) {
          fail(s, error);
          throw error;
        }
      }
      own.Array.push(s.queue, { chunk, size });
      s.size += size;
    }
    pull(s);
  };
  // Calls back with a chunk, or with `undefined, true` at the end.
  const ask = (s, given, failed) => {
    s.disturbed = true;
    if (s.state === 'errored') {
      failed(s.error);
    } else if (s.state === 'closed') {
      given(undefined, true);
    } else if (s.queue.length > 0) {
      const { chunk, size } = own.Array.shift(s.queue);
      // What floating point adds up to may be less than what is taken off.
      s.size = own.Math.max(0, s.size - size);
      if (s.closing && s.queue.length === 0) finish(s);
      else pull(s);
      given(chunk, false);
    } else {
      own.Array.push(s.reads, { given, failed });
      pull(s);
    }
  };
  const read = (s) => own.promise((resolve, reject) => ask(s, (value, done) => resolve({ value, done }), reject));
  const cancel = (s, reason) => {
    s.disturbed = true;
    if (s.state === 'closed') return own.promised();
    if (s.state === 'errored') return rejected(s.error);
    const callback = s.cancel;
    s.queue = [];
    s.size = 0;
    finish(s);
    return own.Promise.then(called(callback, s.source, [reason]), noop);
  };

  class ReadableStreamDefaultController {
    #s;

    constructor(token, s) {
      if (token !== TOKEN) throw new TypeError('a controller comes with its stream');
      this.#s = s;
    }

    get desiredSize() {
      const s = this.#s;
      return s.state === 'errored' ? null : s.state === 'closed' ? 0 : s.most - s.size;
    }

    #open() {
      if (this.#s.closing || this.#s.state !== 'readable') throw new TypeError('the stream is closed already');
      return this.#s;
    }

    enqueue(chunk) {
      const s = this.#open();
      if (s.bytes && !(own.isView(chunk) && chunk.byteLength > 0)) throw new TypeError('a chunk of a byte stream must be a view of at least one byte');
      enqueue(s, s.bytes ? own.TypedArray.slice(own.bytes(chunk)) : chunk);
    }

    close() {
      close(this.#open());
    }

    error(reason) {
      fail(this.#s, reason);
    }
  }

  let release;
  class ReadableStreamDefaultReader {
    #s;
    #closed;

    static {
      release = (reader) => reader.#release();
    }

    constructor(stream) {
      const s = own.streamState(stream);
      if (!s) throw new TypeError('a reader needs a ReadableStream');
      if (s.reader) throw new TypeError('the stream is locked: it has a reader already');
      this.#s = s;
      s.reader = this;
      s.closed = this.#closed = deferred();
      if (s.state === 'closed') s.closed.resolve();
      if (s.state === 'errored') s.closed.reject(s.error);
      handled(s.closed.promise);
    }

    get closed() {
      return this.#closed.promise;
    }

    read() {
      return this.#s ? read(this.#s) : rejected(new TypeError('the reader was released'));
    }

    cancel(reason) {
      return this.#s ? cancel(this.#s, reason) : rejected(new TypeError('the reader was released'));
    }

    releaseLock() {
      this.#release();
    }

    #release() {
      const s = this.#s;
      if (!s) return;
      const error = new TypeError('the reader was released');
      if (s.state === 'readable') this.#closed.reject(error);
      else {
        this.#closed = deferred();
        this.#closed.reject(error);
      }
      handled(this.#closed.promise);
      const reads = s.reads;
      s.reads = [];
      s.reader = s.closed = undefined;
      this.#s = undefined;
      for (let i = 0; i < reads.length; i++) reads[i].failed(error);
    }
  }
  own.streams = { read, ask, cancel, fail, enqueue, close, pull, release, method, handled, rejected, deferred, noop, controller: (s) => new ReadableStreamDefaultController(TOKEN, s), Reader: ReadableStreamDefaultReader };
  own.tag(ReadableStreamDefaultReader, 'ReadableStreamDefaultReader');
  own.tag(ReadableStreamDefaultController, 'ReadableStreamDefaultController');
}
