//! Scripts that mean harm: they may harm themselves, and nothing else.

#![allow(missing_docs)]

use crate::common::{content, step};
use serde_json::json;

/// Replaces every method of the usual prototypes and globals with one that throws.
const VANDAL: &str = "
  const broken = () => { throw new Error('vandal') };
  const { ownKeys, defineProperty } = Reflect;
  const types = [Object, Array, String, Map, Set, WeakMap, Promise, RegExp, Date, Number, Function, Error, Symbol, Uint8Array.__proto__, [].values().__proto__.__proto__.constructor];
  const spared = { __proto__: null, constructor: 1, prototype: 1, toString: 1, length: 1, name: 1, stack: 1 };
  for (let t = 0; t < types.length; t++) for (let n = 0; n < 2; n++) {
    const holder = n ? types[t] : types[t].prototype;
    const keys = ownKeys(holder);
    for (let k = 0; k < keys.length; k++) if (!spared[keys[k]]) defineProperty(holder, keys[k], { __proto__: null, value: broken });
  }
  const names = ['JSON', 'Promise', 'Map', 'WeakMap', 'Set', 'Reflect', 'Symbol', 'Array', 'Object', 'Uint8Array', 'ArrayBuffer', 'RegExp', 'Proxy'];
  for (let n = 0; n < names.length; n++) globalThis[names[n]] = broken;
";

#[test]
fn the_glue_survives_a_vandal() {
    let ran = content(&format!(
        "{VANDAL}
         console.log('%s %d', 'x', 1, {{a: [1, {{b: 2}}]}});
         const r = await connectors.fetch({{url: 'https://a.example', options: {{method: 'POST', headers: {{A: '1'}}, body: {{a: 1}}}}}});
         data.status = r.status; data.body = r.body; data.list.push2 = 1; data.list[1] = {{n: 1}}; delete data.gone;
         data.sum = crypto.createHmac('sha256', 'k').update('x').digest('hex').length;
         await connectors.slackCom.send({{channel: 'x'}});
         task.tags(['a']);"
    ))
    .data(json!({"list": [1], "gone": 1}))
    .json(200, json!({"id": 1}))
    .run();
    let after = json!({"list": [1, {"n": 1}], "status": 200, "body": {"id": 1}, "sum": 64});
    assert_eq!(ran.data(), after);
    assert_eq!(ran.printed(), ["x 1 { a: [ 1, { b: 2 } ] }"]);
    assert_eq!(ran.host.requests.borrow()[0].body, b"{\"a\":1}");
}

#[test]
fn lies_about_json_do_not_reach_the_data() {
    let ran = content(
        "Object.prototype.toJSON = () => 'lie'; Array.prototype.toJSON = () => 'lie'; String.prototype.toJSON = () => 'lie';
         data.a = {b: [1]}; data.c = [{}]; data.s = 's'",
    )
    .data(json!({"old": {"x": [1]}}))
    .run();
    assert_eq!(
        ran.changes(),
        ["/a = {\"b\":[1]}", "/c = [{}]", "/s = \"s\""]
    );
    assert_eq!(content("data.toJSON = 1").run().changes(), ["/toJSON = 1"]);
    let text = content("data.toJSON = () => 'lie'").run().stop();
    assert_eq!(text, "`/toJSON` is a function, which JSON cannot hold");
}

#[test]
fn thenables_in_odd_places() {
    let ran = content("Array.prototype.then = function (done) { done('then') }; data.x = await [1]; console.log([1])").run();
    assert_eq!(ran.data(), json!({"x": "then"}));
    let ran =
        content("Object.prototype.then = function () { throw new Error('then') }; data.x = 1")
            .run();
    assert_eq!(ran.data(), json!({"x": 1}));
    let source = "export const condition = {}; export const content = () => ({ then(done) { data.x = 1; done() } })";
    assert_eq!(step(source).run().data(), json!({"x": 1}));
    let source = "export const condition = {}; export const content = () => ({ then() { throw new Error('t') } })";
    assert!(step(source).run().retry().starts_with("Error: t"));
}

