//! Reading the setup: only what has changed, and not less because of one value.

use super::registry_read::SOME;
use super::server::PostgresServer;
use super::takeover::node;
use super::*;
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::workspace;
use crate::store::{Manage, Store, StoreError};

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);

async fn manage(store: &PostgresStore, change: Manage) {
    store.manage_now(change).await.unwrap();
}

fn config(ws: &WorkspaceName, key: &str) -> Manage {
    Manage::SetConfig(ws.clone(), key.parse().unwrap(), vec![5; 9])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_is_read_by_an_index_and_a_note_reads_no_names() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let fill = "insert into setup select 1 + n % 7, 'fill' || n % 500, 'n' || n, '\\x00', null \
        from generate_series(1, 20000) n; analyze setup";
    session.run(fill).await.unwrap();
    let prepare = format!("prepare changed (text[]) as {SOME}");
    session.run(&prepare).await.unwrap();
    let explain = "explain execute changed('{a,b}')";
    let plan = session.client.query(explain, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index Cond") && plan.contains("(workspace = ANY"),
        "{plan}"
    );
    assert!(!plan.contains("Filter"), "{plan}");
    session.run("delete from setup").await.unwrap();
    let (a, b) = (workspace("a"), workspace("b"));
    let names = async || {
        let connection = store.shared.registry_connection.lock().await;
        connection.names.as_ref().map(|(revision, _)| *revision)
    };
    let mark = |at: Millis| Manage::MarkSchedules(vec![(a.clone(), "s".parse().unwrap(), at)]);
    manage(&store, mark(1)).await;
    assert_eq!(names().await, None);
    manage(&store, Manage::AddWorkspace(a.clone())).await;
    let known = names().await.unwrap();
    manage(&store, mark(2)).await;
    assert_eq!(
        names().await,
        Some(known + 1),
        "nothing is to be read again"
    );
    // Another node's changes are: the names that it has taken are known.
    let other = node(&server, LEASE).await;
    manage(&other, Manage::AddWorkspace(b.clone())).await;
    manage(&other, Manage::DeleteWorkspace(a.clone())).await;
    manage(&store, mark(3)).await;
    assert_eq!(names().await, Some(known + 1));
    let settings = WorkspaceSettings::default();
    let taken = Manage::NewWorkspace(b.clone(), settings.clone());
    let taken = store.manage_now(taken).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    let free = Manage::NewWorkspace(a.clone(), settings);
    let refused = store.manage_now(free).await;
    assert!(
        matches!(refused, Err(StoreError::Erasing(_))),
        "{refused:?}"
    );
    assert_eq!(names().await, Some(known + 4), "a refusal forgets no names");
    other.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_value_that_cannot_be_read_keeps_nothing_else_back() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let (a, b) = (workspace("a"), workspace("b"));
    for ws in [&a, &b] {
        manage(&store, Manage::AddWorkspace(ws.clone())).await;
    }
    let known = store.registry_since(0).await.unwrap().revision;
    for change in [config(&a, "BAD"), config(&a, "GOOD"), config(&b, "KEY")] {
        manage(&store, change).await;
    }
    // As a newer server may write it.
    let spoil = "update setup set value = '\\xffff' where name = 'BAD'";
    session.run(spoil).await.unwrap();
    let read = store.registry_since(known).await.unwrap();
    assert_eq!(read.revision, known + 3);
    assert_eq!(read.changed, std::slice::from_ref(&b));
    assert_eq!((read.workspaces.len(), read.config.len()), (1, 1));
    assert_eq!(read.unreadable.len(), 1, "{:?}", read.unreadable);
    assert_eq!(read.unreadable[0].0, Some(a.clone()));
    // A start needs all of it.
    let all = store.registry_since(0).await;
    assert!(matches!(all, Err(StoreError::Damaged(_))), "{all:?}");
    // Changes of the others are made, by a node that has read nothing yet, too.
    store.shared.registry_connection.lock().await.names = None;
    manage(&store, config(&b, "MORE")).await;
    let refused = store.manage_now(config(&a, "MORE")).await;
    assert!(
        matches!(refused, Err(StoreError::Damaged(_))),
        "{refused:?}"
    );
    let remedy = Manage::DeleteConfig(a.clone(), "BAD".parse().unwrap());
    manage(&store, remedy).await;
    manage(&store, config(&a, "MORE")).await;
    assert_eq!(store.registry_since(0).await.unwrap().config.len(), 4);
    store.close().await;
}
