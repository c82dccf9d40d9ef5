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
      write(level, own.Reflect.apply(format, undefined, arguments));
    };

  const counts = new Map();
  const times = new Map();
  const elapsed = (label) => `${label}: ${host.now() - (own.Map.get(times, label) ?? host.now())}ms`;
  const log = writer(LOG);

  own.global('console', {
    log,
    info: writer(LOG),
    debug: writer(LOG),
    warn: writer(WARN),
    error: writer(ERROR),
    trace() {
      const text = own.Reflect.apply(format, undefined, arguments);
      write(LOG, `Trace${text && `: ${text}`}${own.stackOf(new Error())}`);
    },
    dir: (value, options) => write(LOG, inspect(value, options)),
    table: (value) => write(LOG, inspect(value)),
    assert(truth) {
      if (truth) return;
      const rest = own.Array.slice(arguments, 1);
      const text = own.Reflect.apply(format, undefined, rest);
      write(ERROR, `Assertion failed${text && `: ${text}`}`);
    },
    count(label = 'default') {
      const count = (own.Map.get(counts, label) ?? 0) + 1;
      own.Map.set(counts, label, count);
      write(LOG, `${label}: ${count}`);
    },
    countReset: (label = 'default') => void own.Map.delete(counts, label),
    group() {
      if (arguments.length > 0) own.Reflect.apply(log, undefined, arguments);
      margin += '  ';
    },
    groupEnd: () => void (margin = own.String.slice(margin, 2)),
    time: (label = 'default') => void own.Map.set(times, label, host.now()),
    timeLog: (label = 'default') => write(LOG, elapsed(label)),
    timeEnd: (label = 'default') => write(LOG, elapsed(label)),
  });
  console.groupCollapsed = console.group;

  own.global('audit', {
    log: writer(AUDIT),
    reference: (what) => write(AUDIT, own.stringify(what)),
  });
}
