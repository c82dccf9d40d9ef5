//! A component of Rust that misuses the SDK and its standard library (`tests/guests/misuse`). Each row: in which way,
//! and how its run ends.

use serde_json::json;

use super::Ends::Fault;
use super::{Ends, Ground};
use crate::support::guest;

pub(super) struct Row(&'static str, Ends);

const FUEL: Ends = Fault("fuel", "out of fuel");

pub(super) const ROWS: &[Row] = &[
    Row("index", Fault("trap", "index out of bounds")),
    Row("slice", Fault("trap", "")),
    Row("none", Fault("trap", "`None` value")),
    Row("divide", Fault("trap", "divide by zero")),
    Row("capacity", Fault("memory", "8388608")),
    Row("leak", Fault("memory", "8388608")),
    Row("churn", FUEL),
    Row("abort", Fault("trap", "")),
    Row("thread", Fault("trap", "")),
    Row("sleep", Fault("deadline", "")),
    Row("instant", FUEL),
    Row("system-time", FUEL),
    Row("stdout", FUEL),
    Row("environment", FUEL),
    Row("files", FUEL),
    Row("hash-seeds", FUEL),
    Row("poll-nothing", Fault("trap", "never comes")),
    Row("no-json", Fault("stop", "not JSON")),
    Row("two-values", Fault("stop", "not JSON")),
    Row("no-pointer", Fault("stop", "")),
    Row("half-pair", Fault("stop", "not JSON")),
    Row("deep", Fault("stop", "")),
    Row("far", Fault("stop", "")),
    Row("no-object", Fault("stop", "")),
    Row("remove-all", Fault("stop", "")),
    Row("via", Fault("stop", "$via")),
    Row("park", Fault("stop", "")),
    Row("name", Fault("stop", "")),
    Row("tags", Fault("stop", "")),
    Row("subtasks", Fault("stop", "")),
    Row("connector", Fault("stop", "none")),
    Row("drop", FUEL),
    Row("panic-in-drop", Fault("trap", "first")),
];

#[tokio::test(flavor = "multi_thread")]
async fn steps() {
    let component = std::fs::read(guest("misuse")).unwrap();
    let mut ground = Ground::new().await;
    let limits = "fuel=60000000&timeout_ms=2000&attempts=1&memory=8388608";
    for Row(how, ends) in ROWS {
        let body = json!({"how": how, "list": [1, 2]});
        let component = component.clone();
        let row = async |ground: &Ground| ground.step_ends(component, limits, &body, ends).await;
        ground.row(how, row).await;
    }
    ground.over().await;
}
