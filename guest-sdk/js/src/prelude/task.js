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
    config: own.config,
    complete: (result) => host.complete(result === undefined ? undefined : json('the result', result)),
    ignore: () => host.ignore(),
    park: (until) => host.park(own.wait('task.park', until)),
    // Nothing for a response without the header.
    retryAfter: (until) => {
      if (until !== undefined && until !== null) host.retryAfter(own.wait('task.retryAfter', until));
    },
    subtask(name, data = {}, options = {}) {
      const { into, wait = false, waitFor = false } = options;
      if (typeof name !== 'string') throw new TypeError(`task.subtask takes a name, and got ${own.kind(name)}`);
      const pointer = into === undefined ? undefined : own.pointer(into);
      return host.subtask(name, json('the data', data), pointer, !!(wait || waitFor));
    },
    redo: () => host.redo(),
    timeout: (until) => host.timeout(own.wait('task.timeout', until)),
    completeOnExpire: () => host.completeOnExpire(),
    visualize(visual) {
      if (typeof visual !== 'object' || visual === null || own.isArray(visual) || typeof visual.type !== 'string') {
        throw new TypeError(`task.visualize takes {type, name, data, options}, and got ${
          typeof visual === 'object' && visual !== null && !own.isArray(visual)
            ? `an object whose \`type\` is ${own.shown(visual.type)}` : own.kind(visual)}`);
      }
      host.visualize(json('what is to be drawn', visual));
    },
    respond(reply) {
      if (typeof reply !== 'object' || reply === null || own.isArray(reply)) {
        throw new TypeError(`task.respond takes {status, headers, body}, and got ${own.kind(reply)}`);
      }
      const keys = own.Object.keys(reply);
      for (let i = 0; i < keys.length; i++) {
        if (keys[i] !== 'status' && keys[i] !== 'headers' && keys[i] !== 'body') {
          throw new TypeError(`task.respond takes {status, headers, body}, and got the member ${own.shown(keys[i])}`);
        }
      }
      const { status = 200, body } = reply;
      if (typeof status !== 'number' || status % 1 !== 0 || status < 100 || status > 999) {
        throw new TypeError(`\`status\` must be a number such as 200, and it is ${own.shown(status)}`);
      }
      const headers = own.headersOf(reply.headers);
      const content = own.bodyOf(body);
      if (own.streamState(content[0])) throw new TypeError('the body of a reply is its text or its bytes, and no stream');
      if (content[1] && !own.hasHeader(headers, 'content-type')) own.Array.push(headers, 'content-type', content[1]);
      return host.respond(status, headers, content[0]);
    },
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
  own.global('task', absent(task, 'task', ['question']));
  own.global('step', absent(step, 'step', []));

  for (const [name, why] of [
    ['blob', '`blob` is not available in this version'],
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
