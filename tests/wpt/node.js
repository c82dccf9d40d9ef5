// What a test file of Node's calls beside the modules that it is about: `assert`, `common` and
// `process`, written anew for a step. A file is one test: it fails with its first error.
import { equal, throwsAs } from "./equal.js";

class AssertionError extends Error {
  constructor(options) {
    super(options.message);
    Object.assign(this, { code: "ERR_ASSERTION", ...options });
  }

  get name() {
    return "AssertionError";
  }
}

const shown = (value) => require("util").inspect(value);
const check = (truth, message, what) => {
  if (truth) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message: message ? `${message}: ${what}` : what });
};

const assert = (value, message) => check(value, message, `${shown(value)} is not truthy`);
const loose = (a, b) => a == b || (a !== a && b !== b);
Object.assign(assert, {
  AssertionError,
  ok: assert,
  fail: (message = "failed") => check(false, message, "failed"),
  equal: (a, b, message) => check(loose(a, b), message, `${shown(a)} != ${shown(b)}`),
  notEqual: (a, b, message) => check(!loose(a, b), message, `${shown(a)} == ${shown(b)}`),
  strictEqual: (a, b, message) => check(Object.is(a, b), message, `${shown(a)} !== ${shown(b)}`),
  notStrictEqual: (a, b, message) => check(!Object.is(a, b), message, `${shown(a)} === ${shown(b)}`),
  deepEqual: (a, b, message) => check(equal(a, b, loose), message, `${shown(a)} is not deeply ${shown(b)}`),
  deepStrictEqual: (a, b, message) => check(equal(a, b), message, `${shown(a)} is not deeply ${shown(b)}`),
  notDeepEqual: (a, b, message) => check(!equal(a, b, loose), message, `${shown(a)} is deeply ${shown(b)}`),
  notDeepStrictEqual: (a, b, message) => check(!equal(a, b), message, `${shown(a)} is deeply ${shown(b)}`),
  match: (text, pattern, message) => check(pattern.test(text), message, `${shown(text)} does not match ${pattern}`),
  doesNotMatch: (text, pattern, message) => check(!pattern.test(text), message, `${shown(text)} matches ${pattern}`),
  ifError: (error) => check(error === null || error === undefined, "", `${shown(error)}`),
  doesNotThrow: (run) => run(),
  throws(run, due, message) {
    let error;
    try {
      run();
    } catch (caught) {
      error = { caught };
    }
    check(error, typeof due === "string" ? due : message, "nothing was thrown");
    const fault = typeof due === "string" ? "" : throwsAs(error.caught, due);
    check(fault === "", message, fault);
  },
  async rejects(run, due) {
    let error;
    try {
      await (typeof run === "function" ? run() : run);
    } catch (caught) {
      error = { caught };
    }
    check(error, "", "it was not rejected");
    const fault = throwsAs(error.caught, due);
    check(fault === "", "", fault);
  },
});
assert.strict = assert;

// The file says by itself that it is not for this host.
class Skipped extends Error {}

const calls = [];
const counted = (run = () => {}, due = 1) => {
  const call = { due, made: 0 };
  calls.push(call);
  return function (...rest) {
    call.made++;
    return run.apply(this, rest);
  };
};

// What Node's messages say of a wrong argument.
const received = (value) => {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === "function") return ` Received function ${value.name}`;
  if (typeof value === "object") {
    return value.constructor?.name
      ? ` Received an instance of ${value.constructor.name}` : ` Received ${require("util").inspect(value, { depth: -1 })}`;
  }
  let text = require("util").inspect(value, { colors: false });
  if (text.length > 28) text = `${text.slice(0, 25)}...`;
  return ` Received type ${typeof value} (${text})`;
};

