//! What is removed for good beside other nodes, and where something cannot be removed.

use std::sync::Arc;

use tempfile::TempDir;

use super::server::PostgresServer;
use super::takeover::{in_partition, node};
use super::*;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::DAY;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::retention::{purge, task_at};
use crate::store::conformance::samples::{new_task, workspace};
use crate::store::{Manage, Ownership, Store};

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);
const START: Millis = 1_764_000_000_000;

async fn manage(store: &PostgresStore, change: Manage) {
    store.manage_now(change).await.unwrap();
}

async fn count(session: &Session, sql: &'static str) -> i64 {
    session.query(sql, &[]).await.unwrap()[0].get(0)
}

/// A node with a folder for files, and the database.
async fn with_files() -> (PostgresServer, TempDir, Arc<PostgresStore>) {
    let server = PostgresServer::start();
    let files = tempfile::tempdir().unwrap();
    let settings = PostgresSettings {
        lease: LEASE,
        ..PostgresSettings::new(&server.url(), files.path().to_owned()).unwrap()
    };
    let store = PostgresStore::open(settings).await.unwrap();
    (server, files, store)
}

/// What a node that stood still goes on with belongs to the next workspace of that name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_that_another_node_erases_is_left_to_it() {
    const TASKS: &str = "select count(*) from tasks";
    const HOLD: &str = "select from erasing where workspace = 'acme' for update";
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let other = Session::open(&store.shared.settings).await.unwrap();
    let ws = workspace("acme");
    manage(&store, Manage::AddWorkspace(ws.clone())).await;
    for number in [1, 2] {
        store.accept_owned(in_partition(number)).await.unwrap();
    }
    manage(&store, Manage::DeleteWorkspace(ws.clone())).await;
    other.run("begin").await.unwrap();
    assert_eq!(other.query(HOLD, &[]).await.unwrap().len(), 1);
    // It comes to its end nevertheless.
    purge(&*store, 0).await;
    assert_eq!(count(&other, TASKS).await, 2);
    other.run("rollback").await.unwrap();
    purge(&*store, 0).await;
    assert_eq!(count(&other, TASKS).await, 0);
    assert_eq!(count(&other, "select count(*) from erasing").await, 0);
    manage(&store, Manage::AddWorkspace(ws.clone())).await;
    store.accept_owned(in_partition(3)).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_removed_of_one_workspace_stops_nothing_else() {
    let (_server, files, store) = with_files().await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let [stuck, gone, stays, odd]: [WorkspaceName; 4] = ["aaa", "bbb", "ccc", "ddd"].map(workspace);
    for ws in [&stuck, &gone, &stays, &odd] {
        manage(&store, Manage::AddWorkspace(ws.clone())).await;
        let task = task_at(ws, START, TaskState::Done);
        store.accept_owned(task).await.unwrap();
    }
    for ws in [&stuck, &gone] {
        manage(&store, Manage::DeleteWorkspace(ws.clone())).await;
    }
    // Its folder cannot be listed.
    let in_the_way = files.path().join("aaa");
    std::fs::write(&in_the_way, "").unwrap();
    // Its settings cannot be read.
    let spoil = "update setup set value = '\\xffff' where workspace = 'ddd'";
    session.run(spoil).await.unwrap();
    assert_eq!(purge(&*store, START + 100 * DAY).await, 1);
    let left = "select workspace from erasing";
    let left = async || {
        let rows = session.query(left, &[]).await.unwrap();
        let names = rows.iter().map(|row| row.get(0));
        names.collect::<Vec<String>>()
    };
    assert_eq!(left().await, ["aaa"]);
    let spaces = "select count(*) from tasks where workspace <> 'ddd'";
    assert_eq!(count(&session, spaces).await, 0);
    std::fs::remove_file(&in_the_way).unwrap();
    purge(&*store, 0).await;
    assert_eq!(left().await, [""; 0]);
    store.close().await;
}

/// Its files go, and those of its tasks alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_a_deleted_workspace_are_removed() {
    let (_server, files, store) = with_files().await;
    let ws = workspace("acme");
    let folder = |ws: &str, task: TaskId| files.path().join(ws).join(task.to_string());
    let [own, other] = [("acme", TaskId::new()), ("other", TaskId::new())];
    for name in ["acme", "other"] {
        manage(&store, Manage::AddWorkspace(workspace(name))).await;
    }
    // They are not taken for files without a task.
    purge(&*store, 0).await;
    for (name, task) in [own, other] {
        std::fs::create_dir_all(folder(name, task)).unwrap();
        std::fs::write(folder(name, task).join("0a"), "bytes").unwrap();
    }
    manage(&store, Manage::DeleteWorkspace(ws.clone())).await;
    purge(&*store, 0).await;
    assert!(!files.path().join("acme").exists());
    assert!(folder(other.0, other.1).join("0a").exists());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_taken_anew_as_it_expires_stays() {
    const KEYS: &str = "select count(*) from dedup";
    const WAITING: &str = "select count(*) from pg_locks where not granted";
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let [taker, looker] = [
        Session::open(&store.shared.settings).await.unwrap(),
        Session::open(&store.shared.settings).await.unwrap(),
    ];
    let put = "insert into dedup (workspace, key, task, came, until) \
        values ('acme', gen_random_uuid(), gen_random_uuid(), 1, 5)";
    taker.run(put).await.unwrap();
    let take = "begin; update dedup set came = 9, until = 20";
    taker.run(take).await.unwrap();
    let purging = tokio::spawn({
        let store = store.clone();
        async move { purge(&*store, 10).await }
    });
    while count(&looker, WAITING).await == 0 {
        assert!(!purging.is_finished(), "it waits for nothing");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    taker.run("commit").await.unwrap();
    purging.await.unwrap();
    assert_eq!(count(&looker, KEYS).await, 1);
    purge(&*store, 20).await;
    assert_eq!(count(&looker, KEYS).await, 0);
    store.close().await;
}

/// The database would look through all that wait, once a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_partitions_does_not_look_for_tasks() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let (ws, none) = (workspace("acme"), Ownership::none());
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(task).await.unwrap();
    // A look at tasks gets an error after 10 s.
    let session = Session::open(&store.shared.settings).await.unwrap();
    let lock = "begin; lock table tasks in access exclusive mode";
    session.run(lock).await.unwrap();
    let due = store.due(&none, None, Millis::MAX, 10).await;
    assert_eq!(due.unwrap(), []);
    let ready = store.ready(&none, &ws, TaskId::MIN, 10).await;
    assert_eq!(ready.unwrap(), []);
    assert_eq!(store.next_wake(&none, None).await.unwrap(), None);
    session.run("rollback").await.unwrap();
    store.close().await;
}