#[test]
fn setters_on_prototypes_are_not_asked() {
    let ran = content(
        "for (const key of ['value', 'get', 'set', 'body', 'status', 'resolve', 'x', '0'])
           Object.defineProperty(Object.prototype, key, { __proto__: null, set() { throw new Error(key) }, get() { return undefined }, configurable: true });
         const r = await connectors.fetch('https://a.example'); data.ok = r.ok; console.log({a: 1})",
    )
    .run();
    assert_eq!(ran.data(), json!({"ok": true}));
}

#[test]
fn globals_of_the_glue_cannot_be_taken() {
    for code in [
        "Object.defineProperty(globalThis, 'data', { get() { throw new Error('x') } })",
        "delete globalThis.data",
        "Object.defineProperty(globalThis, 'require', { value: 1 })",
        "task.id = () => 'other'",
        "globalThis.require = 1",
    ] {
        let text = content(code).run().retry();
        assert!(text.starts_with("TypeError: "), "{code}: {text}");
    }
    assert_eq!(
        content("Object.freeze(globalThis); data.x = 1")
            .run()
            .data(),
        json!({"x": 1})
    );
    assert_eq!(
        content("data.x = [typeof host, typeof own, typeof std, typeof os]")
            .run()
            .data()["x"][0],
        json!("undefined")
    );
    let caught = content("try { (0, eval)('own') } catch (e) { data.x = e.name }").run();
    assert_eq!(caught.data(), json!({"x": "ReferenceError"}));
}

#[test]
fn the_prelude_is_out_of_reach() {
    // An error hook sees the glue's frames, and gets neither its functions nor its objects.
    let ran = content(
        "const seen = []; Error.prepareStackTrace = (_, sites) => { for (const s of sites) seen.push(typeof s.getThis?.()); return 'x' };
         try { task.name('') } catch (e) { e.stack } console.trace('x');
         data.seen = [...new Set(seen)]",
    )
    .run();
    assert_eq!(ran.data()["seen"], json!(["undefined"]));
}

#[test]
fn errors_that_lie_about_themselves() {
    for code in [
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw 1 } }); throw e",
        "const e = new Error('x'); e.stack = 'at step.js:999999:1\\n at step.js:0:0\\n at f (step.js:1:99999999)'; throw e",
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { value: { toString() { throw 1 } } }); throw e",
        "const e = new Error('x'); e.stack = '    at (:::\\n at step.js::'; throw e",
        "const e = new Error('x'); Object.defineProperty(e, 'final', { get() { throw 1 } }); throw e",
        "const e = new Error('x'); e.cause = e; throw e",
    ] {
        assert!(
            content(code).run().retry().starts_with("Error: x"),
            "{code}"
        );
    }
    let text = content("const e = new Error('x'.repeat(1e6)); throw e")
        .run()
        .retry();
    assert!(text.len() > 1000);
}

#[test]
fn a_hundred_thousand_calls_end() {
    let ran = content("const all = []; for (let i = 0; i < 1e5; i++) all.push(connectors.fetch('https://a.example/')); await Promise.all(all)")
        .calls_at_once(32)
        .run();
    let text = ran.retry();
    // Where the memory ends is not the same in each run, and the error's own text may not fit any more.
    let ends = [
        "FetchError: too many",
        "RangeError: out of memory",
        "InternalError",
    ];
    assert!(ends.iter().any(|end| text.starts_with(end)), "{text}");
}

#[test]
fn deep_and_wide_things_end() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    content(&format!("data.x = JSON.parse('{deep}')"))
        .run()
        .stop();
    let ran = content(
        "let a = {}; for (let i = 0; i < 100000; i++) a = {a}; console.log(a); data.ok = 1",
    )
    .run();
    assert_eq!(ran.data(), json!({"ok": 1}));
    let ran = content("const a = []; a.length = 4294967295; console.log(a.length)").run();
    assert_eq!(ran.printed(), ["4294967295"]);
    content("let s = 'x'; for (;;) s += s").run().retry();
}