const common = {
  hasCrypto: true, hasIntl: true, hasOpenSSL3: true, hasOpenSSL31: true, hasFipsCrypto: false, isWindows: false, isLinux: true,
  isMainThread: true, isAIX: false, isIBMi: false, enoughTestMem: true, hasOpenSSL: () => true,
  allowGlobals() {},
  expectWarning() {},
  printSkipMessage() {},
  platformTimeout: (ms) => ms,
  invalidArgTypeHelper: received,
  mustCall: (run, due) => (typeof run === "number" ? counted(undefined, run) : counted(run, due)),
  mustSucceed: (run, due) => counted((error, ...rest) => (assert.ifError(error), run?.(...rest)), due),
  mustNotCall: (message) => () => assert.fail(message ?? "called what must not be called"),
  mustNotMutateObjectDeep: (value) => value,
  expectsError: (due) => (error) => {
    check(throwsAs(error, due) === "", "", throwsAs(error, due));
    return true;
  },
  skip(why) {
    throw new Skipped(why);
  },
  skipIf32Bits() {},
  getArrayBufferViews(buffer) {
    const { buffer: bytes, byteOffset, byteLength } = buffer;
    const kinds = [
      Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
      BigInt64Array, BigUint64Array, DataView,
    ];
    return kinds
      .filter((kind) => byteLength % (kind.BYTES_PER_ELEMENT ?? 1) === 0)
      .map((kind) => new kind(bytes, byteOffset, byteLength / (kind.BYTES_PER_ELEMENT ?? 1)));
  },
  getBufferSources: (buffer) => [...common.getArrayBufferViews(buffer), new Uint8Array(buffer).buffer],
};

const suites = [];
const nodeTest = (name, options, run) => suites.push([name, run ?? options]);
const subtest = { test: async (name, run) => run(subtest), diagnostic() {}, after() {}, mock: {} };
Object.assign(nodeTest, { test: nodeTest, it: nodeTest, describe: (name, run) => run(), default: nodeTest });
nodeTest.suite = nodeTest.describe;

const process = {
  arch: "x64", platform: "linux", version: "v20.0.0", versions: { node: "20.0.0" }, env: {}, argv: [], execArgv: [], config: { variables: {} },
  features: { inspector: false }, on() {}, once() {}, addListener() {}, emitWarning() {}, nextTick: (run, ...rest) => queueMicrotask(() => run(...rest)),
};

const WPT = { test: (run) => run(), ...Object.fromEntries([
  ["assert_equals", assert.strictEqual], ["assert_true", (value) => assert.strictEqual(value, true)],
  ["assert_false", (value) => assert.strictEqual(value, false)], ["assert_array_equals", assert.deepStrictEqual],
  ["assert_unreached", assert.fail], ["assert_throws", (due, run) => assert.throws(run)],
]) };

export const runNode = async (parts) => {
  const stepRequire = globalThis.require;
  const wanted = (name) => {
    const bare = name.replace(/^node:/, "");
    if (bare === "assert" || bare === "assert/strict") return assert;
    if (bare === "test") return nodeTest;
    if (name === "../common") return common;
    if (name === "../common/wpt") return { harness: WPT };
    if (name === "../common/fixtures") return { path: (...names) => names.join("/"), readSync: (file) => Buffer.from(parts.resources[file]) };
    if (name in parts.resources) {
      const module = { exports: {} };
      new Function("require", "module", "exports", parts.resources[name])(wanted, module, module.exports);
      return module.exports;
    }
    return stepRequire(name);
  };
  const told = (status, message = "") => [["the file", status, message]];
  try {
    Object.assign(globalThis, { global: globalThis });
    const module = { exports: {} };
    const run = new Function("require", "module", "exports", "process", "__filename", "__dirname", parts.script);
    run.call(module.exports, wanted, module, module.exports, process, `/${parts.file}`, "/");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    for (const [, run] of suites) await run(subtest);
    for (const { due, made } of calls) check(due === made, "", `called ${made} times instead of ${due}`);
  } catch (error) {
    if (error instanceof Skipped) return told("absent", error.message);
    const stack = `${error?.stack}`.split("\n").filter((line) => /<anonymous>:|<input>|eval/.test(line)).slice(0, 1);
    return told("failed", `${error?.name}: ${`${error?.message}`.slice(0, 300)} ${stack}`);
  }
  return ["the file"];
};
