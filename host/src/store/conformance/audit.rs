//! Checks of the audit log.

use super::owned::Owned;
use super::samples::workspace;
use super::subject::Shaken;
use crate::domain::audit::{AuditEntry, AuditPage, AuditQuery, DONE};
use crate::domain::clock::Millis;
use crate::domain::limits;
use crate::domain::retention::DAY;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, Store, StoreError};

const AT: Millis = 1_764_000_000_000;

fn entry(of: Option<&str>, at: Millis, target: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        at,
        workspace: of.map(workspace),
        who: "ci".into(),
        token: Some("t1".into()),
        ip: "192.0.2.7".into(),
        what: "setConfig".into(),
        target: target.into(),
        outcome: outcome.into(),
    }
}

fn all(limit: usize) -> AuditQuery {
    AuditQuery {
        limit,
        ..AuditQuery::default()
    }
}

fn of(name: &str, limit: usize) -> AuditQuery {
    AuditQuery {
        workspace: Some(workspace(name)),
        ..all(limit)
    }
}

fn targets(page: &AuditPage) -> Vec<&str> {
    let entries = page.entries.iter();
    entries.map(|(_, entry)| entry.target.as_str()).collect()
}

async fn workspaces(store: &dyn Store) {
    for name in ["a", "a-b"] {
        let new = Manage::NewWorkspace(workspace(name), WorkspaceSettings::default());
        store.manage_now(new).await.unwrap();
    }
}

pub(super) async fn an_entry_is_there_with_its_change_or_not_at_all(mut store: Shaken<'_>) {
    workspaces(store.get().await).await;
    let revision = store.get().await.registry().await.unwrap().revision;
    let change = Manage::SetConfig(workspace("a"), "K".parse().unwrap(), vec![1]);
    let written = entry(Some("a"), AT, "config/K", DONE);
    for (expected, fits) in [(revision + 1, false), (revision, true)] {
        let store = store.get().await;
        let done = store.manage(change.clone(), Some(written.clone()), expected);
        assert_eq!(done.await.is_ok(), fits);
        let page = store.audit(&of("a", 9)).await.unwrap();
        assert_eq!(page.entries.len(), usize::from(fits));
    }
    // What is taken leaves no entry either.
    let taken = Manage::NewWorkspace(workspace("a"), WorkspaceSettings::default());
    let refused = store
        .get()
        .await
        .manage(taken, Some(written.clone()), revision + 1);
    assert!(matches!(refused.await, Err(StoreError::Taken { .. })));
    let page = store.get().await.audit(&of("a", 9)).await.unwrap();
    let found: Vec<&AuditEntry> = page.entries.iter().map(|(_, entry)| entry).collect();
    assert_eq!((found, page.next), (vec![&written], None));
}

