//! Scripts. Each row: its name, the body of `content`, and how its run ends.

use serde_json::{Value, json};

use super::Ends::{Fault, Refused, Says};
use super::{Ends, Ground};

/// Little, so that what has no end ends soon. Nothing is tried again.
const LIMITS: &str = "fuel=60000000&timeout_ms=20000&attempts=1&memory=16777216";

pub(super) struct Row(&'static str, &'static str, fn() -> Ends);

const FUEL: fn() -> Ends = || {
    Fault(
        "fuel",
        "out of fuel: the step used its whole budget of 60000000",
    )
};

pub(super) const ROWS: &[Row] = &[
    // Without an end.
    Row("loop", "for (;;);", FUEL),
    Row("loop in try", "for (;;) try { for (;;); } catch {}", FUEL),
    Row(
        "loop in finally",
        "try { throw 1; } finally { for (;;); }",
        FUEL,
    ),
    Row(
        "microtasks",
        "const f = () => Promise.resolve().then(f); await f();",
        FUEL,
    ),
    Row(
        "async generator",
        "for await (const n of (async function* () { for (;;) yield 0; })());",
        FUEL,
    ),
    Row(
        "generator",
        "for (const n of (function* () { for (;;) yield 0; })());",
        FUEL,
    ),
    Row(
        "backtracking",
        "/^(a+)+$/.test('a'.repeat(60) + 'b');",
        FUEL,
    ),
    Row(
        "sort",
        "const a = [3, 1, 2]; for (;;) a.sort(() => Math.random() - 0.5);",
        FUEL,
    ),
    Row(
        "parse",
        "const t = JSON.stringify(Array(9999).fill({a: [1]})); for (;;) JSON.parse(t);",
        FUEL,
    ),
    Row(
        "strings",
        "for (;;) 'é'.repeat(9999).normalize('NFD').toUpperCase();",
        FUEL,
    ),
    Row(
        "hash",
        "const b = new Uint8Array(65536); for (;;) await crypto.subtle.digest('SHA-256', b);",
        FUEL,
    ),
    Row(
        "random",
        "const b = new Uint8Array(65536); for (;;) crypto.getRandomValues(b);",
        FUEL,
    ),
    Row("log", "for (;;) console.log('x');", FUEL),
    Row(
        "clock",
        "const t = Date.now(); while (Date.now() < t + 1);",
        FUEL,
    ),
    Row("names", "for (;;) task.name('x');", FUEL),
    Row("config", "for (;;) task.config('NONE');", FUEL),
    Row(
        "getter of data",
        "Object.defineProperty(data, 'x', {enumerable: true, get() { for (;;); }});",
        FUEL,
    ),
    Row(
        "proxy as data",
        "data.x = new Proxy({}, {ownKeys() { for (;;); }});",
        FUEL,
    ),
    Row("toJSON", "data.x = {toJSON() { for (;;); }};", FUEL),
    Row(
        "thrown toString",
        "throw {toString() { for (;;); }};",
        || Fault("retry", "no Error"),
    ),
    Row(
        "thenable",
        "await {then(done) { done({then: this.then}); }};",
        FUEL,
    ),
    Row("eval", "new Function('for (;;);')();", FUEL),
    Row("never settles", "await new Promise(() => {});", || {
        Fault("stop", "never settles")
    }),
    Row(
        "never settles, all",
        "await Promise.all([1, new Promise(() => {})]);",
        || Fault("stop", "never settles"),
    ),
    // Without a bound.
    Row("recursion", "(function f() { f(); })();", || {
        Fault("retry", "stack")
    }),
    Row(
        "mutual recursion",
        "const f = () => g(), g = () => f(); f();",
        || Fault("retry", "stack"),
    ),
    Row(
        "recursion of toString",
        "const o = {toString() { return `${o}`; }}; String(o);",
        || Fault("retry", "stack"),
    ),
    Row(
        "recursion of proxies",
        "let p = {}; for (let n = 0; n < 1e5; n++) p = new Proxy(p, {}); p.x;",
        FUEL,
    ),
    Row(
        "recursion of JSON",
        "const f = () => ({a: {toJSON: f}}); data.x = {toJSON: f};",
        || Fault("stop", ""),
    ),
    Row(
        "deep regex",
        "new RegExp('('.repeat(1e5) + ')'.repeat(1e5));",
        || Fault("retry", ""),
    ),
    Row("deep JSON", "JSON.parse('['.repeat(1e6));", FUEL),
    Row("doubling", "let s = 'x'; for (;;) s += s;", || {
        Fault("retry", "string too long")
    }),
    Row("array", "const a = []; for (;;) a.push(a.length);", FUEL),
    Row(
        "spread",
        "[...(function* () { for (;;) yield new Uint8Array(65536); })()];",
        || Fault("memory", "16777216"),
    ),
    Row(
        "map",
        "const m = new Map(); for (let n = 0; ; n++) m.set(n, new Uint8Array(65536));",
        || Fault("memory", "16777216"),
    ),
    Row(
        "closures",
        "let f = () => 0; for (;;) { const g = f, b = new Uint8Array(65536); f = () => [g, b]; }",
        || Fault("memory", "16777216"),
    ),
    Row(
        "bytes",
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20));",
        || Fault("memory", ""),
    ),
    Row("one large", "new Uint8Array(2 ** 31 - 1);", || {
        Fault("retry", "out of memory")
    }),
    Row("fill", "Array(2 ** 32 - 1).fill(0);", FUEL),
    Row("repeat", "'x'.repeat(2 ** 29);", || {
        Fault("retry", "out of memory")
    }),
    Row("bigint", "let n = 3n; for (;;) n *= n;", FUEL),
    Row(
        "pending promises",
        "const all = []; for (;;) all.push(new Promise(() => {}), new Uint8Array(65536));",
        || Fault("memory", "16777216"),
    ),
    Row(
        "properties",
        "for (let n = 0; ; n++) globalThis['p' + n] = new Uint8Array(65536);",
        || Fault("memory", "16777216"),
    ),
    Row(
        "symbols",
        "const all = []; for (;;) all.push(Symbol('x'));",
        FUEL,
    ),
    // Data that is none.
    Row("cycle", "data.self = data;", || Fault("stop", "")),
    Row("BigInt in data", "data.n = 1n;", || Fault("stop", "")),
    Row("function in data", "data.f = () => 1;", || {
        Fault("stop", "")
    }),
    Row("symbol in data", "data.s = Symbol('x');", || {
        Fault("stop", "")
    }),
    Row(
        "deep data",
        "let a = 1; for (let n = 0; n < 200; n++) a = [a]; data.a = a;",
        || Fault("stop", ""),
    ),
    Row(
        "getter that throws",
        "Object.defineProperty(data, 'x', {enumerable: true, get() { throw new Error('mine'); }});",
        || Fault("stop", "mine"),
    ),
    Row("data is no object", "data = 7;", || Fault("stop", "")),
    Row("data is null", "data = null;", || Fault("stop", "")),
    // Thrown.
    Row("long", "throw new Error('x'.repeat(1e6));", || {
        Fault("retry", "xxx")
    }),
    Row("null", "throw null;", || Fault("retry", "null")),
    Row("symbol", "throw Symbol('mine');", || {
        Fault("retry", "a symbol")
    }),
    Row(
        "message that throws",
        "throw Object.defineProperty(new Error(), 'message', {get() { throw 1; }});",
        || Fault("retry", ""),
    ),
    Row(
        "stack that is none",
        "throw Object.assign(new Error('mine'), {stack: {}});",
        || Fault("retry", ""),
    ),
    Row(
        "escapes",
        "throw new Error('\\u001b[2J\\u202e\\ufeff');",
        || Fault("retry", ""),
    ),
    Row(
        "rejection",
        "Promise.reject(new Error('mine')); await 0; data.said = 1;",
        || Says(json!(1)),
    ),
    // Calls.
    Row(
        "metadata service",
        "await fetch('http://169.254.169.254/latest/meta-data');",
        || Fault("retry", "not a public address"),
    ),
    Row("loopback", "await fetch('http://[::1]:1/');", || {
        Fault("retry", "not a public address")
    }),
    Row(
        "octal",
        "await fetch('http://0251.0376.0251.0376/');",
        || Fault("retry", "169.254.169.254"),
    ),
    Row("one number", "await fetch('http://2852039166/');", || {
        Fault("retry", "169.254.169.254")
    }),
    Row(
        "mapped",
        "await fetch('http://[::ffff:a9fe:a9fe]/');",
        || Fault("retry", "not a public address"),
    ),
    Row("file", "await fetch('file:///etc/passwd');", || {
        Fault("retry", "")
    }),
    Row(
        "gopher",
        "await fetch('gopher://127.0.0.1:6379/_FLUSHALL');",
        || Fault("retry", ""),
    ),
    Row(
        "header with a line",
        "await fetch('http://127.0.0.1:9/', {headers: {a: 'b\\r\\nc: d'}});",
        || Fault("retry", ""),
    ),
    Row(
        "method with a line",
        "await fetch('http://127.0.0.1:9/', {method: 'GET / HTTP/1.1\\r\\n\\r\\n'});",
        || Fault("retry", ""),
    ),
    Row(
        "host header",
        "await fetch('http://127.0.0.1:9/', {headers: {'content-length': '9'}, method: 'POST', body: 'x'});",
        || Fault("retry", ""),
    ),
    Row(
        "long URL",
        "await fetch('http://127.0.0.1:9/' + 'x'.repeat(1e5));",
        || Fault("retry", ""),
    ),
    Row(
        "many headers",
        "await fetch('http://127.0.0.1:9/', {headers: Array.from({length: 500}, (_, n) => ['h' + n, 'x'])});",
        || Fault("retry", ""),
    ),
    Row(
        "too many calls",
        "for (;;) await fetch('http://127.0.0.1:9/').catch(() => {});",
        || Fault("limit", "200"),
    ),
    Row(
        "unknown connector",
        "await connectors.nowhere.steal();",
        || Fault("retry", ""),
    ),
    // What there is not.
    Row(
        "files",
        "data.said = [typeof require, typeof process, typeof Deno, typeof Bun, typeof WebAssembly, typeof SharedArrayBuffer].join();",
        || {
            Says(json!(
                "function,undefined,undefined,undefined,undefined,function"
            ))
        },
    ),
    Row("import of a file", "await import('/etc/passwd');", || {
        Fault("retry", "")
    }),
    Row(
        "import of a URL",
        "await import('https://example.com/x.js');",
        || Fault("retry", ""),
    ),
    Row(
        "prototype",
        "data.said = Object.prototype.said ?? 'clean'; Object.prototype.said = 'dirty';",
        || Says(json!("clean")),
    ),
    Row(
        "prototype, again",
        "data.said = ({}).said ?? 'clean';",
        || Says(json!("clean")),
    ),
    Row(
        "prototype by data",
        "Object.assign(data, JSON.parse('{\"__proto__\": {\"admin\": true}}')); data.said = ({}).admin ?? 'no';",
        || Says(json!("no")),
    ),
    Row(
        "globals",
        "data.said = globalThis.kept ?? 'none'; globalThis.kept = 1;",
        || Says(json!("none")),
    ),
    // Asked of the server.
    Row("park for NaN", "task.park(NaN);", || Fault("retry", "")),
    Row("park below nothing", "task.park(-1);", || {
        Fault("retry", "")
    }),
    Row("subtask without a name", "task.subtask('', {});", || {
        Fault("retry", "")
    }),
    Row("a module of a path", "require('/etc/passwd');", || {
        Fault("retry", "")
    }),
    Row(
        "a lock that is never free",
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0);",
        || Fault("retry", ""),
    ),
    Row(
        "subtask of a long name",
        "task.subtask('x'.repeat(1e5), {});",
        || Fault("retry", ""),
    ),
    Row(
        "too many subtasks",
        "for (let n = 0; n < 101; n++) task.subtask('part', {n});",
        || Fault("retry", "100"),
    ),
    Row(
        "tags",
        "task.tags(Array.from({length: 1000}, (_, n) => 't' + n));",
        || Fault("retry", ""),
    ),
    Row("long name", "task.name('x'.repeat(1e5));", || {
        Fault("retry", "")
    }),
    Row(
        "ids of others",
        "data.said = task.config('../neighbour/KEY') ?? 'none';",
        || Says(json!("none")),
    ),
    Row(
        "random, too much",
        "crypto.getRandomValues(new Uint8Array(65537));",
        || Fault("retry", "65536"),
    ),
    // Not taken.
    Row("syntax", "let let = ;", || Refused("bad-script", "")),
    Row("many brackets", "", || Refused("condition-failed", "")),
    Row("10 MB of source", "", || Refused("bad-script", "1048576")),
    // An expression of eight bytes takes kilobytes when it is compiled.
    Row("100 classes of letters", "", || Says(json!(100))),
];

fn package(name: &str, content: &str) -> Vec<u8> {
    let content = match name {
        "many brackets" => "(".repeat(100_000),
        "10 MB of source" => "x;\n".repeat(10_000_000 / 3),
        "100 classes of letters" => {
            format!("data.said = [{}].length;", "/\\p{L}/u,".repeat(100))
        }
        _ => content.to_owned(),
    };
    let source = format!(
        "export const condition = {{}};\nexport const content = async () => {{ {content}\n}};"
    );
    let package = json!({"entry": "step.js", "modules": {"step.js": source}});
    package.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts() {
    let mut ground = Ground::new().await;
    let body: Value = json!({"n": 1, "items": ["a", {"b": null}]});
    for Row(name, content, ends) in ROWS {
        let package = package(name, content);
        let row = async |ground: &Ground| ground.step_ends(package, LIMITS, &body, &ends()).await;
        ground.row(name, row).await;
    }
    ground.over().await;
}
