// `task` and `step`: the task that the run is for, and what becomes of it.
(host, own) => {
  'use strict';

  const json = (what, value) => {
    const text = own.json(value);
    if (text === undefined) throw new TypeError(`${what} must be JSON, and it is ${own.kind(value)}`);
    return text;
  };

  const texts = (list) => {
    if (!own.isArray(list)) throw new TypeError(`task.tags takes an array of strings, and got ${own.kind(list)}`);
    const out = [];
    for (let i = 0; i < list.length; i++) own.Array.push(out, `${list[i]}`);
    return out;
  };

  // Milliseconds from now: a number of them, a Date, or a time as text.
  const wait = (name, until) => {
    if (typeof until === 'number') {
      if (until >= 0) return own.Math.max(1, own.Math.ceil(until));
      throw new RangeError(`${name} takes milliseconds from 0 on, and got ${until}`);
    }
    const at = own.isA(Date, until) ? own.Date.getTime(until)
      : typeof until === 'string' ? Date.parse(until) : NaN;
    if (at !== at) throw new TypeError(`${name} takes milliseconds, a Date, or a time such as 2026-11-24T10:00:00Z`);
    return own.Math.max(1, own.Math.ceil(at - host.now()));
  };

  const stop = (message) => {
    const error = message instanceof Error ? message : new Error(`${message ?? 'the step stopped'}`);
    error.final = true;
    throw error;
  };

  const task = {
    id: () => host.taskId(),
    name(text) {
      if (arguments.length === 0) return host.taskName();
      host.setTaskName(`${text}`);
    },
    tags(list) {
      if (arguments.length === 0) return host.taskTags();
      host.setTaskTags(texts(list));
    },
    config: (key) => host.config(`${key}`),
    complete: (result) => host.complete(result === undefined ? undefined : json('the result', result)),
    ignore: () => host.ignore(),
    park: (until) => host.park(wait('task.park', until)),
    // Nothing for a response without the header.
    retryAfter: (until) => {
      if (until !== undefined && until !== null) host.retryAfter(wait('task.retryAfter', until));
    },
    subtask(name, data = {}, options = {}) {
      const { into, wait: waits = false } = options;
      if (typeof name !== 'string') throw new TypeError(`task.subtask takes a name, and got ${own.kind(name)}`);
      if (into !== undefined && typeof into !== 'string') {
        throw new TypeError(`\`into\` must be a JSON pointer such as '/result', and it is ${own.kind(into)}`);
      }
      return host.subtask(name, json('the data', data), into, !!waits);
    },
    redo: () => host.redo(),
    stop,
  };
  const step = { redo: () => host.redo(), stop };

  // Asking for what another version has is an error that says so.
  const absent = (object, name, missing) => {
    for (const key of missing) {
      own.hide(object, key, () => {
        throw new Error(`${name}.${key} is not available in this version`);
      });
    }
    return own.Object.freeze(object);
  };
  own.global('task', absent(task, 'task', ['visualize', 'timeout', 'completeOnExpire', 'question']));
  own.global('step', absent(step, 'step', []));

  const noStream = (name) => `\`${name}\` is not available in a step, which writes to no stream: there are ReadableStream and its reader`;
  const noConnection = (name) => `\`${name}\` is not available in a step: it makes calls with one answer, by connectors.fetch or fetch`;
  for (const [name, why] of [
    ['process', '`process` is not available in a step: secrets and settings are in task.config(key)'],
    ['blob', '`blob` is not available in this version'],
    ['WritableStream', noStream('WritableStream')],
    ['TransformStream', noStream('TransformStream')],
    ['CompressionStream', noStream('CompressionStream')],
    ['DecompressionStream', '`DecompressionStream` is not available in a step: bodies are decompressed by the server'],
    ['TextEncoderStream', noStream('TextEncoderStream')],
    ['TextDecoderStream', noStream('TextDecoderStream')],
    ['FileReader', '`FileReader` is not available in a step: use blob.text(), blob.bytes() or blob.arrayBuffer()'],
    ['XMLHttpRequest', '`XMLHttpRequest` is not available in a step: use connectors.fetch or fetch'],
    ['WebSocket', noConnection('WebSocket')],
    ['EventSource', noConnection('EventSource')],
    ['Worker', '`Worker` is not available in a step, which is one thread'],
    ['localStorage', '`localStorage` is not available in a step: what is to stay is in `data`'],
    ['sessionStorage', '`sessionStorage` is not available in a step: what is to stay is in `data`'],
  ]) {
    own.Reflect.defineProperty(globalThis, name, {
      get() {
        throw new ReferenceError(why);
      },
      set(value) {
        own.global(name, value);
      },
      enumerable: false,
      configurable: true,
    });
  }
}