pub(super) async fn entries_are_paged_newest_first_and_found_by_what_they_say(
    mut store: Shaken<'_>,
) {
    workspaces(store.get().await).await;
    let entries = vec![
        entry(Some("a"), AT, "config/K", DONE),
        entry(None, AT + 1, "workspaces/a", DONE),
        entry(Some("a-b"), AT + 2, "steps/s", "forbidden"),
        AuditEntry {
            who: "admin".into(),
            token: None,
            what: "cancelTask".into(),
            ..entry(Some("a"), AT + 2, "tasks/1", DONE)
        },
    ];
    store.get().await.record_audit(entries).await.unwrap();
    let late = vec![entry(Some("a"), AT + 3, "config/L", "exists")];
    store.get().await.record_audit(late).await.unwrap();
    let wanted = ["config/L", "tasks/1", "steps/s", "workspaces/a", "config/K"];
    let page = store.get().await.audit(&all(9)).await.unwrap();
    assert_eq!((targets(&page), page.next), (wanted.to_vec(), None));
    for limit in 1..=5 {
        let (mut found, mut query) = (Vec::new(), all(limit));
        loop {
            let page = store.get().await.audit(&query).await.unwrap();
            assert!(page.entries.len() <= limit);
            found.extend(targets(&page).into_iter().map(str::to_owned));
            query.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(found, wanted, "{limit}");
    }
    let text = |text: &str| Some(text.to_owned());
    for (query, wanted) in [
        (of("a", 9), vec!["config/L", "tasks/1", "config/K"]),
        (of("a-b", 9), vec!["steps/s"]),
        (of("never", 9), vec![]),
        (
            AuditQuery {
                who: text("admin"),
                ..all(9)
            },
            vec!["tasks/1"],
        ),
        (
            AuditQuery {
                who: text("t1"),
                ..of("a", 9)
            },
            vec!["config/L", "config/K"],
        ),
        (
            AuditQuery {
                what: text("cancelTask"),
                ..all(9)
            },
            vec!["tasks/1"],
        ),
        (
            AuditQuery {
                what: text("config/"),
                ..all(9)
            },
            vec!["config/L", "config/K"],
        ),
        (
            AuditQuery {
                since: Some(AT + 2),
                until: Some(AT + 3),
                ..all(9)
            },
            vec!["tasks/1", "steps/s"],
        ),
        (
            AuditQuery {
                since: Some(AT + 4),
                ..all(9)
            },
            vec![],
        ),
        (
            AuditQuery {
                until: Some(AT),
                ..all(9)
            },
            vec![],
        ),
    ] {
        let page = store.get().await.audit(&query).await.unwrap();
        assert_eq!(targets(&page), wanted, "{query:?}");
    }
    // What is too old is gone, and a workspace's log goes with it.
    let now = AT + 2 + u64::from(limits::AUDIT_DAYS) * DAY;
    let current = store.get().await;
    while !current.purge(now).await.unwrap().is_done {}
    let page = store.get().await.audit(&all(9)).await.unwrap();
    assert_eq!(targets(&page), wanted[..3]);
    let revision = store.get().await.registry().await.unwrap().revision;
    let deleted = entry(None, AT + 9, "workspaces/a", DONE);
    let delete = Manage::DeleteWorkspace(workspace("a"));
    let done = store.get().await.manage(delete, Some(deleted), revision);
    done.await.unwrap();
    let late = vec![entry(Some("a"), AT + 10, "config/M", DONE)];
    let refused = store.get().await.record_audit(late).await;
    assert!(
        matches!(refused, Err(StoreError::Erasing(_))),
        "{refused:?}"
    );
    let current = store.get().await;
    while !current.purge(now).await.unwrap().is_done {}
    let new = Manage::NewWorkspace(workspace("a"), WorkspaceSettings::default());
    store.get().await.manage_now(new).await.unwrap();
    let page = store.get().await.audit(&all(9)).await.unwrap();
    assert_eq!(targets(&page), ["workspaces/a", "steps/s"]);
}

pub(super) async fn a_log_keeps_its_newest_changes_whatever_is_refused(mut store: Shaken<'_>) {
    workspaces(store.get().await).await;
    let many = |outcome: &'static str, count: usize| {
        let entry = move |n: usize| entry(Some("a"), AT + n as u64, &format!("{n}"), outcome);
        (0..count).map(entry).collect::<Vec<_>>()
    };
    let first = vec![
        entry(Some("a"), AT - 1, "the first", DONE),
        entry(Some("a-b"), AT - 1, "another's", DONE),
    ];
    store.get().await.record_audit(first).await.unwrap();
    for part in many("forbidden", 2 * limits::AUDIT_REFUSED).chunks(500) {
        store.get().await.record_audit(part.to_vec()).await.unwrap();
    }
    let page = store.get().await.audit(&of("a", 5_000)).await.unwrap();
    assert_eq!(page.entries.len(), limits::AUDIT_REFUSED + 1);
    assert_eq!(*targets(&page).last().unwrap(), "the first");
    for part in many(DONE, limits::AUDIT_DONE).chunks(2_000) {
        store.get().await.record_audit(part.to_vec()).await.unwrap();
    }
    let query = AuditQuery {
        until: Some(AT),
        ..all(9)
    };
    let page = store.get().await.audit(&query).await.unwrap();
    assert_eq!(
        targets(&page),
        ["another's"],
        "the oldest has gone, and only of this log"
    );
}
