// Deep equality as Node's `assert` has it, and whether an error is the one that was due.

const tag = (value) => Object.prototype.toString.call(value);
const bytes = (value) =>
  ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
const plain = (value) => typeof value !== "object" || value === null;

const sameKeys = (a, b, same, seen) => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && inside(a[key], b[key], same, seen));
};

const inside = (a, b, same, seen) => {
  if (plain(a) || plain(b)) return plain(a) && plain(b) ? same(a, b) : false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (same === Object.is && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (tag(a) !== tag(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  if (a instanceof Date || a instanceof Number || a instanceof String || a instanceof Boolean) {
    return Object.is(a.valueOf(), b.valueOf());
  }
  if (a instanceof RegExp) return `${a}` === `${b}`;
  if (a instanceof Error && (a.name !== b.name || a.message !== b.message)) return false;
  if (ArrayBuffer.isView(a) || a instanceof ArrayBuffer) {
    const [left, right] = [bytes(a), bytes(b)];
    return left.length === right.length && left.every((byte, i) => byte === right[i]);
  }
  if (a instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && inside(value, b.get(key), same, seen));
  }
  if (a instanceof Set) {
    return a.size === b.size && [...a].every((held) => b.has(held) || [...b].some((other) => inside(held, other, same, seen)));
  }
  if (Array.isArray(a) && a.length !== b.length) return false;
  return sameKeys(a, b, same, seen);
};

export const equal = (a, b, same = Object.is) => inside(a, b, same, new Map());

// What is wrong with an error that was thrown; an empty text if it is the one that was due.
export const throwsAs = (error, due) => {
  const said = `it threw ${error?.name} ${error?.code ?? ""}: ${error?.message ?? error}`;
  if (due === undefined) return "";
  if (due instanceof RegExp) return due.test(`${error}`) ? "" : `${said}; ${due} was due`;
  if (typeof due === "function") {
    if (due.prototype !== undefined && error instanceof due) return "";
    if (Error.isPrototypeOf(due) || due === Error) return `${said}; ${due.name} was due`;
    return due.call({}, error) === true ? "" : `${said}, which its check refuses`;
  }
  for (const key of Object.keys(due)) {
    const [is, want] = [error?.[key], due[key]];
    const fits = want instanceof RegExp && typeof is === "string" ? want.test(is) : equal(is, want);
    if (!fits) return `${said}; its ${key} was to be ${want}`;
  }
  return "";
};
