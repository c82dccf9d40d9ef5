// What a Web platform test calls: the functions of testharness.js, written anew for a step. They
// become globals, and what came of the tests is told by `finish`.

const inspected = (value, depth = 0) => {
  if (depth > 4) return "…";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Object.is(value, -0)) return "-0";
  if (Array.isArray(value)) return `[${value.slice(0, 20).map((one) => inspected(one, depth + 1)).join(", ")}]`;
  try {
    return `${typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value)}`;
  } catch {
    return typeof value;
  }
};

class AssertionError extends Error {}

const check = (truth, what, description) => {
  if (!truth) throw new AssertionError(description ? `${description}: ${what}` : what);
};

const errorText = (error) => {
  try {
    return error instanceof AssertionError ? error.message : `${error?.name ?? typeof error}: ${error?.message ?? error}`;
  } catch {
    return "an error that cannot be read";
  }
};

const VIRTUAL_TIMEOUT = 60_000;
const tests = [];
const queued = [];
const completion = [];
const own = { explicitDone: false, doneCalled: false, single: false, cleaned: null };

class Test {
  constructor(name) {
    this.name = `${name}`;
    this.status = null;
    this.message = "";
    this.cleanups = [];
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.phases = { INITIAL: 0, STARTED: 1, HAS_RESULT: 2, COMPLETE: 3 };
    tests.push(this);
  }

  get phase() {
    return this.status === null ? 1 : 3;
  }

  set(status, message = "") {
    if (this.status !== null) return;
    this.status = status;
    this.message = message;
    for (const clean of this.cleanups) {
      try {
        clean();
      } catch {}
    }
    this.end();
  }

  fail(error) {
    if (error instanceof Unmet) this.set("absent", error.message);
    else this.set("failed", errorText(error));
  }

