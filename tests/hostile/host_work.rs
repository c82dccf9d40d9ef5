//! Steps that compute little and have the host work much: what the host does for a guest is paid for with the
//! guest's fuel, so that a loop of calls ends as a loop of instructions does.

use serde_json::{Value, json};
use stepwell_api::Outcome;

use crate::support::{Server, guest};

/// Far more calls than the default fuel pays for; each alone would go on until the deadline.
const ENDLESS: u64 = 1_000_000_000_000;

/// How a guest calls, and the data that make each call long.
fn rows() -> Vec<(&'static str, Value)> {
    let long = json!({"text": "x".repeat(900_000)});
    let list = json!({"list": vec![0; 400_000]});
    vec![
        ("read", long),
        ("write", json!({})),
        ("remove", list),
        ("log", json!({})),
        ("print", json!({})),
        ("config", json!({})),
        ("tags", json!({})),
        ("grow", json!({})),
    ]
}

#[tokio::test]
async fn a_loop_of_calls_ends_by_fuel() {
    let server = Server::start().await;
    server.config("KEY", &"x".repeat(60_000)).await;
    let webhook = server.webhook("w").await;
    // A tenth of the default: this server is compiled without optimisation, and its work takes longer.
    let query = "fuel=100000000&timeout_ms=60000";
    server
        .step_with("host-calls", &guest("host-calls"), query)
        .await;
    for (how, mut body) in rows() {
        body["how"] = json!(how);
        body["times"] = json!(ENDLESS);
        let task = server.run(&webhook, &body, "error").await;
        assert_eq!(task.runs.len(), 1, "{how}: {:?}", task.fault);
        let run = &task.runs[0];
        assert_eq!(run.outcome, Outcome::Fuel, "{how}: {run:#?}");
        // Instructions and calls together: the last call may be begun when there is little left.
        assert!(
            (100_000_000..102_000_000).contains(&run.fuel),
            "{how}: {}",
            run.fuel
        );
    }
    server.is_well().await;
}

/// The same run costs the same each time, and more bytes cost more.
#[tokio::test]
async fn what_the_host_does_is_part_of_a_runs_fuel() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    server.step("host-calls").await;
    let mut fuel = Vec::new();
    for (how, text) in [
        ("read", 1_000),
        ("read", 1_000),
        ("read", 101_000),
        ("write", 1_000),
    ] {
        let body = json!({"how": how, "times": 100, "text": "x".repeat(text)});
        let task = server.run(&webhook, &body, "done").await;
        fuel.push(task.runs[0].fuel);
    }
    assert_eq!(fuel[0], fuel[1]);
    // 100,000 bytes more, a hundred times; the guest's own copies cost as well.
    assert!(fuel[2] >= fuel[0] + 10_000_000, "{fuel:?}");
    assert!(fuel[3] >= 30_000, "{fuel:?}");
}

/// Work that a call of WASI cannot refuse counts all the same, also for a run that returns before it is told.
#[tokio::test]
async fn random_bytes_are_paid_for() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let source = "export const condition = {times: Number};
        export const content = () => {
          const bytes = new Uint8Array(65536);
          for (let n = 0; n < data.times; n++) crypto.getRandomValues(bytes);
        };";
    server.script("random", source).await;
    let mut fuel = Vec::new();
    for times in [1, 101] {
        let task = server.run(&webhook, &json!({"times": times}), "done").await;
        fuel.push(task.runs[0].fuel);
    }
    assert!(fuel[1] >= fuel[0] + 100 * 65_536, "{fuel:?}");
}
