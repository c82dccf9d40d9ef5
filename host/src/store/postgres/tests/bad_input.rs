//! Databases that will not do, and what a database refuses while a node works with it.

use std::time::Duration;

use super::server::PostgresServer;
use super::takeover::node;
use super::*;
use crate::domain::ids::TaskId;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{new_task, workspace};
use crate::store::{Store, StoreError};

const LEASE: Duration = Duration::from_secs(60);

async fn refused(url: &str) -> OpenError {
    let files = std::env::temp_dir().join("stepwell-no-files");
    let opened = PostgresStore::open(PostgresSettings::new(url, files).unwrap()).await;
    opened.err().expect("it is refused")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_will_not_do_is_refused() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    store.close().await;
    let other = "create database ascii encoding 'SQL_ASCII' locale 'C' template template0";
    session.run(other).await.unwrap();
    let url = server.url().replace("/postgres?", "/ascii?");
    let found = refused(&url).await;
    assert!(
        matches!(&found, OpenError::Encoding(name) if name == "SQL_ASCII"),
        "{found}"
    );
    for made in [
        "create role few login connection limit 5",
        "create database few owner few",
    ] {
        session.run(made).await.unwrap();
    }
    let url = server.url().replace("/postgres?", "/few?");
    let few = refused(&url.replace("user=stepwell", "user=few")).await;
    assert!(
        matches!(few, OpenError::Connections { needed: 13, .. }),
        "{few}"
    );
    session.run("create role nobody login").await.unwrap();
    let nobody = refused(&server.url().replace("user=stepwell", "user=nobody")).await;
    assert!(nobody.to_string().contains("permission denied"), "{nobody}");
    // Tables of a newer version.
    session
        .run("update tables_version set version = 99")
        .await
        .unwrap();
    let newer = refused(&server.url()).await;
    assert!(
        matches!(newer, OpenError::Newer { found: 99, .. }),
        "{newer}"
    );
}

#[test]
fn postgresql_13_is_the_oldest_that_will_do() {
    for (number, suits) in [
        (130_000, true),
        (130_014, true),
        (150_014, true),
        (190_000, true),
        (129_999, false),
        (90_624, false),
        (0, false),
        (-1, false),
    ] {
        assert_eq!(schema::suits(number), suits, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_refused_and_the_primary_taken() {
    let mut server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    store.close().await;
    server.become_standby();
    let replica = refused(&server.url()).await;
    assert!(matches!(replica, OpenError::ReadOnly), "{replica}");
    assert!(replica.to_string().contains("the primary"), "{replica}");
    server.become_primary();
    node(&server, LEASE).await.close().await;
}

/// What a trigger raises at each new task, as long as `when` holds.
async fn raise(session: &Session, code: &str, when: &str) {
    let made = format!(
        "create or replace function raise_it() returns trigger language plpgsql as $$ \
         begin if {when} then raise exception 'no' using errcode = '{code}'; end if; return new; end $$; \
         drop trigger if exists raises on tasks; \
         create trigger raises before insert on tasks for each row execute function raise_it()"
    );
    session.run(&made).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_leaves_nothing_and_passes() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let ws = workspace("a");
    let task = || new_task(&ws, TaskId::new(), "{}");
    session.run("create sequence tries").await.unwrap();
    // A serialisation failure and a deadlock pass.
    for code in ["40001", "40P01"] {
        session.run("alter sequence tries restart").await.unwrap();
        raise(&session, code, "nextval('tries') <= 2").await;
        store.accept_owned(task()).await.unwrap();
    }
    for (code, when, fits) in [
        (
            "40001",
            "true",
            (|error| matches!(error, StoreError::Unavailable { .. })) as fn(&StoreError) -> bool,
        ),
        ("53100", "true", |error| matches!(error, StoreError::Full)),
        ("57014", "true", |error| {
            matches!(error, StoreError::Unavailable { .. })
        }),
        ("54000", "true", |error| {
            matches!(error, StoreError::Refused(_))
        }),
    ] {
        raise(&session, code, when).await;
        let (one, other) = (task(), task());
        let refused = [one.clone(), other.clone()].map(|task| store.accept_owned(task));
        for refused in futures_util::future::join_all(refused).await {
            let error = refused.unwrap_err();
            assert!(fits(&error), "{code}: {error:?}");
        }
        raise(&session, code, "false").await;
        for task in [one, other] {
            let there = store.load(&ws, task.head.id).await.unwrap();
            assert!(there.is_none(), "{code}: it has left nothing");
            store.accept_owned(task).await.unwrap();
        }
    }
    // One of a group is the cause, and the others are written.
    let bad = task();
    raise(
        &session,
        "22000",
        &format!("new.id = '{}'", uuid(bad.head.id)),
    )
    .await;
    let all: Vec<_> = (0..20).map(|_| task()).chain([bad.clone()]).collect();
    let ends = all.iter().map(|task| store.accept_owned(task.clone()));
    let ends = futures_util::future::join_all(ends).await;
    for (task, end) in all.iter().zip(ends) {
        match task.head.id == bad.head.id {
            true => assert!(matches!(end, Err(StoreError::Refused(_))), "{end:?}"),
            false => end.unwrap(),
        }
    }
    store.close().await;
}

fn uuid(id: TaskId) -> String {
    let text: String = id
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_is_cancelled_is_tried_by_its_caller() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let other = Session::open(&store.shared.settings).await.unwrap();
    let ws = workspace("a");
    let task = new_task(&ws, TaskId::new(), "{}");
    // Another one's transaction keeps the partitions from being locked.
    other
        .run("begin; select from partitions for update")
        .await
        .unwrap();
    let waits = tokio::spawn({
        let (store, task) = (store.clone(), task.clone());
        async move { store.accept_owned(task).await }
    });
    let cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity \
        where wait_event_type = 'Lock' and query like '%for share%'";
    let mut cancelled = 0;
    for _ in 0..1_000 {
        let row = session.client.query_one(cancel, &[]).await.unwrap();
        cancelled += row.get::<_, i64>(0);
        if cancelled > 0 && waits.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = waits.await.unwrap();
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
    other.run("rollback").await.unwrap();
    assert!(store.load(&ws, task.head.id).await.unwrap().is_none());
    store.accept_owned(task).await.unwrap();
    store.close().await;
}
