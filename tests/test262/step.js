// The step that runs one test. What it needs of the realm it takes before the test runs, since a
// test may change everything.
import parts from "./parts.json";

export const condition = {};

export const content = async () => {
  const { complete } = task;
  const { defineProperty } = Reflect;
  const document = data;
  const realm = globalThis;
  const evaluate = eval;

  const told = (error) => {
    let name = "";
    let message = "";
    try {
      name = `${error.constructor.name}`;
    } catch {}
    try {
      message = `${typeof error === "object" ? error.message : error}`;
    } catch {}
    return `${name}\n${message}`;
  };

  let settle;
  const done = new Promise((resolve) => {
    settle = resolve;
  });
  // A test may watch who asks promises for their constructor, as `await` does.
  defineProperty(done, "constructor", { value: Promise });
  const host = {
    global: realm,
    detachArrayBuffer: (buffer) => {
      buffer.transfer();
      return null;
    },
  };
  defineProperty(realm, "$262", { value: host, writable: true, configurable: true });
  defineProperty(realm, "print", { value: () => {}, writable: true, configurable: true });
  defineProperty(realm, "$DONE", {
    value: (error) => settle(error ? told(error) : ""),
    writable: true,
    configurable: true,
  });

  let ended = "";
  try {
    for (let at = 0; at < parts.harness.length; at++) evaluate(parts.harness[at]);
  } catch (error) {
    ended = `harness\n${told(error)}`;
  }
  if (ended === "") {
    try {
      if (parts.module) await import(parts.module);
      else evaluate(parts.script);
      if (parts.async) ended = await done;
    } catch (error) {
      ended = told(error);
    }
  }
  // A test may have a `data` of its own, and a step must leave a document.
  realm.data = document;
  complete(ended);
};