  step(run, self, ...rest) {
    if (this.status !== null) return undefined;
    try {
      return run.apply(self ?? this, rest);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  step_func(run, self) {
    return (...rest) => this.step(run, self ?? this, ...rest);
  }

  step_func_done(run, self) {
    return (...rest) => {
      if (run) this.step(run, self ?? this, ...rest);
      this.done();
    };
  }

  step_timeout(run, ms, ...rest) {
    return setTimeout(() => this.step(run, this, ...rest), ms);
  }

  step_wait(condition, description, timeout = 3000, interval = 100) {
    return new Promise((resolve) => this.step_wait_func(condition, resolve, description, timeout, interval));
  }

  step_wait_func(condition, run, description, timeout = 3000, interval = 100) {
    let left = timeout / interval;
    const look = () => {
      if (condition()) this.step(run);
      else if (left-- > 0) setTimeout(look, interval);
      else this.step(() => check(false, "waited in vain", description));
    };
    look();
  }

  unreached_func(description) {
    return this.step_func(() => check(false, "reached what must not be reached", description));
  }

  add_cleanup(run) {
    this.cleanups.push(run);
  }

  done() {
    this.set("passed");
  }
}

// The test asks for something that is optional.
class Unmet extends Error {}

let numbered = 0;
const nameOf = (name) => name ?? (numbered++ === 0 ? "the test" : `the test ${numbered}`);

const api = {
  AssertionError,
  format_value: inspected,
  test(run, name) {
    const test = new Test(nameOf(name));
    test.step(run, test, test);
    test.done();
    return test;
  },
  async_test(run, name) {
    if (typeof run !== "function") return new Test(nameOf(run));
    const test = new Test(nameOf(name));
    test.step(run, test, test);
    return test;
  },
  promise_test(run, name) {
    queued.push([new Test(nameOf(name)), run]);
  },
  setup(run, options) {
    if (typeof run === "function") run();
    else options = run;
    own.explicitDone ||= !!options?.explicit_done;
    if (options?.single_test) own.single = new Test("the file");
  },
  promise_setup(run) {
    queued.push([null, run]);
  },
  done() {
    own.doneCalled = true;
    if (own.single) own.single.done();
    own.finished?.();
  },
  generate_tests(run, lists) {
    for (const [name, ...rest] of lists) api.test(() => run(...rest), name);
  },
  step_timeout: (run, ms, ...rest) => setTimeout(run, ms, ...rest),
  add_completion_callback: (run) => completion.push(run),
  add_result_callback() {},
  add_start_callback() {},
  on_event: (object, event, run) => object.addEventListener(event, run),

  assert_true: (value, description) => check(value === true, `expected true and got ${inspected(value)}`, description),
  assert_false: (value, description) => check(value === false, `expected false and got ${inspected(value)}`, description),
  assert_equals: (value, due, description) =>
    check(Object.is(value, due), `expected ${inspected(due)} and got ${inspected(value)}`, description),
  assert_not_equals: (value, other, description) =>
    check(!Object.is(value, other), `got ${inspected(value)}, which was not to be`, description),
  assert_in_array: (value, list, description) =>
    check(list.includes(value), `${inspected(value)} is not among ${inspected(list)}`, description),
  assert_array_equals(value, due, description) {
    check(typeof value === "object" && value !== null && "length" in value, `${inspected(value)} is no list`, description);
    check(value.length === due.length, `expected ${inspected(due)} and got ${inspected([...value])}`, description);
    for (let i = 0; i < due.length; i++) {
      check(Object.hasOwn(value, i) === Object.hasOwn(due, i), `only one has an element ${i}`, description);
      check(Object.is(value[i], due[i]), `element ${i}: expected ${inspected(due[i])} and got ${inspected(value[i])}`, description);
    }
  },
  assert_object_equals(value, due, description) {
    check(typeof value === "object" && value !== null, `${inspected(value)} is no object`, description);
    const same = (a, b) => {
      for (const key in a) {
        check(Object.hasOwn(b, key), `a member ${key} that was not due`, description);
        if (typeof a[key] === "object" && a[key] !== null) same(a[key], b[key]);
        else check(Object.is(a[key], b[key]), `${key}: expected ${inspected(b[key])} and got ${inspected(a[key])}`, description);
      }
      for (const key in b) check(Object.hasOwn(a, key), `no member ${key}`, description);
    };
    same(value, due);
  },
  assert_own_property: (object, name, description) =>
    check(Object.hasOwn(object, name), `no own property ${inspected(name)}`, description),
  assert_not_own_property: (object, name, description) =>
    check(!Object.hasOwn(object, name), `an own property ${inspected(name)}`, description),
  assert_inherits(object, name, description) {
    check(!Object.hasOwn(object, name) && name in object, `${inspected(name)} is not inherited`, description);
  },
  assert_readonly(object, name, description) {
    const before = object[name];
    try {
      object[name] = `${before}a`;
      check(Object.is(object[name], before), `${inspected(name)} can be written`, description);
    } catch (error) {
      if (error instanceof AssertionError) throw error;
    }
  },
  assert_class_string: (object, name, description) =>
    api.assert_equals(Object.prototype.toString.call(object), `[object ${name}]`, description),
  assert_regexp_match: (value, pattern, description) =>
    check(pattern.test(value), `${inspected(value)} does not match ${pattern}`, description),
  assert_less_than: (a, b, description) => check(a < b, `${a} is not less than ${b}`, description),
  assert_greater_than: (a, b, description) => check(a > b, `${a} is not greater than ${b}`, description),
  assert_less_than_equal: (a, b, description) => check(a <= b, `${a} is greater than ${b}`, description),
  assert_greater_than_equal: (a, b, description) => check(a >= b, `${a} is less than ${b}`, description),
  assert_between_inclusive: (a, low, high, description) =>
    check(a >= low && a <= high, `${a} is not from ${low} to ${high}`, description),
  assert_approx_equals: (a, b, most, description) =>
    check(a === b || Math.abs(a - b) <= most, `${a} is not about ${b}`, description),
  assert_unreached: (description) => check(false, "reached what must not be reached", description),
  assert_implements: (value, description) => check(value, "it is not there", description),
  assert_implements_optional(value, description) {
    if (!value) throw new Unmet(description ?? "optional");
  },
  assert_throws_js: (constructor, run, description) => thrown(run, isJs(constructor), description),
  assert_throws_exactly: (due, run, description) => thrown(run, (error) => Object.is(error, due), description),
  assert_throws_dom(type, realm, run, description) {
    const own = realm.name === "DOMException";
    thrown(own ? run : realm, isDom(type), own ? description : run);
  },
  assert_throws_quotaexceedederror: (run, ...rest) => thrown(run, isDom("QuotaExceededError"), rest[2]),
  promise_rejects_js: (_, constructor, promise, description) => rejected(promise, isJs(constructor), description),
  promise_rejects_exactly: (_, due, promise, description) =>
    rejected(promise, (error) => Object.is(error, due), description),
  promise_rejects_dom(_, type, realm, promise, description) {
    const own = typeof realm === "function";
    return rejected(own ? promise : realm, isDom(type), own ? description : promise);
  },
  promise_rejects_quotaexceedederror: (_, promise) => rejected(promise, isDom("QuotaExceededError"), ""),
  fetch_json: (url) => fetch(url).then((response) => response.json()),
  assert_any(assert, value, choices, ...rest) {
    const fits = choices.some((choice) => {
      try {
        assert(value, choice, ...rest);
        return true;
      } catch {
        return false;
      }
    });
    check(fits, `${inspected(value)} fits none of ${inspected(choices)}`);
  },
};

// The file tests look at what they made through it. A step has no FileReader, and needs none: a Blob has `text()`.
class FileReader {
  readAsText(blob) {
    this.load(blob.text());
  }

  readAsArrayBuffer(blob) {
    this.load(blob.arrayBuffer());
  }

  load(reading) {
    reading.then(
      (result) => {
        this.result = result;
        this.onload?.({ target: this });
      },
      (error) => {
        this.error = error;
        this.onerror?.({ target: this });
      },
    );
  }
}
api.FileReader = FileReader;

const CODES = {
  INDEX_SIZE_ERR: "IndexSizeError", INVALID_CHARACTER_ERR: "InvalidCharacterError", NOT_SUPPORTED_ERR: "NotSupportedError",
  INVALID_STATE_ERR: "InvalidStateError", SYNTAX_ERR: "SyntaxError", DATA_CLONE_ERR: "DataCloneError", ABORT_ERR: "AbortError",
};
const LEGACY = {
  InvalidCharacterError: 5, NotSupportedError: 9, InvalidStateError: 11, SyntaxError: 12, AbortError: 20,
  QuotaExceededError: 22, TimeoutError: 23, DataCloneError: 25,
};
const isJs = (constructor) => (error) => error?.constructor === constructor;
const isDom = (type) => (error) => {
  const name = CODES[type] ?? type;
  return error instanceof DOMException && error.name === name && (!(name in LEGACY) || error.code === LEGACY[name]);
};
const thrown = (run, fits, description) => {
  try {
    run();
  } catch (error) {
    check(fits(error), `threw ${errorText(error)}, which was not due`, description);
    return;
  }
  check(false, "threw nothing", description);
};
const rejected = async (promise, fits, description) => {
  try {
    await promise;
  } catch (error) {
    check(fits(error), `was rejected with ${errorText(error)}, which was not due`, description);
    return;
  }
  check(false, "was not rejected", description);
};

// The files that stand beside the test, for its `fetch`.
const serve = (parts) => {
  const { fetch } = globalThis;
  globalThis.fetch = (url, options) => {
    const text = parts.resources[url];
    if (text === undefined) return fetch(url, options);
    return Promise.resolve({
      ok: true,
      status: 200,
      text: async () => text,
      json: async () => JSON.parse(text),
      arrayBuffer: async () => new TextEncoder().encode(text).buffer,
    });
  };
};

export const begin = (parts) => {
  const realm = globalThis;
  for (const [name, value] of Object.entries(api)) {
    Object.defineProperty(realm, name, { value, writable: true, configurable: true });
  }
  const hidden = {
    self: realm,
    location: {
      search: parts.search, href: `https://web-platform.test/${parts.file}${parts.search}`, origin: "https://web-platform.test",
      pathname: `/${parts.file}`, protocol: "https:", host: "web-platform.test", hostname: "web-platform.test",
    },
    GLOBAL: { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false },
    isSecureContext: true,
  };
  for (const [name, value] of Object.entries(hidden)) {
    Object.defineProperty(realm, name, { value, writable: true, configurable: true });
  }
  serve(parts);
};

// What the file itself threw counts as one test.
export const crashed = (error) => new Test("the file").fail(error);

const late = () => new Promise((resolve) => setTimeout(resolve, VIRTUAL_TIMEOUT, "late"));

let begun = 0;
// Runs the tests that return promises, one after the other. Tests may add further ones.
const drain = async () => {
  while (begun < queued.length) {
    const [test, run] = queued[begun++];
    const running = (async () => run(test))();
    try {
      if ((await Promise.race([running, late()])) === "late" && test) test.set("failed", "it never settles");
    } catch (error) {
      (test ?? new Test("the file's setup")).fail(error);
    }
    test?.done();
  }
};

export const finish = async () => {
  await drain();
  if (own.explicitDone && !own.doneCalled) {
    await Promise.race([new Promise((resolve) => (own.finished = resolve)), late()]);
    await drain();
  }
  for (let at = 0; at < tests.length; at++) {
    const test = tests[at];
    if (test.status === null && (await Promise.race([test.ended, late()])) === "late") test.set("failed", "it never ends");
  }
  for (const run of completion) {
    try {
      run(tests, { status: 0 });
    } catch {}
  }
  const short = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);
  return tests.map(({ name, status, message }) =>
    status === "passed" ? short(name, 2000) : [short(name, 2000), status, short(message, 300)]);
};
