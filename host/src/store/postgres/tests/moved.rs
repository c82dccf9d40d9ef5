//! A store that is left, what a copy of it may not pass over, and what is refused before anything is changed.

use std::time::Duration;

use tempfile::TempDir;

use super::migration::{AT, QUIET, entry, set_up, settings};
use super::server::PostgresServer;
use super::takeover::{LEASE, in_partition, kill, node, owned};
use super::*;
use crate::domain::audit::{AuditEntry, AuditId, DONE};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{digest, new_task, next, workspace};
use crate::store::migration::{self, Item, Migrate as _, MigrationError, MissingFiles};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{Cluster as _, Manage, Store, StoreError};

const NEW: &str = "the data directory /new";

/// A store whose servers have ended, or stand still.
async fn left(server: &PostgresServer, files: &TempDir) -> OfflineStore {
    for _ in 0..200 {
        match OfflineStore::read(settings(server, files.path()), NEW).await {
            Ok(store) => return store,
            Err(OpenError::InUse(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the lease does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_version_2_changes_nothing_that_is_set_up_after_a_move() {
    // As it has them: it does not look whether the store was moved.
    const REVISION: &str = "select revision from cluster for update";
    const REVISE: &str = "update cluster set revision = $1, server_revision = case when $2 then $1 else server_revision end";
    let server = PostgresServer::start();
    let files = TempDir::new().unwrap();
    node(&server, LEASE).await.close().await;
    let store = left(&server, &files).await;
    let old = Session::open(&settings(&server, files.path()))
        .await
        .unwrap();
    let change = async || {
        let revision: i64 = old.query(REVISION, &[]).await.unwrap()[0].get(0);
        old.execute(REVISE, &[&(revision + 1), &false]).await
    };
    assert_eq!(change().await.unwrap(), 1);
    // Taken over a second time, as after a copy that was cut short.
    for _ in 0..2 {
        store.take_over(NEW).await.unwrap();
        let refused = change().await.unwrap_err();
        let code = refused.code().map(|code| code.code());
        assert_eq!(code, Some("23514"), "{refused}");
    }
    // A server of today says why it does not start.
    let elsewhere = PostgresStore::open(settings(&server, files.path()))
        .await
        .err();
    assert!(
        matches!(elsewhere, Some(OpenError::Offline | OpenError::Moved(_))),
        "{elsewhere:?}"
    );
    store.give_back("another place").await.unwrap();
    assert!(change().await.is_err(), "it was not moved there");
    store.give_back(NEW).await.unwrap();
    assert_eq!(change().await.unwrap(), 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_writes_nothing_into_a_store_that_was_moved() {
    let server = PostgresServer::start();
    let files = TempDir::new().unwrap();
    let still = node(&server, LEASE).await;
    let task = in_partition(7);
    let change = Manage::AddWorkspace(task.head.workspace.clone());
    still.manage_now(change).await.unwrap();
    let revision = still.registry().await.unwrap().revision;
    still.accept_owned(task.clone()).await.unwrap();
    let old = still.ownership().borrow().claim_of(task.head.id).unwrap();
    // It stands still: what it was about to write is written when it goes on.
    let queue = Arc::new(Queue::new(LINGER));
    let slot = Slot::of(Session::open(&still.shared.settings).await.unwrap());
    let lane = tokio::spawn(lane::run(still.shared.clone(), slot, queue.clone()));
    kill(&still);
    let store = left(&server, &files).await;
    store.take_over(NEW).await.unwrap();
    store.check().await.unwrap();
    let done = next(&task.head, TaskState::Done, None);
    let parts = vec![Part::commit(old, done).unwrap()];
    let fenced = queue.push(parts).await.unwrap().await.unwrap();
    assert!(
        matches!(fenced, Err(StoreError::Fenced { .. })),
        "{fenced:?}"
    );
    queue.close();
    lane.await.unwrap();
    // It renews its lease, and gets nothing back.
    let session = Session::open(&still.shared.settings).await.unwrap();
    for has_lapsed in [true, false, false] {
        nodes::look(&still.shared, &session, has_lapsed)
            .await
            .unwrap();
        assert_eq!(owned(&still), 0);
    }
    let place = still.shared.moved.lock().clone();
    assert_eq!(place.as_deref(), Some(NEW));
    // Nor does what sees of the nodes only what was there before.
    let session_before = Session::open(&still.shared.settings).await.unwrap();
    let unseen = "begin; update nodes set lease_until = now() - interval '1 min' where id = 9223372036854775807";
    session_before.run(unseen).await.unwrap();
    session_before.run("commit").await.unwrap();
    nodes::look(&still.shared, &session, false).await.unwrap();
    assert_eq!(owned(&still), 0);
    let seen = "update nodes set lease_until = '9999-12-31' where id = 9223372036854775807";
    session_before.run(seen).await.unwrap();
    assert_eq!(still.nodes().await.unwrap().len(), 1, "but for itself");
    // Nor does it change the setup, whether it has seen that that was changed or not.
    for expected in [revision, revision + 1] {
        let change = Manage::AddWorkspace(workspace("late"));
        let refused = still.manage(change, None, expected).await.unwrap_err();
        let is_refused = match expected == revision {
            true => matches!(refused, StoreError::Revised { .. }),
            false => refused
                .to_string()
                .contains("moved to the data directory /new"),
        };
        assert!(is_refused, "{refused:?}");
    }
    // No server starts, also after the copy was made, and the store is copied to the same place again if one likes.
    let refused = PostgresStore::open(settings(&server, files.path())).await;
    assert!(matches!(refused, Err(OpenError::Offline)));
    store.close().await;
    let refused = PostgresStore::open(settings(&server, files.path()))
        .await
        .err();
    let refused = refused.unwrap().to_string();
    assert!(
        refused.contains("moved, to the data directory /new: "),
        "{refused}"
    );
    assert!(refused.contains("stepwell store reopen"), "{refused}");
    left(&server, &files).await.close().await;
    let elsewhere = OfflineStore::read(settings(&server, files.path()), "elsewhere").await;
    let elsewhere = elsewhere.err();
    assert!(
        matches!(&elsewhere, Some(OpenError::Moved(to)) if to == NEW),
        "{elsewhere:?}"
    );
    let again = left(&server, &files).await;
    assert!(again.was_moved());
    again.take_over(NEW).await.unwrap();
    again.give_back("elsewhere").await.unwrap();
    again.check().await.unwrap();
    again.give_back(NEW).await.unwrap();
    assert!(again.check().await.is_err());
    again.take_over(NEW).await.unwrap();
    // It is given back also if the connection was lost meanwhile.
    let lost = "select pg_terminate_backend(l.pid) from pg_locks l where l.locktype = 'advisory'";
    session.query(lost, &[]).await.unwrap();
    again.give_back(NEW).await.unwrap();
    again.close().await;
    let third = left(&server, &files).await;
    assert!(!third.was_moved());
    third.take_over(NEW).await.unwrap();
    third.close().await;
    // It is undone.
    let settings = settings(&server, files.path());
    let place = OfflineStore::reopen(&settings).await.unwrap();
    assert_eq!(place.as_deref(), Some(NEW));
    assert_eq!(OfflineStore::reopen(&settings).await.unwrap(), None);
    let new = PostgresStore::open(settings).await.unwrap();
    let there = new.load(&task.head.workspace, task.head.id).await.unwrap();
    assert_eq!(there.unwrap().head, task.head);
    assert!(owned(&new) > 0);
    new.close().await;
}

/// What tables there are, with their columns and what is in the shortest of them.
async fn tables(session: &Session) -> Vec<String> {
    let rows = session
        .query(
            "select c.table_name || '.' || c.column_name from information_schema.columns c \
             where c.table_schema = 'stepwell' order by 1",
            &[],
        )
        .await
        .unwrap();
    let mut said: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if said.is_empty() {
        let rows = session
            .query(
                "select nspname::text from pg_namespace where nspname = 'stepwell'",
                &[],
            )
            .await
            .unwrap();
        assert!(rows.is_empty(), "a schema without tables was left");
        return said;
    }
    for content in [
        "select version::text from tables_version",
        "select to_jsonb(c)::text from cluster c",
        "select to_jsonb(p)::text from partitions p order by id",
        "select to_jsonb(n)::text from nodes n order by id",
    ] {
        let rows = session.query(content, &[]).await.unwrap();
        said.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_leaves_the_tables_as_they_were() {
    let server = PostgresServer::start();
    let files = TempDir::new().unwrap();
    let settings = || settings(&server, files.path());
    let session = Session::open(&settings()).await.unwrap();
    // Another session copies: no table is made.
    let lock = format!("select pg_advisory_lock({})", schema::OFFLINE);
    session.run(&lock).await.unwrap();
    let refused = OfflineStore::write(settings(), [1; 32]).await.err();
    assert!(matches!(refused, Some(OpenError::Offline)), "{refused:?}");
    let refused = OfflineStore::read(settings(), NEW).await.err();
    assert!(
        matches!(refused, Some(OpenError::NoStore(_))),
        "{refused:?}"
    );
    assert_eq!(tables(&session).await, Vec::<String>::new());
    session
        .run("select pg_advisory_unlock_all()")
        .await
        .unwrap();
    // Tables of an older version, with a server that works.
    session
        .run("create schema stepwell; create table tables_version (version int not null)")
        .await
        .unwrap();
    session.run(include_str!("../schema_1.sql")).await.unwrap();
    for made in [
        "insert into tables_version values (1)",
        "insert into cluster (seed) values (decode(repeat('07', 32), 'hex'))",
        "insert into nodes (version, lease_until) values ('0', clock_timestamp() + interval '1 day')",
    ] {
        session.run(made).await.unwrap();
    }
    let before = tables(&session).await;
    let refused = [
        OfflineStore::read(settings(), NEW).await.err(),
        OfflineStore::write(settings(), [1; 32]).await.err(),
    ];
    for refused in refused {
        assert!(matches!(refused, Some(OpenError::InUse(_))), "{refused:?}");
        assert_eq!(tables(&session).await, before);
    }
    // It has ended, and there is a store: it is not written to.
    session.run("delete from nodes").await.unwrap();
    session
        .run("insert into erasing (workspace) values ('a')")
        .await
        .unwrap();
    let before = tables(&session).await;
    let refused = OfflineStore::write(settings(), [1; 32]).await.err();
    assert!(matches!(refused, Some(OpenError::NotEmpty)), "{refused:?}");
    assert!(!OfflineStore::is_incomplete(&settings()).await.unwrap());
    // It is read as it is, until it is taken over.
    let store = OfflineStore::read(settings(), NEW).await.unwrap();
    assert_eq!(store.store.seed(), [7; 32]);
    assert_eq!(store.key_check().await.unwrap(), None);
    assert!(store.store.registry().await.unwrap().workspaces.is_empty());
    migration::expect_files(store.store.as_ref(), None, QUIET)
        .await
        .unwrap();
    assert_eq!(tables(&session).await, before);
    // A server came while that was looked at.
    let came = "insert into nodes (version, lease_until) values ('0', clock_timestamp() + interval '1 day')";
    session.run(came).await.unwrap();
    let before = tables(&session).await;
    let refused = store.take_over(NEW).await;
    assert!(matches!(refused, Err(OpenError::InUse(_))), "{refused:?}");
    assert_eq!(tables(&session).await, before);
    session.run("delete from nodes").await.unwrap();
    let before = tables(&session).await;
    // Nothing is to be given back, which tables of that version could not say.
    store.give_back(NEW).await.unwrap();
    assert_eq!(tables(&session).await, before);
    store.take_over(NEW).await.unwrap();
    let after = tables(&session).await;
    assert!(after.contains(&"cluster.is_incomplete".to_owned()));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_of_the_audit_log_is_passed_over_that_has_the_id_of_another_one() {
    let server = PostgresServer::start();
    let home = TempDir::new().unwrap();
    let source = SledStore::open(SledSettings::at(home.path().join("store"))).unwrap();
    let names: Vec<WorkspaceName> = (0..9).map(|n| workspace(&format!("w{n}"))).collect();
    for name in &names {
        let change = Manage::AddWorkspace(name.clone());
        source.manage_now(change).await.unwrap();
    }
    // As logs have it that were appended to after a start. Pages of 500 end within 18 of one id, and one has nothing else.
    let mut entries: Vec<(AuditId, AuditEntry)> = Vec::new();
    for at in 0..90 {
        for name in &names {
            for outcome in [DONE, "forbidden"] {
                let id = AuditId::from_time(AT + at);
                entries.push((id, entry(Some(name), AT + at, outcome)));
            }
        }
    }
    source.put_audit(entries.clone()).await.unwrap();
    let target = OfflineStore::write(settings(&server, home.path()), source.seed())
        .await
        .unwrap();
    let store = target.store.as_ref();
    let copied = migration::copy(source.as_ref(), store, MissingFiles::Refused, QUIET)
        .await
        .unwrap();
    assert_eq!(copied.of(Item::Audit).count, entries.len() as u64);
    let read = migration::read(store, QUIET).await.unwrap();
    migration::compare(&copied, &read).unwrap();
    target.close().await;
    source.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_files_that_is_not_there_is_not_one_without_files() {
    let server = PostgresServer::start();
    let home = TempDir::new().unwrap();
    let source = SledStore::open(SledSettings::at(home.path().join("store"))).unwrap();
    let ws = workspace("a");
    set_up(source.as_ref(), &ws).await;
    for _ in 0..40 {
        let task = new_task(&ws, TaskId::new(), "{}");
        source.accept_owned(task).await.unwrap();
    }
    migration::expect_files(source.as_ref(), None, QUIET)
        .await
        .unwrap();
    let (id, other) = (TaskId::new(), TaskId::new());
    let names = |task: TaskId, of: TaskId| {
        let digest = digest(of.as_bytes());
        let data = format!(r#"{{"f":{{"url":"http://h/files/a/{task}/{digest}?name=f"}}}}"#);
        (digest, new_task(&ws, task, &data))
    };
    let (digest, task) = names(id, id);
    source.accept_owned(task).await.unwrap();
    let (lost, task) = names(other, other);
    source.accept_owned(task).await.unwrap();
    let missing = migration::expect_files(source.as_ref(), None, QUIET)
        .await
        .unwrap_err();
    assert!(
        matches!(&missing, MigrationError::FileMissing { workspace, .. } if *workspace == ws),
        "{missing}"
    );
    assert!(missing.to_string().contains("--no-files"), "{missing}");
    // One of the two is there.
    let directory = home.path().join("store/blobs/a").join(id.to_string());
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(&digest), id.as_bytes()).unwrap();
    source.close().await;
    let source = SledStore::open(SledSettings::at(home.path().join("store"))).unwrap();
    migration::expect_files(source.as_ref(), None, QUIET)
        .await
        .unwrap();
    let at = || settings(&server, &home.path().join("files"));
    let target = OfflineStore::write(at(), source.seed()).await.unwrap();
    let refused = migration::copy(
        source.as_ref(),
        target.store.as_ref(),
        MissingFiles::Refused,
        QUIET,
    );
    match refused.await.unwrap_err() {
        MigrationError::FileMissing { task, digest, .. } => {
            assert_eq!((task, digest), (other, lost));
        }
        error => panic!("{error}"),
    }
    target.close().await;
    let target = OfflineStore::write(at(), source.seed()).await.unwrap();
    let store = target.store.as_ref();
    let copied = migration::copy(source.as_ref(), store, MissingFiles::LeftOut, QUIET)
        .await
        .unwrap();
    assert_eq!((copied.of(Item::Files).count, copied.files_missing), (1, 1));
    let read = migration::read(store, QUIET).await.unwrap();
    migration::compare(&copied, &read).unwrap();
    assert_eq!(read.files_missing, 1);
    target.close().await;
    source.close().await;
}
