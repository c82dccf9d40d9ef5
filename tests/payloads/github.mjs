// Sends every example payload of @octokit/webhooks-examples to a webhook, signed by GitHub's own library
// (@octokit/webhooks-methods), in both content types that GitHub knows. Prints one line of JSON for each request:
// how it was sent, its delivery id, its status and answer, and the payload's text.
//
//   node github.mjs FOLDER URL SECRET     FOLDER has node_modules

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, url, secret] = process.argv.slice(2);
const methods = join(folder, "node_modules/@octokit/webhooks-methods/dist-node/index.js");
const { sign } = await import(pathToFileURL(methods));
const examples = join(folder, "node_modules/@octokit/webhooks-examples");

const lines = [];
let number = 0;
for (const place of readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  if (place.name === "node_modules") continue;
  const events = JSON.parse(readFileSync(join(examples, place.name, "index.json"), "utf8"));
  for (const { name, examples } of events) {
    for (const example of examples) {
      const payload = JSON.stringify(example);
      const form = new URLSearchParams({ payload }).toString();
      for (const [type, body] of [["application/json", payload], ["application/x-www-form-urlencoded", form]]) {
        number += 1;
        const id = `${place.name}-${number}`;
        const headers = {
          "content-type": type,
          "user-agent": "GitHub-Hookshot/044aadd",
          "x-github-delivery": id,
          "x-github-event": name,
          "x-github-hook-id": "292430182",
          "x-hub-signature-256": await sign(secret, body),
        };
        const response = await fetch(url, { method: "POST", headers, body });
        const answer = await response.json();
        lines.push(JSON.stringify({ type, id, event: name, status: response.status, answer, payload }));
      }
    }
  }
}
process.stdout.write(lines.join("\n") + "\n");
