// A `console` line: `%` directives, then what is left over.
(host, own) => {
  'use strict';
  const { inspect } = own;

  const asText = (value) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'object' && value !== null) {
      return own.isA(Error, value) ? inspect(value) : inspect(value, { depth: 0 });
    }
    return own.Object.is(value, -0) ? '-0' : String(value);
  };
  const asNumber = (value, parse) =>
    typeof value === 'bigint' ? `${value}n`
      : typeof value === 'symbol' || (typeof value === 'object' && value !== null) ? 'NaN'
        : inspect(parse(value));
  const asJson = (value) => {
    try {
      return `${own.stringify(value)}`;
    } catch (error) {
      return own.String.indexOf(`${error?.message}`, 'circular') >= 0 ? '[Circular]' : '[no JSON]';
    }
  };
  const DIRECTIVES = {
    __proto__: null,
    s: asText,
    d: (value) => asNumber(value, Number),
    i: (value) => asNumber(value, parseInt),
    f: (value) => (typeof value === 'symbol' ? 'NaN' : inspect(parseFloat(value))),
    j: asJson,
    o: (value) => inspect(value, { depth: 4 }),
    O: (value) => inspect(value),
    c: () => '',
  };

  own.format = function () {
    const last = arguments.length;
    let next = 0;
    let out = '';
    if (typeof arguments[0] === 'string') {
      const template = arguments[next++];
      if (last === 1) return template;
      let from = 0;
      for (let at = own.String.indexOf(template, '%'); at >= 0; at = own.String.indexOf(template, '%', at)) {
        const kind = template[at + 1];
        const directive = kind && DIRECTIVES[kind];
        if (kind === '%' || (directive && next < last)) {
          out += own.String.slice(template, from, at);
          out += kind === '%' ? '%' : directive(arguments[next++]);
          from = at + 2;
        }
        at += kind === '%' || directive ? 2 : 1;
      }
      out += own.String.slice(template, from);
    }
    for (; next < last; next++) {
      const value = arguments[next];
      if (next > 0) out += ' ';
      out += typeof value === 'string' ? value : inspect(value);
    }
    return out;
  };
}
