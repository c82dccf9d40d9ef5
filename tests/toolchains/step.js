// A step in JavaScript as a component of its own, by componentize-js: takes the domain of an address.
import { get, set } from "stepwell:step/data@0.1.0";
import { setName } from "stepwell:step/task@0.1.0";
import { write } from "stepwell:step/console@0.1.0";

export const condition = () => JSON.stringify({ email: { $type: "string" } });

export const run = () => {
  const email = JSON.parse(get("/email"));
  if (!email.includes("@")) throw { tag: "stop", val: `${email} is no address` };
  if (email.startsWith("nobody@")) throw new RangeError("nobody has no domain");
  set("/domain", JSON.stringify(email.split("@")[1]));
  setName(email);
  write("log", `a message from ${email}`);
};
