// `ReadableStream` (Streams standard, 4), and the streams of bodies. There is nothing to pipe into: a
// step writes to no stream.
(host, own) => {
  'use strict';
  const { read, ask, cancel, fail, enqueue, close, pull, release, method, handled, rejected, deferred, noop, controller, Reader } = own.streams;
  const clone = globalThis.structuredClone;

  // What `for await` asks: one answer after the other.
  class StreamIterator {
    #s;
    #reader;
    #keep;
    #last;
    #done = false;

    constructor(stream, keep) {
      this.#reader = new Reader(stream);
      this.#s = own.streamState(stream);
      this.#keep = keep;
    }

    #then(step) {
      this.#last = this.#last ? own.Promise.then(this.#last, step, step) : step();
      return this.#last;
    }

    #end() {
      this.#done = true;
      release(this.#reader);
    }

    next() {
      return this.#then(() => {
        if (this.#done) return own.promised({ value: undefined, done: true });
        return own.Promise.then(read(this.#s), (result) => {
          if (result.done) this.#end();
          return result;
        }, (error) => {
          this.#end();
          throw error;
        });
      });
    }

    return(value) {
      return this.#then(() => {
        const result = { value, done: true };
        if (this.#done) return own.promised(result);
        const cancelled = this.#keep ? own.promised() : cancel(this.#s, value);
        this.#end();
        return own.Promise.then(cancelled, () => result);
      });
    }
  }
  const AsyncIterator = own.Reflect.getPrototypeOf(own.Reflect.getPrototypeOf(async function* () {}).prototype);
  own.Reflect.setPrototypeOf(StreamIterator.prototype, AsyncIterator);
  own.Reflect.deleteProperty(StreamIterator.prototype, 'constructor');
  own.define(StreamIterator.prototype, 'next', StreamIterator.prototype.next);
  own.define(StreamIterator.prototype, 'return', StreamIterator.prototype.return);

  const noPipe = (name) => {
    throw new TypeError(`ReadableStream.${name} is not available in a step, which has no WritableStream: read with getReader() or for await`);
  };

  class ReadableStream {
    #s;

    constructor(source = undefined, strategy = undefined) {
      if (source !== undefined && (source === null || typeof source !== 'object' && typeof source !== 'function')) {
        throw new TypeError('the source of a stream must be an object');
      }
      source ??= {};
      const type = source.type;
      if (type !== undefined && `${type}` !== 'bytes') throw new TypeError("the `type` of a stream's source can only be 'bytes'");
      const bytes = type !== undefined;
      const most = strategy?.highWaterMark === undefined ? (bytes ? 0 : 1) : +strategy.highWaterMark;
      if (!(most >= 0)) throw new RangeError('`highWaterMark` must be a number, 0 or more');
      const measure = strategy?.size;
      if (measure !== undefined && (bytes || typeof measure !== 'function')) throw (bytes ? new RangeError('a byte stream has no `size`') : new TypeError('`size` must be a function'));
      const s = {
        state: 'readable', error: undefined, queue: [], size: 0, reads: [], reader: undefined, closed: undefined, disturbed: false,
        source, bytes, most, measure, started: false, closing: false, pulling: false, again: false,
        pull: method(source, 'pull'), cancel: method(source, 'cancel'), controller: undefined,
      };
      this.#s = s;
      s.controller = controller(s);
      const start = method(source, 'start');
      const begun = start === undefined ? undefined : own.Reflect.apply(start, source, [s.controller]);
      own.Promise.then(own.promised(begun), () => {
        s.started = true;
        pull(s);
      }, (error) => fail(s, error));
    }

    static {
      own.teeCloned = (stream) => stream.#tee(true);
      own.streamState = (value) =>
        typeof value === 'object' && value !== null && #s in value ? value.#s : undefined;
    }

    static from(iterable) {
      const asynchronous = iterable[Symbol.asyncIterator];
      const start = asynchronous ?? iterable[Symbol.iterator];
      if (typeof start !== 'function') throw new TypeError('ReadableStream.from takes an iterable');
      const iterator = own.Reflect.apply(start, iterable, []);
      return new ReadableStream({
        __proto__: null,
        async pull(controller) {
          const { value, done } = await iterator.next();
          if (done) controller.close();
          else controller.enqueue(asynchronous ? value : await value);
        },
        async cancel(reason) {
          const result = await iterator.return?.(reason);
          if (result !== undefined && (result === null || typeof result !== 'object')) throw new TypeError("what the iterator's `return` gave is no object");
        },
      }, { highWaterMark: 0 });
    }

    get locked() {
      return !!this.#s.reader;
    }

    cancel(reason) {
      if (this.#s.reader) return rejected(new TypeError('the stream is locked: its reader can cancel it'));
      return cancel(this.#s, reason);
    }

    getReader(options) {
      if (options !== undefined && options !== null && typeof options !== 'object' && typeof options !== 'function') {
        throw new TypeError('the options of getReader must be an object');
      }
      const mode = options?.mode;
      if (mode !== undefined) throw new TypeError(`a reader of the mode '${mode}' is not available in a step: use getReader()`);
      return new Reader(this);
    }

    pipeTo() {
      noPipe('pipeTo');
    }

    pipeThrough() {
      noPipe('pipeThrough');
    }

    tee() {
      return this.#tee(false);
    }

    #tee(cloned) {
      const reader = new Reader(this);
      const source = this.#s;
      const branches = [];
      const gone = [false, false];
      const reasons = [undefined, undefined];
      const cancelled = deferred();
      let reading = false;
      let again = false;
      const each = (act) => {
        for (let i = 0; i < 2; i++) if (!gone[i]) act(branches[i].#s);
      };
      const over = () => {
        if (!gone[0] || !gone[1]) cancelled.resolve();
      };
      const next = () => {
        if (reading) {
          again = true;
          return;
        }
        reading = true;
        own.Promise.then(read(source), (result) => {
          again = false;
          if (!result.done) each((s) => enqueue(s, cloned && s === branches[1].#s ? clone(result.value) : result.value));
          reading = false;
          if (result.done) {
            each((s) => close(s));
            over();
          } else if (again) next();
        }, noop);
      };
      for (let i = 0; i < 2; i++) {
        branches[i] = new ReadableStream({
          __proto__: null,
          pull: next,
          cancel: (reason) => {
            gone[i] = true;
            reasons[i] = reason;
            if (gone[1 - i]) cancelled.resolve(cancel(source, reasons));
            return cancelled.promise;
          },
        });
      }
      own.Promise.then(source.closed.promise, noop, (error) => {
        each((s) => fail(s, error));
        over();
      });
      return branches;
    }

    values(options) {
      return new StreamIterator(this, !!options?.preventCancel);
    }

    [Symbol.asyncIterator](options) {
      return this.values(options);
    }
  }

  // A stream of these bytes, in parts of 64 KiB.
  own.streamOf = (bytes) => {
    let at = 0;
    return new ReadableStream({
      __proto__: null,
      type: 'bytes',
      pull(controller) {
        if (at < bytes.length) controller.enqueue(own.TypedArray.subarray(bytes, at, at += 65536));
        if (at >= bytes.length) controller.close();
      },
    });
  };
  // All bytes of a stream that nobody reads, as `{bytes}`: what a step puts on `Object.prototype` is
  // not asked whether these are a promise.
  own.collect = (stream) => {
    const reader = new Reader(stream);
    const s = own.streamState(stream);
    const parts = [];
    return own.promise((resolve, reject) => {
      const more = () => ask(s, (value, done) => {
        if (done) {
          resolve({ __proto__: null, bytes: own.join(parts) });
        } else if (own.isA(Uint8Array, value)) {
          own.Array.push(parts, value);
          own.Promise.then(own.promised(), more);
        } else {
          const error = new TypeError(`a body's stream must give Uint8Arrays, and it gave ${own.kind(value)}`);
          handled(reader.cancel(error));
          reject(error);
        }
      }, reject);
      more();
    });
  };
  // One `Uint8Array` of several.
  own.join = (parts) => {
    let size = 0;
    for (let i = 0; i < parts.length; i++) size += parts[i].length;
    const out = new Uint8Array(size);
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      own.TypedArray.set(out, parts[i], at);
      at += parts[i].length;
    }
    return out;
  };

  const strategy = (name, size) => {
    class Strategy {
      #most;

      constructor(init) {
        if (init?.highWaterMark === undefined) throw new TypeError(`a ${name} needs a \`highWaterMark\``);
        this.#most = +init.highWaterMark;
      }

      get highWaterMark() {
        return this.#most;
      }

      get size() {
        return size;
      }
    }
    own.Reflect.defineProperty(Strategy, 'name', { __proto__: null, value: name, configurable: true });
    own.tag(Strategy, name);
  };
  strategy('CountQueuingStrategy', { size: () => 1 }.size);
  strategy('ByteLengthQueuingStrategy', { size: (chunk) => chunk.byteLength }.size);
  own.tag(ReadableStream, 'ReadableStream');
}
