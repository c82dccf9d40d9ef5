//! How a run fails, and what its author is told.

#![allow(missing_docs)]

use crate::common::{content, step};
use serde_json::json;

#[test]
fn an_exception_shows_its_line() {
    let source = "export const condition = {};\n\nfunction read(order) {\n  return order.customer.name;\n}\n\n\
                  export const content = async () => {\n  data.name = read(data.order);\n};\n";
    let text = step(source)
        .named("orders.js")
        .data(json!({"order": {}}))
        .run()
        .retry();
    assert_eq!(
        text,
        "TypeError: cannot read property 'name' of undefined\n  at orders.js:4:10\n  4 |   return order.customer.name;\n    \
         |          ^\n  at content (orders.js:8:20)"
    );
}

#[test]
fn the_engines_own_frames_are_hidden() {
    let text = content("task.question('x')").run().retry();
    assert_eq!(
        text,
        "Error: task.question is not available in this version\n  at step.js:3:6\n  3 | task.question('x')\n    |      ^"
    );
}

#[test]
fn columns_count_characters() {
    let text = content("const é = '🚨é'; null.x").run().retry();
    let lines: Vec<&str> = text.lines().collect();
    let column = |line: &str| line.chars().count();
    assert_eq!(lines[2], "  3 | const é = '🚨é'; null.x");
    assert_eq!(
        column(lines[3]),
        column("    | const é = '🚨é'; null.x"),
        "{text}"
    );
}

#[test]
fn windows_lines_count_as_lines() {
    let source =
        "export const condition = {};\r\nexport const content = () => {\r\n  nope();\r\n};\r\n";
    let text = step(source).run().retry();
    assert_eq!(
        text,
        "ReferenceError: nope is not defined\n  at step.js:3:3\n  3 |   nope();\n    |   ^"
    );
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let source = format!(
        "export const condition={{}};export const content=()=>{{{}nope();{}}}",
        ";".repeat(5000),
        ";".repeat(5000)
    );
    let text = step(&source).run().retry();
    assert!(text.len() < 400 && text.contains(";nope();"), "{text}");
}

#[test]
fn final_errors_stop() {
    for body in [
        "task.stop('enough')",
        "step.stop('enough')",
        "const error = new Error('enough'); error.final = true; throw error",
        "await task.stop(new Error('enough'))",
    ] {
        let text = content(body).run().stop();
        assert!(text.starts_with("Error: enough\n  at step.js:3:"), "{text}");
    }
}

#[test]
fn anything_can_be_thrown() {
    for (thrown, text) in [
        ("'text'", "text"),
        ("undefined", "undefined"),
        ("12", "12"),
        ("null", "RangeError: out of memory (or `null` was thrown)"),
        ("{message: 'm', name: 'N'}", "N: m"),
        ("{}", "an object was thrown that is no Error"),
        (
            "{get message() { throw 1 }}",
            "an object was thrown that is no Error",
        ),
        ("Symbol('s')", "a symbol"),
        (
            "new Proxy({}, {get() { throw 1 }})",
            "an object was thrown that is no Error",
        ),
        ("new Error('')", "Error"),
    ] {
        let retry = content(&format!("throw {thrown}")).run().retry();
        assert_eq!(retry.lines().next(), Some(text), "{thrown}");
    }
    let text = content("throw new Error('outer', { cause: new TypeError('inner') })")
        .run()
        .retry();
    assert!(text.ends_with("\n  because of TypeError: inner"), "{text}");
}

#[test]
fn the_top_level_may_throw_and_await() {
    let text = step(
        "export const condition = {};\nexport const content = () => {};\nthrow new Error('top')",
    )
    .run()
    .retry();
    assert!(text.starts_with("Error: top\n  at step.js:3:"), "{text}");
    let source = "const { body } = await connectors.fetch('https://a.example/');\n\
                  export const condition = {}; export const content = () => { data.b = body }";
    assert_eq!(step(source).run().data(), json!({"b": "ok"}));
}

#[test]
fn no_content_is_a_clear_fault() {
    let text = step("export const condition = {}").run().stop();
    assert_eq!(
        text,
        "the step exports no function `content`; it is undefined"
    );
}

#[test]
fn a_promise_that_never_settles() {
    let text = content("await new Promise(() => {})").run().stop();
    assert_eq!(
        text,
        "the step's promise never settles: it awaits something that nobody will resolve"
    );
}

#[test]
fn a_rejection_nobody_handles_is_told() {
    let ran =
        content("Promise.reject(new Error('lost')); connectors.slackCom.send({}); data.a = 1")
            .answer(stepwell_js::Outcome::Failed {
                code: "refused",
                text: "not today".into(),
            })
            .run();
    let printed = ran.printed();
    assert_eq!(ran.data(), json!({"a": 1}));
    assert!(
        printed[0]
            .starts_with("Error: a rejected promise was not awaited: Error: lost\n  at step.js:3:"),
        "{printed:?}"
    );
    assert!(
        printed[1].contains("not awaited: ConnectorError: not today"),
        "{printed:?}"
    );
    let handled =
        content("const p = Promise.reject(new Error('x')); await null; try { await p } catch {}")
            .run();
    assert_eq!(handled.printed(), [""; 0]);
}

#[test]
fn limits_are_range_errors() {
    let ran =
        content("const f = () => f() + 1; try { f() } catch (e) { console.log(e.name) } f()").run();
    assert!(
        ran.retry()
            .starts_with("RangeError: Maximum call stack size exceeded\n")
    );
    assert_eq!(ran.logs(), ["RangeError"]);
    let text = content("const a = []; for (;;) a.push(new Array(100000).fill(a.length))")
        .run()
        .retry();
    assert!(text.starts_with("RangeError: out of memory"), "{text}");
}
