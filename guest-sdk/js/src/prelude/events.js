// `Event` and `EventTarget` (DOM standard, 2), for `AbortSignal` and for steps.
(host, own) => {
  'use strict';

  let start;
  let trust;
  class Event {
    #type;
    #cancelable;
    #bubbles;
    #target = null;
    #prevented = false;
    #stopped = false;
    #trusted = false;
    #time = host.now();

    constructor(type, init) {
      if (type === undefined) throw new TypeError('an Event needs a type');
      this.#type = `${type}`;
      this.#bubbles = !!init?.bubbles;
      this.#cancelable = !!init?.cancelable;
    }

    static {
      start = (event, target) => {
        event.#target = target;
        event.#stopped = false;
        return () => event.#stopped;
      };
      trust = (event) => {
        event.#trusted = true;
        return event;
      };
      own.isEvent = (value) => typeof value === 'object' && value !== null && #type in value;
    }

    get type() {
      return this.#type;
    }

    get target() {
      return this.#target;
    }

    get currentTarget() {
      return this.#target;
    }

    get bubbles() {
      return this.#bubbles;
    }

    get cancelable() {
      return this.#cancelable;
    }

    get defaultPrevented() {
      return this.#prevented;
    }

    get isTrusted() {
      return this.#trusted;
    }

    get timeStamp() {
      return this.#time;
    }

    preventDefault() {
      if (this.#cancelable) this.#prevented = true;
    }

    // There is no tree of targets to go up.
    stopPropagation() {}

    stopImmediatePropagation() {
      this.#stopped = true;
    }
  }

  class EventTarget {
    // `{type, callback, capture, once, gone}`, in the order in which they were added.
    #listeners = [];

    static {
      own.eventTarget = (value) => typeof value === 'object' && value !== null && #listeners in value;
      own.dispatch = (target, event) => {
        const stopped = start(event, target);
        const list = own.Array.slice(target.#listeners);
        for (let i = 0; i < list.length && !stopped(); i++) {
          const listener = list[i];
          if (listener.type !== event.type || listener.gone) continue;
          if (listener.once) target.#remove(listener);
          try {
            const { callback } = listener;
            if (typeof callback === 'function') own.Reflect.apply(callback, target, [event]);
            else callback.handleEvent(event);
          } catch (error) {
            // Reported like a rejection that nobody handles, and the next listener is called.
            own.promise((_, reject) => reject(error));
          }
        }
      };
    }

    #remove(listener) {
      listener.gone = true;
      this.#listeners = own.Array.filter(this.#listeners, (other) => other !== listener);
    }

    #find(type, callback, capture) {
      return own.Array.find(this.#listeners, (one) =>
        one.type === type && one.callback === callback && one.capture === capture);
    }

    addEventListener(type, callback, options) {
      const { capture, once, signal } = typeof options === 'object' && options !== null ? options : { capture: options };
      if (callback === null || callback === undefined) return;
      if (typeof callback !== 'function' && typeof callback !== 'object') {
        throw new TypeError(`a listener must be a function or an object with handleEvent, and it is ${own.kind(callback)}`);
      }
      if (signal !== undefined && !own.isSignal(signal)) throw new TypeError('`signal` must be an AbortSignal');
      if (signal?.aborted || this.#find(`${type}`, callback, !!capture)) return;
      const listener = { type: `${type}`, callback, capture: !!capture, once: !!once, gone: false };
      own.Array.push(this.#listeners, listener);
      if (signal) own.onAbort(signal, () => this.#remove(listener));
    }

    removeEventListener(type, callback, options) {
      const capture = typeof options === 'object' && options !== null ? options.capture : options;
      const listener = this.#find(`${type}`, callback, !!capture);
      if (listener) this.#remove(listener);
    }

    dispatchEvent(event) {
      if (!own.isEvent(event)) throw new TypeError('dispatchEvent takes an Event');
      own.dispatch(this, event);
      return !event.defaultPrevented;
    }
  }

  // An event that is not the step's own doing.
  own.event = (type) => trust(new Event(type));
  // `entries`, `keys`, `values` and `forEach` of a class whose pairs `of` gives, as Web IDL has them
  // (3.7.9): what is changed meanwhile is seen.
  const Iterator = own.Reflect.getPrototypeOf(own.Reflect.getPrototypeOf([][Symbol.iterator]()));
  own.pairs = (Class, name, of) => {
    class Pairs {
      #self;
      #pick;
      #at = 0;

      constructor(self, pick) {
        of(self);
        this.#self = self;
        this.#pick = pick;
      }

      next() {
        const pairs = of(this.#self);
        if (this.#at >= pairs.length) return { value: undefined, done: true };
        return { value: this.#pick(pairs[this.#at++]), done: false };
      }
    }
    own.Reflect.setPrototypeOf(Pairs.prototype, Iterator);
    own.Reflect.deleteProperty(Pairs.prototype, 'constructor');
    own.define(Pairs.prototype, 'next', Pairs.prototype.next);
    own.Reflect.defineProperty(Pairs.prototype, Symbol.toStringTag, { __proto__: null, value: `${name} Iterator`, configurable: true });
    const methods = {
      entries() {
        return new Pairs(this, (pair) => [pair[0], pair[1]]);
      },
      keys() {
        return new Pairs(this, (pair) => pair[0]);
      },
      values() {
        return new Pairs(this, (pair) => pair[1]);
      },
      forEach(callback, self) {
        if (typeof callback !== 'function') throw new TypeError(`forEach takes a function, and got ${own.kind(callback)}`);
        for (let i = 0, pairs = of(this); i < pairs.length; i++, pairs = of(this)) {
          own.Reflect.apply(callback, self, [pairs[i][1], pairs[i][0], this]);
        }
      },
    };
    const names = own.Object.keys(methods);
    for (let i = 0; i < names.length; i++) own.hide(Class.prototype, names[i], methods[names[i]]);
    own.hide(Class.prototype, Symbol.iterator, methods.entries);
  };

  // What `Object.prototype.toString` says of a value of the class.
  own.tag = (Class, name) => {
    own.Reflect.defineProperty(Class.prototype, Symbol.toStringTag, { __proto__: null, value: name, configurable: true });
    own.global(name, Class);
    return Class;
  };
  own.tag(Event, 'Event');
  own.tag(EventTarget, 'EventTarget');
}
