// `setTimeout` and its kin. The list is here; Rust asks when the next is due, lets the host pause
// until then, and fires it.
(host, own) => {
  'use strict';
  // In the order in which they fire.
  const waiting = [];
  let last = 0;

  const insert = (timer) => {
    let at = waiting.length;
    while (at > 0 && waiting[at - 1].due > timer.due) at--;
    own.Array.splice(waiting, at, 0, timer);
  };

  const add = (callback, delay, args, repeat) => {
    if (typeof callback !== 'function') throw new TypeError(`a timer needs a function, and got ${own.kind(callback)}`);
    const after = delay > 0 ? +delay : 0;
    const timer = { id: ++last, due: host.now() + after, after: after < 1 ? 1 : after, callback, args, repeat };
    insert(timer);
    return timer.id;
  };

  const clear = (id) => {
    for (let i = 0; i < waiting.length; i++) {
      if (waiting[i].id === id) {
        own.Array.splice(waiting, i, 1);
        return;
      }
    }
  };

  own.nextTimer = () => waiting[0]?.due;
  own.fireTimer = () => {
    const timer = own.Array.shift(waiting);
    if (timer.repeat) {
      timer.due += timer.after;
      insert(timer);
    }
    own.Reflect.apply(timer.callback, undefined, timer.args);
  };
  own.after = (delay, callback) => add(callback, delay, [], false);

  own.global('setTimeout', function setTimeout(callback, delay) {
    return add(callback, delay, own.Array.slice(arguments, 2), false);
  });
  own.global('setInterval', function setInterval(callback, delay) {
    return add(callback, delay > 1 ? delay : 1, own.Array.slice(arguments, 2), true);
  });
  own.global('setImmediate', function setImmediate(callback) {
    return add(callback, 0, own.Array.slice(arguments, 1), false);
  });
  own.global('clearTimeout', clear);
  own.global('clearInterval', clear);
  own.global('clearImmediate', clear);

  // The engine's own would count from when the snapshot was made.
  own.global('performance', own.Object.freeze({ now: () => host.now(), timeOrigin: 0 }));

  const done = own.promised();
  own.global('queueMicrotask', function queueMicrotask(callback) {
    if (typeof callback !== 'function') throw new TypeError(`queueMicrotask needs a function, and got ${own.kind(callback)}`);
    own.Promise.then(done, () => void callback());
  });
}
