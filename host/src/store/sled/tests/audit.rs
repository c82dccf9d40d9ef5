//! Ids of the audit log over a restart.

use super::*;
use crate::domain::audit::{AuditEntry, AuditId, AuditQuery, DONE};
use crate::domain::clock::Millis;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::Manage;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::workspace;

const AT: Millis = 1_764_000_000_000;

fn entry(of: Option<&str>, at: Millis, target: &str) -> AuditEntry {
    AuditEntry {
        at,
        workspace: of.map(workspace),
        who: "ci".into(),
        token: None,
        ip: "192.0.2.7".into(),
        what: "setConfig".into(),
        target: target.into(),
        outcome: DONE.into(),
    }
}

/// All entries, read in pages of this length: their ids and targets.
async fn paged(store: &SledStore, limit: usize) -> Vec<(AuditId, String)> {
    let mut query = AuditQuery {
        limit,
        ..AuditQuery::default()
    };
    let mut all = Vec::new();
    loop {
        let page = store.audit(&query).await.unwrap();
        all.extend(
            page.entries
                .into_iter()
                .map(|(id, entry)| (id, entry.target)),
        );
        match page.next {
            Some(next) => query.before = Some(next),
            None => return all,
        }
    }
}

async fn make(store: &SledStore) {
    for name in ["a", "b"] {
        let new = Manage::NewWorkspace(workspace(name), WorkspaceSettings::default());
        store.manage_now(new).await.unwrap();
    }
}

#[tokio::test]
async fn no_page_ends_between_two_entries_with_one_id() {
    let directory = scratch();
    let store = SledStore::open(small(directory.path())).unwrap();
    make(&store).await;
    for number in 0..4 {
        let written = entry(Some("a"), AT + number, &format!("a{number}"));
        store.record_audit(vec![written]).await.unwrap();
    }
    // The same entries in another log, as a server of before could write them after a start.
    let (from, to) = [Some("a"), Some("b")]
        .map(|name| keys::audit(name.map(workspace).as_ref(), 1))
        .into();
    let copied = store.shared.with_disk(|disk| {
        for found in disk.db.scan_prefix(&from) {
            let (key, value) = found.map_err(failure::from_sled)?;
            let value = checked::open(&key, &value)?.to_vec();
            let key = [&to[..], &key[from.len()..]].concat();
            let value = checked::seal(&key, &value);
            disk.db.insert(key, value).map_err(failure::from_sled)?;
        }
        Ok(())
    });
    copied.unwrap();
    let whole = paged(&store, 100).await;
    assert_eq!(whole.len(), 8);
    for limit in 1..8 {
        assert_eq!(paged(&store, limit).await, whole, "{limit}");
    }
    store.close().await;
}

#[tokio::test]
async fn ids_go_on_over_all_logs_after_a_start() {
    let directory = scratch();
    let settings = || small(directory.path());
    let store = SledStore::open(settings()).unwrap();
    make(&store).await;
    // The clock was ahead, and is right by now.
    let ahead = entry(Some("a"), AT + 3_600_000, "ahead");
    store.record_audit(vec![ahead]).await.unwrap();
    store.close().await;
    let store = SledStore::open(settings()).unwrap();
    for (of, target) in [(Some("b"), "b"), (None, "server"), (Some("a"), "a")] {
        store
            .record_audit(vec![entry(of, AT, target)])
            .await
            .unwrap();
    }
    let targets: Vec<String> = paged(&store, 2)
        .await
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    assert_eq!(targets, ["a", "server", "b", "ahead"]);
    store.close().await;
}
