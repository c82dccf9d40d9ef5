// The step that runs one test file, which comes as its module `parts.json`.
import parts from "./parts.json";
import { begin, crashed, finish } from "./harness.js";

export const condition = {};

export const content = async () => {
  const { complete } = task;
  const document = data;
  begin(parts);
  try {
    (0, eval)(parts.script);
  } catch (error) {
    crashed(error);
  }
  const told = await finish();
  // A test may have a `data` of its own, and a step must leave a document.
  globalThis.data = document;
  complete(told);
};
