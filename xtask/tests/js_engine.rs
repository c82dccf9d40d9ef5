//! The committed engine, run under wasmtime with a small host: what a run costs, and that the
//! component's own glue works. The behaviour of JavaScript steps is tested in guest-sdk/js.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../src/bench/mod.rs"]
mod bench;

use serde_json::{Value, json};

use bench::bindings::Failure;
use bench::contact::{CONTACT_FORM, contact};
use bench::{Bench, content};

/// About 100 KB in a few hundred rows.
fn large() -> Value {
    let row = |n| {
        json!({"id": n, "name": format!("Customer {n}"), "email": format!("c{n}@example.com"),
                         "tags": ["a", "b", n], "total": f64::from(n) * 1.5, "open": n % 2 == 0})
    };
    let rows: Vec<Value> = (0..950).map(row).collect();
    let data = json!({"email": "sarah@company.com", "rows": rows, "status": "new"});
    assert!((100_000..120_000).contains(&data.to_string().len()));
    data
}

#[test]
fn what_runs_cost() {
    let bench = Bench::new();
    let ran = bench.run(CONTACT_FORM, contact());
    ran.ended.unwrap().unwrap();
    assert_eq!(ran.host.data["contact"]["fullName"], json!("Sarah Chen"));
    assert_eq!(ran.host.logs.len(), 7);
    let (_, fuel) = bench.cost("contact form", CONTACT_FORM, &contact());
    assert!(fuel < 900_000, "{fuel}");
    bench.cost("nothing", &content(""), &json!({}));
    let (_, fuel) = bench.cost(
        "large, one member read, one written",
        &content("data.status = data.email"),
        &large(),
    );
    assert!(fuel < 5_000_000, "{fuel}");
    bench.cost(
        "large, a row changed",
        &content("data.rows[7].open = null"),
        &large(),
    );
    bench.cost(
        "large, stringified",
        &content("data.n = JSON.stringify(data).length"),
        &large(),
    );
}

#[test]
fn calls_files_and_clocks_reach_the_host() {
    let bench = Bench::new();
    let body = "
        const [a, b] = await Promise.all([connectors.fetch('https://a.example/'), connectors.slackCom.send({x: 1})]);
        data.a = a.body.url; data.b = b; data.up = lib.text.up('x'); data.now = Date.now(); data.random = Math.random();
        data.uuid = crypto.randomUUID();
        await new Promise((done) => setTimeout(done)); try { (function f() { f() })() } catch (e) { data.e = e.name }";
    let runs: Vec<Value> = (0..2)
        .map(|_| {
            let ran = bench.run(&content(body), json!({}));
            ran.ended.unwrap().unwrap();
            ran.host.data
        })
        .collect();
    let data = &runs[0];
    assert_eq!(
        (&data["a"], &data["b"]),
        (
            &json!("https://a.example/"),
            &json!(["slackCom.send", {"x": 1}])
        )
    );
    assert_eq!(
        (&data["up"], &data["e"]),
        (&json!("X"), &json!("RangeError"))
    );
    assert_eq!(data["now"], json!(1_755_000_000_123_u64));
    assert_ne!(
        (&data["random"], &data["uuid"]),
        (&runs[1]["random"], &runs[1]["uuid"])
    );
}

#[test]
fn faults_come_out() {
    let bench = Bench::new();
    let fails = |body: &str| bench.run(&content(body), json!({})).ended;
    assert!(
        matches!(fails("throw new Error('x')"), Ok(Err(Failure::Retry(text))) if text.starts_with("Error: x\n  at step.js:1:"))
    );
    assert!(matches!(fails("task.stop('x')"), Ok(Err(Failure::Stop(_)))));
    let trap = fails("for (;;);").unwrap_err();
    assert_eq!(trap.downcast_ref(), Some(&wasmtime::Trap::OutOfFuel));
    let hoard = fails("const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1))");
    assert!(
        matches!(hoard, Ok(Err(Failure::Retry(text))) if text.starts_with("RangeError: out of memory"))
    );
    let (condition, _) = bench.condition(CONTACT_FORM);
    assert_eq!(
        condition.unwrap(),
        r#"{"$via":{"name":"Contact Form"},"email":{"$type":"string"}}"#
    );
    let (condition, logs) =
        bench.condition("export const condition = 1;\nexport const content = 2");
    assert!(condition.is_err());
    assert_eq!(
        logs,
        ["TypeError: `content` is a number; it must be a function"]
    );
}
