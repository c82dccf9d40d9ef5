// Runs the query tests of the npm packages mingo or sift, from their sources, and prints every question
// that they ask as a line of JSON: the query, the document, and what the library answers. The tests
// assert those answers. Values that JSON does not have are told as the reason why a line was left out.
//
//   node extract.mjs mingo|sift FOLDER      with `esbuild` where node finds it (NODE_PATH)
import { createRequire, isBuiltin } from 'node:module';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import vm from 'node:vm';

const [library, folder] = process.argv.slice(2);
const require = createRequire(join(process.env.NODE_PATH ?? process.cwd(), 'x.js'));
const esbuild = require('esbuild');

class LeftOut extends Error {}

const encode = (value, inQuery) => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return Array.from(value, (item) => encode(item, inQuery));
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  // As a step's condition and data have it.
  if (kind === 'Date' && !Number.isNaN(value.getTime())) return value.toISOString();
  if (kind === 'RegExp' && inQuery) return { $regex: value.source, $flags: value.flags };
  const prototype = typeof value === 'object' ? Object.getPrototypeOf(value) : value;
  const plain = kind === 'Object' && (prototype === null || Object.getPrototypeOf(prototype) === null);
  if (!plain) throw new LeftOut(typeof value === 'object' ? `a ${value.constructor?.name ?? kind}` : `a value of type ${typeof value}`);
  const out = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === '$regex' && Object.prototype.toString.call(item) === '[object RegExp]') {
      Object.assign(out, { $regex: item.source, $flags: value.$options ?? item.flags });
    } else if (!(key === '$options' && typeof value.$regex !== 'string')) {
      Object.defineProperty(out, key, { value: encode(item, inQuery), enumerable: true });
    }
  }
  return out;
};

const seen = new Set();
const record = (query, document, matches) => {
  let line;
  try {
    // An id of the database, which the query does not ask for.
    if (document?._id !== null && typeof document?._id === 'object' && !('_id' in Object(query))) {
      document = { ...document };
      delete document._id;
    }
    line = JSON.stringify({ query: encode(query, true), document: encode(document, false), matches: Boolean(matches) });
  } catch (error) {
    if (!(error instanceof LeftOut)) throw error;
    line = JSON.stringify({ left_out: error.message });
    console.log(line);
    return;
  }
  if (!seen.has(line)) console.log(line);
  seen.add(line);
};

const MINGO = `
const ownTest = Query.prototype.test;
Query.prototype.test = function (doc) {
  const answer = ownTest.call(this, doc);
  globalThis.record(this.condition, doc, answer);
  return answer;
};`;
const SIFT = `export default (query, options) => {
  const own = createDefaultQueryTester(query, options);
  return (...given) => {
    const answer = own(...given);
    if (!options) globalThis.record(query, given[0], answer);
    return answer;
  };
};`;

const patch = {
  name: 'patch',
  setup(build) {
    const load = (filter, change) => build.onLoad({ filter }, async ({ path }) => ({
      contents: change(await readFile(path, 'utf8')), loader: 'ts',
    }));
    if (library === 'mingo') load(/src\/query\.ts$/, (text) => text + MINGO);
    else {
      load(/src\/index\.ts$/, (text) => text.replace('export default createDefaultQueryTester;', SIFT));
      build.onResolve({ filter: /^\.\.(\/lib)?$/ }, () => ({ path: join(folder, 'src/index.ts') }));
    }
    // Other packages: only classes of ids are needed of them.
    build.onResolve({ filter: /^[a-z@]/ }, ({ path }) => (isBuiltin(path) ? { path, external: true } : { path, namespace: 'absent' }));
    build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: 'class ObjectId { constructor(id) { this.id = id; } }\nmodule.exports = { __esModule: true, default: class {}, ObjectId, ObjectID: ObjectId, MongoClient: {} };',
    }));
  },
};

const folders = library === 'mingo' ? ['test', 'test/operators/query'] : ['test'];
const files = folders.flatMap((name) => readdirSync(join(folder, name))
  .filter((file) => (library === 'mingo' ? /(^query|operators.*)\.test\.ts$|^(array|bitwise|comparison|element|evaluation|logical|query)\.test\.ts$/ : /-test\.js$/).test(file))
  .map((file) => join(folder, name, file)));

// Assertions do nothing: the library's answers are what is wanted.
const anything = new Proxy(() => {}, { get: (_, name) => (name === 'then' ? undefined : anything), apply: () => anything });
const run = (name, body) => {
  if (typeof body !== 'function') return;
  try { body(() => {})?.catch?.(() => {}); } catch { /* A test of an error, or of what is absent here. */ }
};
const each = (table) => (name, body) => table.forEach((row) => run(name, () => body(...[].concat(row))));
for (const entry of files) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry], bundle: true, write: false, format: 'cjs', platform: 'node', plugins: [patch], logLevel: 'error',
  });
  const globals = { console: { log() {}, error() {}, warn() {} }, expect: anything, jest: anything, process, require, Buffer, structuredClone,
    describe: Object.assign(run, { each }), it: Object.assign(run, { each }), test: Object.assign(run, { each }),
    beforeEach: run, beforeAll: run, before: run, afterEach() {}, afterAll() {}, after() {}, record,
    module: { exports: {} }, exports: {}, __filename: entry, setTimeout, clearTimeout, URL, TextEncoder, TextDecoder };
  globals.globalThis = globals;
  vm.runInNewContext(outputFiles[0].text, globals, { filename: entry });
}
