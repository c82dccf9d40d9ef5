// `require`, `lib` and the built-in modules.
(host, own) => {
  'use strict';
  const { Buffer, TextEncoder, TextDecoder, URL, URLSearchParams, crypto } = globalThis;
  const promisify = (callbackLast) =>
    function () {
      const args = own.Array.slice(arguments);
      return own.promise((resolve, reject) => {
        own.Array.push(args, (error, value) => (error ? reject(error) : resolve(value)));
        own.Reflect.apply(callbackLast, this, args);
      });
    };
  const isDeepStrictEqual = (a, b) => own.inspect(a, { depth: null }) === own.inspect(b, { depth: null });
  const BUILT_IN = {
    __proto__: null,
    'node:buffer': { Buffer, Blob: globalThis.Blob, File: globalThis.File },
    'node:crypto': crypto,
    'node:url': { URL, URLSearchParams },
    'node:util': {
      format: own.format, inspect: own.inspect, promisify, isDeepStrictEqual, TextEncoder, TextDecoder,
    },
  };
  // File name -> CommonJS `module`.
  const loaded = new Map();

  const requireFile = (name) => {
    if (BUILT_IN[name]) return BUILT_IN[name];
    const known = own.Map.get(loaded, name);
    if (known) return known.exports;
    const module = { exports: {}, id: name, filename: name };
    own.Map.set(loaded, name, module);
    try {
      const compiled = host.compile(name);
      if (typeof compiled === 'function') {
        const require = (wanted) => requireFile(host.locate(name, `${wanted}`));
        own.Reflect.apply(compiled, module.exports, [module.exports, require, module]);
      } else {
        // A JSON file's value comes in an array, an ES module's namespace as it is.
        module.exports = own.isArray(compiled) ? compiled[0] : compiled;
      }
    } catch (error) {
      own.Map.delete(loaded, name);
      throw error;
    }
    return module.exports;
  };
  own.requireFile = requireFile;
  own.Reflect.defineProperty(globalThis, 'require', {
    value: function require(wanted) {
      return requireFile(host.locate(host.caller() ?? '', `${wanted}`));
    },
  });

  // `lib.text.slug()` is `slug` of `lib/text.js`; folders nest.
  const library = (folder, holder) =>
    new Proxy(holder, {
      __proto__: null,
      get: (_, name) => {
        if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined;
        if (name in holder) return holder[name];
        const path = `${folder}/${name}`;
        const names = host.moduleNames();
        const file = own.Array.find(names, (other) => other === `${path}.js` || other === `${path}.ts`);
        if (file) {
          const exports = requireFile(file);
          const keys = own.Object.keys(exports);
          return (holder[name] = keys.length === 1 && keys[0] === 'default' ? exports.default : exports);
        }
        if (own.Array.some(names, (other) => own.String.startsWith(other, `${path}/`))) {
          return (holder[name] = library(path, { __proto__: null }));
        }
        throw new ReferenceError(`there is no library \`${own.String.replaceAll(own.String.slice(path, 4), '/', '.')}\`: the step has no file ${path}.js`);
      },
      set: () => false,
    });
  own.global('lib', library('lib', { __proto__: null }));
}
