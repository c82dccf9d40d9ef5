// `console` and `audit`.
(host, own) => {
  'use strict';
  const { format, inspect } = own;
  const LOG = 0;
  const WARN = 1;
  const ERROR = 2;
  const AUDIT = 3;

  let margin = '';
  const write = (level, text) =>
    host.write(level, margin === '' ? text : margin + own.String.replaceAll(text, '\n', `\n${margin}`));
  const writer = (level) =>
    function () {
      const only = arguments.length === 1 ? arguments[0] : undefined;
      write(level, typeof only === 'string' ? only : own.Reflect.apply(format, undefined, arguments));
    };

  const counts = new Map();
  const times = new Map();
  const elapsed = (label) => `${label}: ${host.now() - (own.Map.get(times, label) ?? host.now())}ms`;
  const log = writer(LOG);

  const labelOf = (label) => (label === undefined ? 'default' : `${label}`);
  const methods = {
    log,
    info: writer(LOG),
    debug: writer(LOG),
    warn: writer(WARN),
    error: writer(ERROR),
    trace() {
      const text = own.Reflect.apply(format, undefined, arguments);
      write(LOG, `Trace${text && `: ${text}`}${own.stackOf(new Error())}`);
    },
    dir() {
      write(LOG, inspect(arguments[0], arguments[1]));
    },
    dirxml: writer(LOG),
    table() {
      write(LOG, inspect(arguments[0]));
    },
    // What a step printed stays.
    clear() {},
    assert() {
      if (arguments[0]) return;
      const rest = own.Array.slice(arguments, 1);
      const text = own.Reflect.apply(format, undefined, rest);
      write(ERROR, `Assertion failed${text && `: ${text}`}`);
    },
    count() {
      const label = labelOf(arguments[0]);
      const count = (own.Map.get(counts, label) ?? 0) + 1;
      own.Map.set(counts, label, count);
      write(LOG, `${label}: ${count}`);
    },
    countReset() {
      own.Map.delete(counts, labelOf(arguments[0]));
    },
    group() {
      if (arguments.length > 0) own.Reflect.apply(log, undefined, arguments);
      margin += '  ';
    },
    groupEnd() {
      margin = own.String.slice(margin, 2);
    },
    time() {
      own.Map.set(times, labelOf(arguments[0]), host.now());
    },
    timeLog() {
      write(LOG, elapsed(labelOf(arguments[0])));
    },
    timeEnd() {
      write(LOG, elapsed(labelOf(arguments[0])));
    },
  };
  methods.groupCollapsed = methods.group;
  // As a namespace of Web IDL: an object whose prototype is empty.
  const console = own.Object.create({});
  const names = own.Object.keys(methods);
  for (let i = 0; i < names.length; i++) own.define(console, names[i], methods[names[i]]);
  own.Reflect.defineProperty(console, Symbol.toStringTag, { __proto__: null, value: 'console', configurable: true });
  own.global('console', console);

  own.global('audit', {
    log: writer(AUDIT),
    reference: (what) => write(AUDIT, own.stringify(what)),
  });
}
