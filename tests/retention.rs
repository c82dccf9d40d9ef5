//! How long finished tasks are kept: set by command, API and manifest, by the real server; and removed by
//! the engine's clock, with the real store.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::project::{Project, marks};
use crate::support::ran::cli;
use crate::support::simulated::{START, Simulated, task, workspace};
use crate::support::{Server, refusal, typed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell::domain::clock::Clock;
use stepwell::domain::ids::TaskId;
use stepwell::domain::retention::DAY;
use stepwell::domain::schedule::{Missed, Schedule};
use stepwell::domain::task::{TaskHead, TaskState};
use stepwell::store::sled::{SledSettings, SledStore};
use stepwell::store::{Manage, Store};
use stepwell_api::Workspace;

async fn retention(server: &Server, workspace: &str) -> Value {
    let path = format!("/workspaces/{workspace}");
    let workspace = server.get::<Workspace>(&path).await;
    serde_json::to_value(workspace.retention).unwrap()
}

#[tokio::test]
async fn a_workspace_says_how_long_its_tasks_are_kept() {
    let mut server = Server::start().await;
    let usual = json!({"done": 30, "others": 90});
    assert_eq!(retention(&server, "default").await, usual);
    let new = json!({"name": "acme", "retention": {"others": "forever"}});
    let (status, answer) = server.api(Method::POST, "/workspaces", Some(new)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let retention_of_new = typed::<Workspace>(&answer).retention;
    assert_eq!(
        serde_json::to_value(retention_of_new).unwrap(),
        json!({"done": 30, "others": "forever"})
    );
    let set = ["workspace", "set", "acme", "--keep-done", "7"];
    let said = cli(&server, &set);
    said.ok();
    assert!(
        said.stderr
            .contains("keeps tasks that are done for 7 days, others at their end for forever"),
        "{said:?}"
    );
    let url = Some(json!({"failure_url": "https://ops.example.com/"}));
    let (status, _) = server.api(Method::PATCH, "/workspaces/acme", url).await;
    assert_eq!(status, StatusCode::OK);
    server.restart().await;
    let kept = json!({"done": 7, "others": "forever"});
    assert_eq!(retention(&server, "acme").await, kept);
    let listed = cli(&server, &["workspace", "list"]).ok().to_owned();
    assert!(
        listed.contains("30 days") && listed.contains("forever"),
        "{listed}"
    );
    for wrong in [json!(0), json!(36_501), json!("30 days"), json!(1.5)] {
        let body = Some(json!({"retention": {"done": wrong}}));
        let (status, answer) = server.api(Method::PATCH, "/workspaces/acme", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(refusal(&answer).detail.contains("forever"), "{answer}");
    }
    let wrong = Some(json!({"retention": {"finished": 1}}));
    let (status, _) = server.api(Method::PATCH, "/workspaces/acme", wrong).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(retention(&server, "acme").await, kept);
}

#[tokio::test]
async fn a_manifest_sets_the_retention() {
    let server = Server::start().await;
    let project = Project::new("");
    let deploy = |lines: &str| {
        let manifest = format!("workspaces:\n  - name: sales\n{lines}    webhooks: []\n");
        project.write("deploy.yaml", manifest);
        project.deploy(&server, &[])
    };
    let line = "    retention: {done: 7, others: forever}\n";
    assert_eq!(marks(&deploy(line)), ["+ workspace sales"]);
    assert_eq!(marks(&deploy(line)), ["= workspace sales"]);
    assert_eq!(marks(&deploy("")), ["= workspace sales"]);
    let kept = json!({"done": 7, "others": "forever"});
    assert_eq!(retention(&server, "sales").await, kept);
    let line = "    retention: {done: 8}\n    failureUrl: https://ops.example.com/\n";
    assert_eq!(marks(&deploy(line)), ["~ workspace sales"]);
    let kept = json!({"done": 8, "others": "forever"});
    assert_eq!(retention(&server, "sales").await, kept);
    let wrong = "workspaces:\n  - name: sales\n    retention: {done: ever}\n";
    project.write("deploy.yaml", wrong);
    let refused = project.deploy(&server, &["--json"]).refusal(2);
    assert!(refused.1.contains("retention.done"), "{refused:?}");
}

#[tokio::test]
async fn a_task_is_kept_and_no_longer() {
    let server = Server::start().await;
    let webhook = server.webhook("Orders").await;
    let task = server.run(&webhook, &json!({"a": 1}), "unmatched").await;
    assert!(!task.kept);
    let id = task.id.as_str();
    for (words, kept) in [
        (&["task", "keep", id][..], true),
        (&["task", "keep", id], true),
        (&["task", "keep", id, "--undo"], false),
    ] {
        cli(&server, words).ok();
        let now = server.task(id).await;
        assert_eq!(now.kept, kept);
        for same in ["state", "updated", "history", "data"] {
            assert_eq!(now.json()[same], task.json()[same], "{same}");
        }
        let shown = cli(&server, &["task", "show", id]).ok().to_owned();
        assert_eq!(shown.contains("kept     for ever"), kept, "{shown}");
    }
    let (status, answer) = server.act(&TaskId::new().to_string(), "keep", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_removes_what_is_old_by_its_clock() {
    let home = tempfile::tempdir().unwrap();
    let world = Simulated::on(home.path(), START, None).await;
    for n in 0..20u8 {
        let id = TaskId::derived(START, [n; 10]);
        world.engine.actions.create(task(id, START)).await.unwrap();
    }
    let ended = |heads: &[TaskHead]| {
        heads
            .iter()
            .all(|head| head.state() == TaskState::Unmatched)
    };
    world.until(|heads| heads.len() == 20 && ended(heads)).await;
    let kept = TaskId::derived(START, [7; 10]);
    let head = world
        .engine
        .actions
        .set_kept(&workspace(), kept, true)
        .await
        .unwrap();
    assert!(head.kept);
    world.clock.advance(89 * DAY);
    let late = TaskId::derived(START + 89 * DAY, [0; 10]);
    world
        .engine
        .actions
        .create(task(late, world.clock.now()))
        .await
        .unwrap();
    world.until(ended).await;
    world.clock.advance(2 * DAY);
    // Removal begins ten minutes after its first look.
    world.until_by(600_000, |heads| heads.len() == 2).await;
    let ids: Vec<TaskId> = world.tasks().await.iter().map(|head| head.id).collect();
    assert_eq!(ids, [late, kept]);
    world
        .engine
        .actions
        .set_kept(&workspace(), kept, false)
        .await
        .unwrap();
    // A shorter retention is that of tasks which have ended already.
    let set = |settings: &mut stepwell::domain::workspace::WorkspaceSettings| {
        settings.retention.others = "1".parse().unwrap();
    };
    world
        .catalog
        .set_workspace(&workspace(), set)
        .await
        .unwrap();
    world.until_by(600_000, <[TaskHead]>::is_empty).await;
    world.end().await;
}

/// A process died after it had made the task of a planned time and before that was settled, and no
/// server ran until the task's time was over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_time_whose_task_is_gone_makes_none_again() {
    let home = tempfile::tempdir().unwrap();
    let schedule = Schedule {
        workspace: workspace(),
        name: "Daily".parse().unwrap(),
        cron: "@daily".into(),
        timezone: "UTC".into(),
        missed: Missed::All,
        data: "{}".into(),
        created: START,
        updated: START,
    };
    let planned = START - START % DAY + DAY;
    let id = schedule.task_id(planned);
    {
        let store = SledStore::open(SledSettings::at(home.path().join("store"))).unwrap();
        let added = Manage::AddWorkspace(workspace());
        let revision = store.manage(added, None, 0).await.unwrap();
        let put = Manage::PutSchedule(schedule.clone());
        store.manage(put, None, revision).await.unwrap();
        let mut made = task(id, planned);
        made.head.standing = TaskState::Unmatched.into();
        let claim = store.ownership().borrow().claim_of(id).unwrap();
        store.accept(claim, made).await.unwrap();
        store.close().await;
    }
    for days in [95, 96] {
        let world = Simulated::on(home.path(), START + days * DAY, None).await;
        world.until(|heads| heads.len() as u64 >= days - 1).await;
        world.settled(&schedule.name).await;
        // All planned times that were missed are asked for, that one with them. Removal begins ten minutes after
        // its first look.
        let is_gone = |heads: &[TaskHead]| heads.iter().all(|head| head.id != id);
        world.until_by(600_000, is_gone).await;
        world.settled(&schedule.name).await;
        assert!(world.store.load(&workspace(), id).await.unwrap().is_none());
        world.end().await;
    }
}
