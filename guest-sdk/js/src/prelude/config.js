// `task.config`, and what a call says that has the text `undefined` where a value of the config should be.
(host, own) => {
  'use strict';
  const exec = own.RegExp.exec;
  // Keys that are named; a step may ask for any number.
  const NAMED = 5;
  const KEY = 80;
  const WORD = /(?:^|[^\w$])undefined(?![\w$])/;
  // A whole value of a form, of JSON or of markup. Prose may have the word.
  const VALUE = /(?:^|[=:">])undefined(?:$|[&"<,;}])/;
  // Keys that the run asked for, that are not set, and for which it named no other value.
  const missing = [];

  own.config = function (key, otherwise) {
    const name = `${key}`;
    const value = host.config(name);
    if (value !== undefined) return value;
    if (arguments.length > 1) return otherwise;
    if (missing.length < NAMED && name.length <= KEY && !own.Array.includes(missing, name)) {
      own.Array.push(missing, name);
    }
    return undefined;
  };

  // Which keys are missing and how to set them; nothing if none is.
  own.unset = () => {
    if (missing.length === 0) return '';
    let keys = '';
    let commands = '';
    for (let i = 0; i < missing.length; i++) {
      keys += `${i > 0 ? ' and no ' : ''}\`${missing[i]}\``;
      commands += `${i > 0 ? ' and ' : ''}\`stepwell config set ${missing[i]} VALUE\``;
    }
    return `the config has no ${keys}; set it with ${commands}`;
  };

  // An error with the missing keys in its message. It is final: the next attempt would miss them, too.
  own.lacking = (error) => {
    const unset = own.unset();
    if (unset !== '' && own.String.indexOf(error.message, unset) < 0) {
      own.hide(error, 'message', `${error.message}: ${unset}`);
      error.final = true;
    }
    return error;
  };

  // Senders write `undefined`, too: then it may be theirs.
  const isInData = () => {
    try {
      return exec(WORD, own.JSON.stringify(globalThis.data)) !== null;
    } catch {
      return false;
    }
  };
  const found = (url, headers, body) => {
    if (exec(WORD, url)) return `the URL \`${own.String.slice(own.String.split(url, '?')[0], 0, 200)}\` has \`undefined\` in it`;
    for (let i = 0; i < headers.length; i += 2) {
      if (exec(WORD, headers[i + 1])) return `the header \`${headers[i]}\` has \`undefined\` in it`;
    }
    if (typeof body === 'string' && exec(VALUE, body)) return 'the body has `undefined` for a value';
    return undefined;
  };

  // What is wrong with a request that has `undefined` in it for want of a key; else nothing.
  own.spoilt = (url, headers, body) => {
    const wrong = missing.length === 0 ? undefined : found(url, headers, body);
    return wrong === undefined || isInData() ? undefined : wrong;
  };
}
