// `AbortSignal` and `AbortController` (DOM standard, 3).
(host, own) => {
  'use strict';
  const { EventTarget } = globalThis;
  const TOKEN = {};

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    // Functions that are called before the event's listeners.
    #steps = [];
    // Of one that `any` has made: what it depends on. Of others: those that depend on it.
    #sources = null;
    #dependents = [];
    #handler = null;

    constructor(token) {
      if (token !== TOKEN) throw new TypeError('an AbortSignal comes from an AbortController, or from AbortSignal.timeout, .any or .abort');
      super();
    }

    static {
      own.isSignal = (value) => typeof value === 'object' && value !== null && #steps in value;
      // Calls back when it is aborted; gives a function that takes the callback back.
      own.onAbort = (signal, step) => {
        own.Array.push(signal.#steps, step);
        return () => {
          signal.#steps = own.Array.filter(signal.#steps, (other) => other !== step);
        };
      };
      // All reasons stand before anybody hears of it; then those that depend on it hear, too.
      own.abort = (signal, reason) => {
        if (signal.#aborted) return;
        if (reason === undefined) reason = new DOMException('This operation was aborted', 'AbortError');
        const all = [signal];
        for (let i = 0; i < signal.#dependents.length; i++) {
          if (!signal.#dependents[i].#aborted) own.Array.push(all, signal.#dependents[i]);
        }
        signal.#dependents = [];
        for (let i = 0; i < all.length; i++) {
          all[i].#aborted = true;
          all[i].#reason = reason;
        }
        for (let i = 0; i < all.length; i++) {
          const steps = all[i].#steps;
          all[i].#steps = [];
          for (let k = 0; k < steps.length; k++) steps[k](reason);
          own.dispatch(all[i], own.event('abort'));
        }
      };
    }

    static abort(reason) {
      const signal = new AbortSignal(TOKEN);
      own.abort(signal, reason);
      return signal;
    }

    static timeout(milliseconds) {
      if (!(milliseconds >= 0)) throw new TypeError('AbortSignal.timeout takes a number of milliseconds, 0 or more');
      const signal = new AbortSignal(TOKEN);
      own.after(milliseconds, () => own.abort(signal, new DOMException('The operation timed out', 'TimeoutError')));
      return signal;
    }

    static any(signals) {
      const signal = new AbortSignal(TOKEN);
      const sources = [];
      for (const source of signals) {
        if (!own.isSignal(source)) throw new TypeError('AbortSignal.any takes a list of AbortSignals');
        own.Array.push(sources, source);
      }
      for (let i = 0; i < sources.length && !signal.#aborted; i++) {
        if (sources[i].#aborted) own.abort(signal, sources[i].#reason);
      }
      if (signal.#aborted) return signal;
      signal.#sources = [];
      for (let i = 0; i < sources.length; i++) {
        // What itself depends on others is passed over in favour of those.
        const from = sources[i].#sources ?? [sources[i]];
        for (let k = 0; k < from.length; k++) {
          if (own.Array.includes(signal.#sources, from[k])) continue;
          own.Array.push(signal.#sources, from[k]);
          own.Array.push(from[k].#dependents, signal);
        }
      }
      return signal;
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    get onabort() {
      return this.#handler?.own ?? null;
    }

    set onabort(handler) {
      if (this.#handler) this.removeEventListener('abort', this.#handler);
      this.#handler = null;
      if (typeof handler !== 'function') return;
      this.#handler = (event) => own.Reflect.apply(handler, this, [event]);
      this.#handler.own = handler;
      this.addEventListener('abort', this.#handler);
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
  }

  class AbortController {
    #signal = new AbortSignal(TOKEN);

    get signal() {
      return this.#signal;
    }

    abort(reason) {
      own.abort(this.#signal, reason);
    }
  }
  own.newSignal = () => new AbortSignal(TOKEN);
  own.tag(AbortSignal, 'AbortSignal');
  own.tag(AbortController, 'AbortController');
}
