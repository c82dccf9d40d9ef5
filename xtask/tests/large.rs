//! What a step that handles as much data as the server takes by default costs, for data of many
//! shapes: `cargo test --release -p xtask --test large -- --nocapture` prints it. To read, change, forward, hash or
//! clone it costs at most a tenth of the fuel that a step has by default, and to read it much less.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../src/bench/mod.rs"]
mod bench;

use serde_json::{Value, json};

use bench::{Bench, content};

/// A webhook's body may have 1 MiB; `$via` and the names around the shape are beside it.
const BYTES: usize = 1_017_000;
/// A tenth of what a step has by default, for each byte.
const MOST: u64 = 100_000_000 / BYTES as u64;
/// The most units of fuel for each byte that is only read: that the server's text is copied, and looked at once.
const READ: u64 = 40;
/// Shapes of which a byte costs more, if all of it is looked at: an escape is decoded by itself, and `Object.keys`
/// makes a string of each key.
const DEARER: [&str; 3] = ["escapes", "control characters", "an object of many keys"];

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

/// What a step does, and the most units of fuel for each byte of data. What makes every element anew is only printed.
const OPERATIONS: [(&str, Option<u64>, &str); 10] = [
    ("nothing", Some(READ), ""),
    (
        "forwarded",
        Some(READ),
        "await connectors.fetch({url: 'https://a.example/', options: {method: 'POST', body: data}})",
    ),
    (
        "cloned",
        Some(READ),
        "const copy = structuredClone(data); copy.n = 1; data.n = copy.n",
    ),
    (
        "length",
        Some(READ),
        "data.n = data.items.length ?? Object.keys(data.items).length",
    ),
    (
        "hashed",
        Some(MOST),
        "data.n = crypto.createHash('sha256').update(JSON.stringify(data)).digest('hex')",
    ),
    ("spread", Some(READ), "data = {...data, n: 1}"),
    ("copied", None, "data.copy = data.items"),
    (
        "parsed",
        None,
        "data.n = typeof JSON.parse(JSON.stringify(data.items))",
    ),
    (
        "changed",
        Some(MOST),
        "if (Array.isArray(data.items)) data.items[0] = 'x'; else data.items = 'x'",
    ),
    (
        "changed and forwarded",
        None,
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
        let is_dearer = DEARER.contains(&shape);
        for (operation, most, body) in OPERATIONS {
            let most = most.map_or(u64::MAX, |most| if is_dearer { MOST } else { most });
            let ran = bench.run(&content(body), data.clone());
            let ended = match &ran.ended {
                Ok(Ok(())) => String::new(),
                Ok(Err(failure)) => format!("{failure:?}"),
                Err(error) => format!("{error:#}"),
            };
            let each = ran.fuel / data.to_string().len() as u64;
            println!(
                "{shape}, {operation}: {:.1} M fuel, {each} a byte, {:?} {}",
                ran.fuel as f64 / 1e6,
                ran.took,
                ended.chars().take(200).collect::<String>()
            );
            if each > most || !ended.is_empty() {
                over.push(format!("{shape}, {operation}: {each} a byte {ended}"));
            }
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}
