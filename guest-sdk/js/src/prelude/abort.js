// `EventTarget` as far as `AbortSignal` needs it, `AbortSignal` and `AbortController`.
(host, own) => {
  'use strict';

  class AbortSignal {
    #listeners = [];
    #aborted = false;
    #reason;
    onabort = null;

    static {
      own.abort = (signal, reason) => {
        if (signal.#aborted) return;
        signal.#aborted = true;
        signal.#reason = reason ?? new DOMException('This operation was aborted', 'AbortError');
        const listeners = signal.#listeners;
        signal.#listeners = [];
        const event = { type: 'abort', target: signal };
        signal.onabort?.(event);
        for (let i = 0; i < listeners.length; i++) own.Reflect.apply(listeners[i], signal, [event]);
      };
    }

    static abort(reason) {
      const signal = new AbortSignal();
      own.abort(signal, reason);
      return signal;
    }

    static timeout(milliseconds) {
      const signal = new AbortSignal();
      own.after(milliseconds, () => own.abort(signal, new DOMException('The operation timed out', 'TimeoutError')));
      return signal;
    }

    static any(signals) {
      const signal = new AbortSignal();
      for (const other of signals) {
        if (other.aborted) own.abort(signal, other.reason);
        else other.addEventListener('abort', () => own.abort(signal, other.reason));
      }
      return signal;
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }

    addEventListener(type, listener) {
      if (type === 'abort' && typeof listener === 'function') own.Array.push(this.#listeners, listener);
    }

    removeEventListener(type, listener) {
      this.#listeners = own.Array.filter(this.#listeners, (other) => other !== listener);
    }
  }

  own.global('AbortSignal', AbortSignal);
  own.global('AbortController', class AbortController {
    #signal = new AbortSignal();

    get signal() {
      return this.#signal;
    }

    abort(reason) {
      own.abort(this.#signal, reason);
    }
  });
}
