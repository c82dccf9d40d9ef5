// The step that runs one of Node's test files, which comes as its module `parts.json`.
import parts from "./parts.json";
import { runNode } from "./node.js";

export const condition = {};

export const content = async () => {
  const { complete } = task;
  const document = data;
  const told = await runNode(parts);
  globalThis.data = document;
  complete(told);
};
