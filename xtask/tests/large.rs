//! What a step that handles as much data as the server takes by default costs, for data of many
//! shapes: `cargo test --release -p xtask --test large -- --nocapture` prints it. To read, change, forward, hash or
//! clone it costs at most a tenth of the fuel that a step has by default.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../src/bench/mod.rs"]
mod bench;

use serde_json::{Value, json};

use bench::{Bench, content};

/// A webhook's body may have 1 MiB; `$via` and the names around the shape are beside it.
const BYTES: usize = 1_017_000;
/// A tenth of what a step has by default.
const MOST: u64 = 100_000_000;

/// An array of so many of these elements that it has [`BYTES`].
fn array(mut element: impl FnMut(usize) -> String) -> String {
    let mut text = String::from("[");
    for n in 0.. {
        let next = element(n);
        if text.len() + next.len() + 2 > BYTES {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&next);
    }
    text.push(']');
    text
}

fn shapes() -> Vec<(&'static str, String)> {
    let keys = |n: usize| format!("\"key{n}\":{n}");
    let object = array(keys);
    let object = format!("{{{}}}", &object[1..object.len() - 1]);
    vec![
        (
            "rows",
            array(|n| {
                format!(
                    r#"{{"id":{n},"name":"Customer {n}","email":"c{n}@example.com","tags":["a","b"],"total":{}.5,"open":true}}"#,
                    n % 1000
                )
            }),
        ),
        (
            "small objects",
            array(|n| format!(r#"{{"id":{n},"s":"ab"}}"#)),
        ),
        (
            "smallest objects",
            array(|n| format!(r#"{{"a":{}}}"#, n % 10)),
        ),
        ("empty objects", array(|_| "{}".to_owned())),
        ("numbers", array(|_| "0".to_owned())),
        ("decimals", array(|n| format!("{n}.25"))),
        ("long integers", array(|n| format!("90071992547{n}"))),
        ("empty strings", array(|_| "\"\"".to_owned())),
        ("short strings", array(|n| format!("\"{n}\""))),
        ("empty arrays", array(|_| "[]".to_owned())),
        ("arrays of one", array(|_| "[0]".to_owned())),
        ("pairs of arrays", array(|_| "[[0],[0]]".to_owned())),
        (
            "nested arrays",
            array(|_| format!("{}{}", "[".repeat(60), "]".repeat(60))),
        ),
        (
            "nested objects",
            array(|_| format!("{}0{}", "{\"a\":".repeat(60), "}".repeat(60))),
        ),
        ("an object of many keys", object),
        ("one long string", format!("\"{}\"", "x".repeat(BYTES - 2))),
        (
            "one long string of umlauts",
            format!("\"{}\"", "\u{e4}".repeat(BYTES / 2 - 1)),
        ),
        (
            "escapes",
            format!("\"{}\"", "\\\"\\n".repeat(BYTES / 4 - 1)),
        ),
        (
            "control characters",
            format!("\"{}\"", "\\u0001".repeat(BYTES / 6 - 1)),
        ),
        (
            "emoji",
            format!("\"{}\"", "\u{1f600}".repeat(BYTES / 4 - 1)),
        ),
        ("booleans", array(|n| (n % 2 == 0).to_string())),
    ]
}

/// What a step does, and whether its cost is bounded. What writes every element anew is only printed.
const OPERATIONS: [(&str, bool, &str); 9] = [
    ("nothing", true, ""),
    (
        "forwarded",
        true,
        "await connectors.fetch({url: 'https://a.example/', options: {method: 'POST', body: data}})",
    ),
    (
        "cloned",
        true,
        "const copy = structuredClone(data); copy.n = 1; data.n = copy.n",
    ),
    (
        "length",
        true,
        "data.n = data.items.length ?? Object.keys(data.items).length",
    ),
    (
        "hashed",
        true,
        "data.n = crypto.createHash('sha256').update(JSON.stringify(data)).digest('hex')",
    ),
    ("spread", true, "data = {...data, n: 1}"),
    ("copied", false, "data.copy = data.items"),
    (
        "changed",
        true,
        "if (Array.isArray(data.items)) data.items[0] = 'x'; else data.items = 'x'",
    ),
    (
        "changed and forwarded",
        false,
        "if (Array.isArray(data.items)) data.items.push('x'); else data.items = data.items + 'x';
         await connectors.fetch({url: 'https://a.example/', options: {method: 'POST', body: data}})",
    ),
];

#[test]
fn what_the_server_takes_a_step_can_pass_on() {
    let mut bench = Bench::new();
    bench.fuel = 20_000_000_000;
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut over = Vec::new();
    for (shape, text) in shapes() {
        if !shape.contains(&only) {
            continue;
        }
        let items: Value = serde_json::from_str(&text).unwrap();
        let data = json!({"$via": {"type": "webhook", "name": "x"}, "id": 7, "items": items});
        for (operation, is_bounded, body) in OPERATIONS {
            let ran = bench.run(&content(body), data.clone());
            let ended = match &ran.ended {
                Ok(Ok(())) => String::new(),
                Ok(Err(failure)) => format!("{failure:?}"),
                Err(error) => format!("{error:#}"),
            };
            println!(
                "{shape}, {operation}: {:.1} M fuel, {:?} {}",
                ran.fuel as f64 / 1e6,
                ran.took,
                ended.chars().take(200).collect::<String>()
            );
            if (is_bounded && ran.fuel > MOST) || !ended.is_empty() {
                over.push(format!("{shape}, {operation}: {} {ended}", ran.fuel));
            }
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}
