//! Schedules on the real server: they fire, once for each planned time however often the process is
//! killed, follow their policy for what was missed, and are deployed from a manifest.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::project::{Project, marks};
use crate::support::{PATIENCE, Server, refusal, texts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Missed, PutChange, Schedule, Schedules};

/// A step for what a schedule makes.
const STEP: &str = "export const condition = {$via: {type: 'cron'}};
export const content = async () => { data.seen = data.list; };
";

async fn add_step(server: &Server) {
    let package = json!({"entry": "cron.js", "modules": {"cron.js": STEP}});
    let (status, answer) = server
        .try_step("cron", package.to_string().into_bytes(), "")
        .await;
    assert!(status.is_success(), "{answer}");
}

async fn put(server: &Server, name: &str, body: Value) -> (StatusCode, Value) {
    let path = server.path(&format!("schedules/{name}"));
    server.api(Method::PUT, &path, Some(body)).await
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Every task by its schedule and planned time.
async fn fired(server: &Server) -> BTreeMap<String, Vec<u64>> {
    let mut fired = BTreeMap::<String, Vec<u64>>::new();
    let mut query = "limit=500".to_owned();
    loop {
        let page = server.tasks(&query).await;
        for head in &page {
            let task = server.task(&head.id).await;
            let via = &task.data["$via"];
            assert_eq!(via["type"], "cron", "{task:#}");
            let name = via["name"].as_str().unwrap().to_owned();
            let times = fired.entry(name).or_default();
            times.push(via["scheduled"].as_u64().unwrap());
        }
        match page.last() {
            Some(last) if page.len() == 500 => {
                query = format!("limit=500&before={}", last.id);
            }
            _ => break,
        }
    }
    for times in fired.values_mut() {
        times.sort_unstable();
    }
    fired
}

/// Waits until each of the schedules has fired for a time after `after`.
async fn all_fired_after(
    server: &Server,
    names: &[&str],
    after: u64,
) -> BTreeMap<String, Vec<u64>> {
    let until = Instant::now() + PATIENCE;
    loop {
        let fired = fired(server).await;
        let is_past = |name: &&str| {
            let times = fired.get(*name);
            times.is_some_and(|times| times.last().is_some_and(|last| *last > after))
        };
        if names.iter().all(is_past) {
            return fired;
        }
        assert!(Instant::now() < until, "after {after}: {fired:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_schedule_makes_tasks_that_steps_match() {
    let server = Server::start().await;
    add_step(&server).await;
    let data = r#"{"list":"weekly"}"#;
    let words = [
        "schedule",
        "add",
        "Every second",
        "*/1 * * * * *",
        "--timezone",
        "Europe/Berlin",
        "--data",
        data,
    ];
    let put = || server.cli_json::<Schedule>(&words).change;
    assert_eq!(
        (put(), put()),
        (Some(PutChange::Added), Some(PutChange::Same))
    );
    let start = now();
    let times = all_fired_after(&server, &["Every second"], start + 1_000).await;
    let times = &times["Every second"];
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] > pair[0] && pair[1] % 1_000 == 0),
        "{times:?}"
    );
    let newest = server.tasks("limit=1").await.remove(0);
    let task = server.wait(&newest.id, "done").await;
    assert_eq!(task.data["seen"], "weekly");
    let via = &task.data["$via"];
    assert_eq!(via["name"], "Every second");
    assert!(
        via["received"].as_u64() >= via["scheduled"].as_u64(),
        "{via}"
    );

    let listed = server.cli(&["schedule", "list"]);
    let (out, err) = texts(&listed);
    assert!(
        out.contains("Every second") && out.contains("Europe/Berlin"),
        "{out}{err}"
    );
    let (out, _) = texts(&server.cli(&["schedule", "show", "Every second"]));
    assert!(
        out.contains(r#"{"list":"weekly"}"#) && out.contains("next      20"),
        "{out}"
    );
    let deleted = server.cli(&["schedule", "delete", "Every second"]);
    assert!(deleted.status.success(), "{}", texts(&deleted).1);
    let gone = server.cli(&["schedule", "show", "Every second"]);
    assert_eq!(gone.status.code(), Some(3));
}

/// The policies for missed times are tested by a simulated clock in `schedule_deaths.rs`.
#[tokio::test]
async fn kills_of_the_process_make_nothing_twice() {
    let mut server = Server::start().await;
    add_step(&server).await;
    let body = json!({"cron": "* * * * * *", "missed": "all"});
    let (status, answer) = put(&server, "all", body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let mut times = Vec::new();
    for _ in 0..4 {
        times = all_fired_after(&server, &["all"], now()).await["all"].clone();
        server.restart().await;
    }
    assert!(
        times.windows(2).all(|pair| pair[1] == pair[0] + 1_000),
        "a time is lost or has two tasks: {times:?}"
    );
    server.settled().await;
    server.is_well().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_a_reason() {
    let server = Server::start().await;
    for (body, field, hint) in [
        (
            json!({"cron": "0 25 * * *"}),
            "cron",
            "the field hour of the cron line is `25`",
        ),
        (json!({"cron": "0 0 30 2 *"}), "cron", "can never fire"),
        (
            json!({"cron": "@daily", "timezone": "Europe/Berlim"}),
            "timezone",
            "did you mean `Europe/Berlin`?",
        ),
        (
            json!({"cron": "@daily", "data": {"$via": 1}}),
            "data",
            "`$via`",
        ),
    ] {
        let (status, problem) = put(&server, "wrong", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(refusal(&problem).code, "bad-schedule");
        assert_eq!(refusal(&problem).field.as_deref(), Some(field));
        assert!(refusal(&problem).detail.contains(hint), "{problem}");
    }
    for body in [
        json!({}),
        json!({"cron": "@daily", "data": []}),
        json!({"cron": "@daily", "missed": "none"}),
    ] {
        let (status, problem) = put(&server, "wrong", body).await;
        assert_eq!(
            (status, refusal(&problem).code.as_str()),
            (StatusCode::BAD_REQUEST, "bad-body")
        );
    }
    let (_, list) = server
        .api(Method::GET, &server.path("schedules"), None)
        .await;
    assert_eq!(list, json!({"schedules": []}));
    let refused = server.cli(&["schedule", "add", "x", "0 8 * *"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        texts(&refused).1.contains("has 4 fields"),
        "{}",
        texts(&refused).1
    );
    let refused = server.cli(&["schedule", "add", "x", "@daily", "--data", "[1]"]);
    assert_eq!(refused.status.code(), Some(2));
    let (status, _) = server
        .api(Method::DELETE, &server.path("schedules/x"), None)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

const MANIFEST: &str = "
workspaces:
  - name: sales
    schedules:
      - name: Morning report
        cron: 0 8 * * 1-5
        timezone: Europe/Berlin
        missed: once
        data: {list: weekly}
      - name: nightly
        cron: '@daily'
";

#[tokio::test]
async fn a_manifest_brings_schedules() {
    let server = Server::start().await;
    let project = Project::new(MANIFEST);
    let path = "/workspaces/sales/schedules";
    let first = project.deploy(&server, &[]);
    first.ok();
    let created = [
        "+ workspace sales",
        "+ schedule Morning report",
        "+ schedule nightly",
    ];
    assert_eq!(marks(&first), created);
    let before = server.get::<Schedules>(path).await;
    let report = &before.schedules[0];
    assert_eq!(report.missed, Missed::Once);
    let data = serde_json::to_value(&report.data).unwrap();
    assert_eq!(data, json!({"list": "weekly"}));

    let changed = MANIFEST.replace("0 8 * *", "0 9 * *");
    let (changed, _) = changed.split_once("      - name: nightly").unwrap();
    project.write("deploy.yaml", changed);
    let foretold = [
        "= workspace sales",
        "~ schedule Morning report",
        "- schedule nightly",
    ];
    let dry = project.deploy(&server, &["--dry-run", "--prune"]);
    dry.ok();
    assert_eq!(marks(&dry), foretold);
    assert_eq!(server.get::<Schedules>(path).await, before);
    let ran = project.deploy(&server, &["--prune"]);
    ran.ok();
    assert_eq!(marks(&ran), foretold);
    let again = project.deploy(&server, &[]);
    again.ok();
    assert_eq!(
        marks(&again),
        ["= workspace sales", "= schedule Morning report"]
    );
    let after = server.get::<Schedules>(path).await;
    let [left] = &after.schedules[..] else {
        panic!("{after:#}");
    };
    assert_eq!(
        (left.cron.as_str(), &left.created),
        ("0 9 * * 1-5", &report.created)
    );

    project.write(
        "deploy.yaml",
        MANIFEST
            .replace("Berlin", "Berlim")
            .replace("@daily", "0 0 30 2 *"),
    );
    let refused = project.deploy(&server, &[]);
    for place in [
        "7:19: workspaces[0].schedules[0].timezone",
        "11:15: workspaces[0].schedules[1].cron",
    ] {
        assert!(refused.stderr.contains(place), "{}", refused.stderr);
    }
}
