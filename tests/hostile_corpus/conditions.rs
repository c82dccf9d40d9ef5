//! Conditions of scripts. Each row: its name, the expression that the condition is, a body as JSON text, and how it is
//! refused or whether it matches.

use serde_json::json;

use super::Ground;
use crate::support::accepted_task;

/// What becomes of a condition.
enum Becomes {
    /// It is not taken: the code, and what the detail says.
    Refused(&'static str, &'static str),
    /// It matches the body.
    Runs,
    /// It does not.
    Unmatched,
    /// The task's fault.
    Error(&'static str),
}
use Becomes::{Error, Refused, Runs, Unmatched};

pub(super) struct Row(&'static str, &'static str, fn() -> String, Becomes);

const BAD: Becomes = Refused("bad-condition", "");
const FAILED: Becomes = Refused("bad-script", "");

fn none() -> String {
    "{}".to_owned()
}

pub(super) const ROWS: &[Row] = &[
    // Not taken.
    Row(
        "code",
        "{$where: 'for (;;);'}",
        none,
        Refused("bad-condition", "$where"),
    ),
    Row("an expression", "{$expr: {$gt: ['$a', 1]}}", none, BAD),
    Row(
        "a function",
        "{$function: {body: 'x', args: []}}",
        none,
        BAD,
    ),
    Row(
        "an operator inside",
        "{a: {$gtt: 1}}",
        none,
        Refused("bad-condition", "$gt"),
    ),
    Row("operators and members", "{a: {$gt: 1, b: 2}}", none, BAD),
    Row("a backreference", "{a: {$regex: '(a)\\\\1'}}", none, BAD),
    Row("a look-ahead", "{a: {$regex: 'a(?=b)'}}", none, BAD),
    Row("an open bracket", "{a: {$regex: '('}}", none, BAD),
    Row(
        "a large repetition",
        "{a: {$regex: 'a{1000000000}'}}",
        none,
        BAD,
    ),
    Row(
        "nested repetitions",
        "{a: {$regex: '((a{1000}){1000}){1000}'}}",
        none,
        BAD,
    ),
    Row("options", "{a: {$regex: 'a', $options: 'q'}}", none, BAD),
    Row("an empty list", "{$or: []}", none, BAD),
    Row("a list that is none", "{a: {$in: 1}}", none, BAD),
    Row("a kind that is none", "{a: {$type: 'money'}}", none, BAD),
    Row("a size below nothing", "{a: {$size: -1}}", none, BAD),
    Row("a path of nothing", "{'a..b': 1}", none, Unmatched),
    Row(
        "a path that is deep",
        "{['a.'.repeat(5000) + 'a']: 1}",
        none,
        Unmatched,
    ),
    Row(
        "nesting",
        "(() => { let c = 1; for (let n = 0; n < 2000; n++) c = {a: c}; return c; })()",
        none,
        Refused("bad-script", "deeper than 64"),
    ),
    Row(
        "nested logic",
        "(() => { let c = {a: 1}; for (let n = 0; n < 2000; n++) c = {$or: [c, c]}; return c; })()",
        none,
        Refused("", ""),
    ),
    Row("a long one", "{a: 'x'.repeat(2e6)}", none, Refused("", "")),
    Row(
        "a list of many",
        "{a: {$in: Array.from({length: 2e5}, (_, n) => n)}}",
        none,
        Refused("", ""),
    ),
    Row(
        "a cycle",
        "(() => { const c = {}; c.a = c; return c; })()",
        none,
        FAILED,
    ),
    Row(
        "a loop",
        "(() => { for (;;); })()",
        none,
        Refused("", "fuel"),
    ),
    Row(
        "a getter that loops",
        "{get a() { for (;;); }}",
        none,
        Refused("", "fuel"),
    ),
    Row(
        "a proxy that loops",
        "new Proxy({}, {ownKeys() { for (;;); }})",
        none,
        Refused("", "fuel"),
    ),
    Row(
        "a throw",
        "(() => { throw new Error('mine'); })()",
        none,
        Refused("bad-script", "mine"),
    ),
    Row(
        "memory",
        "(() => { const a = []; for (;;) a.push(new Uint8Array(1e6)); })()",
        none,
        Refused("", ""),
    ),
    Row("a promise", "Promise.resolve({})", none, Refused("", "")),
    Row("a number", "7", none, Refused("", "")),
    Row("null", "null", none, Refused("", "")),
    Row("a symbol", "Symbol('x')", none, Refused("", "")),
    Row("BigInt", "{a: 1n}", || r#"{"a": 1.0}"#.to_owned(), Runs),
    Row(
        "a call",
        "await fetch('http://127.0.0.1:9/')",
        none,
        Refused("", ""),
    ),
    // Taken, and cheap.
    Row(
        "backtracking",
        "{a: {$regex: '^(a+)+$'}}",
        || json!({"a": "a".repeat(200_000) + "b"}).to_string(),
        Unmatched,
    ),
    Row(
        "alternatives",
        "{a: {$regex: '^(a|a|a)*$'}}",
        || json!({"a": "a".repeat(60_000)}).to_string(),
        Runs,
    ),
    Row(
        "a member of prototypes",
        "{__proto__: null, ['__proto__']: {x: 1}}",
        || r#"{"__proto__": {"x": 1}}"#.to_owned(),
        Runs,
    ),
    Row(
        "a method of objects",
        "{constructor: Object}",
        none,
        Unmatched,
    ),
    Row("toString", "{toString: String}", none, Unmatched),
    Row("an empty name", "{'': 1}", || r#"{"": 1}"#.to_owned(), Runs),
    Row("minus zero", "{a: 0}", || r#"{"a": -0.0}"#.to_owned(), Runs),
    Row(
        "beyond a double",
        "{a: {$gt: 1}}",
        || r#"{"a": 1e400}"#.to_owned(),
        Runs,
    ),
    Row(
        "beyond integers",
        "{a: 9007199254740993}",
        none,
        Refused("bad-script", "2^53"),
    ),
    Row(
        "integers of BigInt",
        "{a: 9007199254740993n}",
        || r#"{"a": 9007199254740992}"#.to_owned(),
        Unmatched,
    ),
    Row(
        "many digits",
        "{a: {$lt: 1}}",
        || format!(r#"{{"a": 0.{}1}}"#, "0".repeat(100_000)),
        Runs,
    ),
    Row(
        "an exponent",
        "{a: {$gt: 1}}",
        || r#"{"a": 1e999999999}"#.to_owned(),
        Runs,
    ),
    Row(
        "a deep body",
        "{a: Array}",
        || format!(r#"{{"a": {}{}}}"#, "[".repeat(62), "]".repeat(62)),
        Runs,
    ),
    Row(
        "many members",
        "{k99999: 1}",
        || {
            let members: Vec<String> = (0..60_000).map(|n| format!(r#""k{n}":1"#)).collect();
            format!("{{{}}}", members.join(","))
        },
        Unmatched,
    ),
    Row(
        "one name many times",
        "{a: 3}",
        || format!("{{{}\"a\":3}}", "\"a\":1,".repeat(100_000)),
        Runs,
    ),
    Row(
        "names with one hash",
        "{zz: 1}",
        || {
            let members: Vec<String> = (0..15_000)
                .map(|n| format!(r#""{}":1"#, "Aa".repeat(n % 40) + &n.to_string()))
                .collect();
            format!("{{{}}}", members.join(","))
        },
        Unmatched,
    ),
    Row(
        "escapes",
        "{a: 'A'}",
        || r#"{"\u0061": "\u0041"}"#.to_owned(),
        Runs,
    ),
    Row(
        "half a pair",
        "{a: String}",
        || r#"{"a": "\ud800"}"#.to_owned(),
        Runs,
    ),
    Row(
        "the origin",
        "{$via: {type: 'cron'}}",
        || r#"{"$via": {"type": "cron"}}"#.to_owned(),
        Unmatched,
    ),
    // Taken, and too costly for this body.
    Row(
        "pairs",
        "{items: {$elemMatch: {$or: Array.from({length: 400}, (_, n) => ({a: n}))}}}",
        || json!({"items": vec![json!({"a": "x"}); 80_000]}).to_string(),
        Error("condition too costly"),
    ),
    Row(
        "nested arrays",
        "{a: {$elemMatch: {$elemMatch: {$or: Array.from({length: 400}, (_, n) => ({b: n}))}}}}",
        || json!({"a": vec![vec![json!({"b": "x"}); 300]; 250]}).to_string(),
        Error("condition too costly"),
    ),
];

fn package(condition: &str) -> Vec<u8> {
    let source = format!(
        "export const condition = {condition};\nexport const content = () => {{ data.said = true; }};"
    );
    let package = json!({"entry": "step.js", "modules": {"step.js": source}});
    package.to_string().into_bytes()
}

async fn row_ends(ground: &Ground, row: &Row) -> Result<(), String> {
    let Row(_, condition, body, becomes) = row;
    let server = &ground.server;
    let limits = "fuel=200000000&timeout_ms=5000&attempts=1";
    let (status, answer) = server.try_step("step", package(condition), limits).await;
    let (state, fault) = match becomes {
        Refused(code, detail) => return super::refused((status, &answer), code, detail),
        Runs => ("done", ""),
        Unmatched => ("unmatched", ""),
        Error(fault) => ("error", *fault),
    };
    if !status.is_success() {
        return Err(format!("{status} {answer}"));
    }
    let (status, answer) = server
        .send(&ground.webhook, "application/json", body())
        .await;
    if !status.is_success() {
        return Err(format!("{status} {answer}"));
    }
    let task = ground.ended(&accepted_task(&answer)).await;
    let said = task.fault.as_deref().unwrap_or_default();
    if task.state.as_str() != state || !said.contains(fault) {
        return Err(format!("{} {said}", task.state));
    }
    if state != "done" && !task.runs.is_empty() {
        return Err("it ran".to_owned());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions() {
    let mut ground = Ground::new().await;
    for row in ROWS {
        ground
            .row(row.0, async |ground: &Ground| row_ends(ground, row).await)
            .await;
        // Each is alone.
        let path = ground.server.path("steps/step");
        ground
            .server
            .api(reqwest::Method::DELETE, &path, None)
            .await;
    }
    ground.over().await;
}
