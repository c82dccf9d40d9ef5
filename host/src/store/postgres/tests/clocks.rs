//! A node whose clock is not the database's.

use super::server::PostgresServer;
use super::skew::Skew;
use super::takeover::{owned, until};
use super::*;
use crate::clock::system_now;
use crate::domain::audit::{AuditEntry, AuditQuery, DONE};
use crate::domain::clock::Millis;
use crate::domain::retention::DAY;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::retention::{purge, task_at};
use crate::store::conformance::samples::{dedup, workspace};
use crate::store::{Cluster as _, Manage, Store, StoreError};

const HOUR: i64 = 3_600_000;

fn an_hour_ahead() -> Millis {
    system_now() + HOUR as Millis
}

fn an_hour_behind() -> Millis {
    system_now() - HOUR as Millis
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_shown_and_takes_no_ids_along() {
    let server = PostgresServer::start();
    let mut nodes = Vec::new();
    for now in [system_now as fn() -> Millis, an_hour_ahead, an_hour_behind] {
        let folder = std::env::temp_dir().join("stepwell-no-files");
        let settings = PostgresSettings {
            now,
            lease: std::time::Duration::from_secs(2),
            drain: std::time::Duration::ZERO,
            ..PostgresSettings::new(&server.url(), folder).unwrap()
        };
        nodes.push(PostgresStore::open(settings).await.unwrap());
    }
    let mut shown = Vec::new();
    for _ in 0..500 {
        shown = nodes[0].nodes().await.unwrap();
        if shown.iter().all(|node| node.clock_ms.is_some()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let ahead: Vec<i64> = shown.iter().filter_map(|node| node.clock_ms).collect();
    assert_eq!(ahead.len(), 3, "{shown:?}");
    for (ahead, expected) in ahead.iter().zip([0, HOUR, -HOUR]) {
        assert!((ahead - expected).abs() < 5_000, "{shown:?}");
    }
    // Each notes with its own time what it does.
    for (place, target) in [(1, "first"), (2, "second"), (0, "third")] {
        let entry = AuditEntry {
            at: (nodes[place].shared.settings.now)(),
            workspace: None,
            who: "ci".into(),
            token: None,
            ip: "192.0.2.7".into(),
            what: "setConfig".into(),
            target: target.into(),
            outcome: DONE.into(),
        };
        nodes[place].record_audit(vec![entry]).await.unwrap();
    }
    let all = AuditQuery {
        limit: 9,
        ..AuditQuery::default()
    };
    let page = nodes[0].audit(&all).await.unwrap();
    let targets: Vec<&str> = page
        .entries
        .iter()
        .map(|(_, it)| it.target.as_str())
        .collect();
    assert_eq!(targets, ["third", "second", "first"]);
    for (id, entry) in &page.entries {
        assert!(id.time().abs_diff(system_now()) < 60_000, "{entry:?}");
        assert!(entry.at < system_now() + 60_000, "{entry:?}");
    }
    for node in nodes {
        node.close().await;
    }
}

#[test]
fn a_clock_is_wrong_only_beyond_the_time_that_the_answer_took() {
    let at = 1_764_000_000_000_u64;
    let measured = |(before, after): (u64, u64)| {
        let mut skew = Skew::default();
        skew.measure((at + before, at + after), at as i64);
        (skew.ms.unwrap(), skew.is_reported)
    };
    assert_eq!(measured((0, 0)), (0, false));
    assert_eq!(measured((5_000, 5_000)), (5_000, false));
    assert_eq!(measured((5_001, 5_001)), (5_001, true));
    // The database may have said so up to 4 s before it was heard.
    assert_eq!(measured((4_000, 8_000)), (6_000, false));
    assert_eq!(measured((6_000, 8_000)), (7_000, true));
    let mut skew = Skew::default();
    for (database, is_reported) in [(at + 9_000, true), (at + 9_000, true), (at, false)] {
        skew.measure((at, at), database as i64);
        assert_eq!(skew.is_reported, is_reported);
    }
}

const AHEAD: Millis = 100 * DAY;

fn far_ahead() -> Millis {
    system_now() + AHEAD
}

/// What is removed is gone for good, and the key of a delivery stands for the same time on each node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_ahead_removes_nothing_and_takes_no_repeat_for_new() {
    let server = PostgresServer::start();
    let mut nodes = Vec::new();
    for now in [system_now as fn() -> Millis, far_ahead] {
        let folder = std::env::temp_dir().join("stepwell-no-files");
        let settings = PostgresSettings {
            now,
            lease: std::time::Duration::from_secs(2),
            drain: std::time::Duration::ZERO,
            ..PostgresSettings::new(&server.url(), folder).unwrap()
        };
        nodes.push(PostgresStore::open(settings).await.unwrap());
    }
    let [right, ahead] = &nodes[..] else {
        unreachable!()
    };
    until("both have a half", || {
        owned(right) == 128 && owned(ahead) == 128
    })
    .await;
    let ws = workspace("acme");
    right
        .manage_now(Manage::AddWorkspace(ws.clone()))
        .await
        .unwrap();
    // It knows of the workspace then.
    ahead.registry_since(0).await.unwrap();
    // A task of each, at a time of the right clock.
    let done = |store: &PostgresStore| {
        let mut task = task_at(&ws, system_now(), TaskState::Done);
        task.head.id = store.ownership().borrow().place(task.head.id).unwrap();
        task
    };
    let mut first = done(right);
    let key = dedup("evt_1", system_now());
    first.dedup = Some(key);
    right.accept_owned(first.clone()).await.unwrap();
    let kept = done(ahead);
    ahead.accept_owned(kept.clone()).await.unwrap();
    assert_eq!(purge(&**ahead, far_ahead()).await, 0);
    assert!(ahead.load(&ws, kept.head.id).await.unwrap().is_some());
    let found = ahead.delivered(&ws, key.key, far_ahead()).await.unwrap();
    assert_eq!(found, Some(first.head.id));
    let mut repeat = done(ahead);
    repeat.dedup = Some(dedup("evt_1", far_ahead()));
    let refused = ahead.accept_owned(repeat).await;
    let is_repeat = matches!(refused, Err(StoreError::Duplicate { task }) if task == first.head.id);
    assert!(is_repeat, "{refused:?}");
    // A key that the one ahead has written has its time on the other one, too.
    let mut second = done(ahead);
    let key = dedup("evt_2", far_ahead());
    second.dedup = Some(key);
    ahead.accept_owned(second.clone()).await.unwrap();
    for (at, expected) in [
        (system_now(), Some(second.head.id)),
        (system_now() + 2 * DAY, None),
    ] {
        let found = right.delivered(&ws, key.key, at).await.unwrap();
        assert_eq!(found, expected);
    }
    for node in nodes {
        node.close().await;
    }
}
