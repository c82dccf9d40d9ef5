//! Connections that stall without an error, behind a proxy that takes what is sent and passes nothing on: each kind of
//! connection that a node has, alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::proxy::Proxy;
use super::server::PostgresServer;
use super::takeover::{LEASE, in_partition, owned, until};
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{next, workspace};
use crate::store::{Cluster as _, Hint, Manage, NewTask, Store, StoreError};

/// The longest that what is asked over a stalled connection may take. A statement that the server works on has 35 s.
const SOON: Duration = Duration::from_secs(30);

/// A node behind a proxy, and the database.
struct Behind {
    store: Arc<PostgresStore>,
    proxy: Arc<Proxy>,
    server: PostgresServer,
    _folder: TempDir,
}

async fn behind(set: impl Fn(PostgresSettings) -> PostgresSettings) -> Behind {
    let server = PostgresServer::start();
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(server.socket(), folder.path());
    let files = std::env::temp_dir().join("stepwell-no-files");
    let settings = PostgresSettings::new(&Proxy::url(folder.path()), files).unwrap();
    let store = PostgresStore::open(set(settings)).await.unwrap();
    store
        .manage_now(Manage::AddWorkspace(workspace("acme")))
        .await
        .unwrap();
    Behind {
        store,
        proxy,
        server,
        _folder: folder,
    }
}

impl Behind {
    /// The server's processes whose last statement was like this.
    async fn processes(&self, last: &str) -> Vec<i32> {
        let config: tokio_postgres::Config = self.server.url().parse().unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let find =
            "select pid from pg_stat_activity where pid <> pg_backend_pid() and query like $1";
        let rows = client.query(find, &[&last]).await.unwrap();
        driver.abort();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The process that the lease's connection has, other than that one.
    async fn of_lease(&self, not: Option<i32>) -> i32 {
        let began = Instant::now();
        while began.elapsed() < SOON {
            let now = self.processes(LOOK).await;
            if let Some(process) = now.into_iter().find(|process| Some(*process) != not) {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the lease is not renewed over another connection than {not:?}");
    }

    async fn accept(&self, number: u8) -> NewTask {
        let task = in_partition(number);
        self.store.accept_owned(task.clone()).await.unwrap();
        task
    }

    async fn state(&self, id: TaskId) -> TaskState {
        let stored = self.store.load(&workspace("acme"), id).await.unwrap();
        stored.unwrap().head.state()
    }
}

/// What a request gives that is made over a stalled connection, if it is over soon.
async fn soon<T>(what: &str, request: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(SOON, request).await;
    result.unwrap_or_else(|_| panic!("it waits for a connection that stalls: {what}"))
}

/// The statement that the node's look at its share ends with.
const LOOK: &str = "delete from nodes where lease_until%";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_whose_connection_stalls_is_renewed_over_another_one() {
    let node = behind(|settings| settings).await;
    let before = node.store.ownership().borrow().clone();
    let task = node.accept(1).await;
    let changes = node.store.ownership();
    for round in 1..=2 {
        let stalled = node.of_lease(None).await;
        node.proxy.stall(stalled);
        let began = Instant::now();
        node.of_lease(Some(stalled)).await;
        // It goes on with what it has under the same claims.
        let late = Duration::from_secs(6);
        tokio::time::sleep(late.saturating_sub(began.elapsed())).await;
        assert_eq!(*node.store.ownership().borrow(), before, "round {round}");
        assert!(!changes.has_changed().unwrap(), "round {round}");
        let more = node.accept(2).await;
        let done = next(&more.head, TaskState::Done, None);
        node.store.commit_owned(done).await.unwrap();
        let lease = node.store.nodes().await.unwrap()[0].lease_ms;
        assert!(lease > 0, "{lease}");
    }
    let done = next(&task.head, TaskState::Done, None);
    node.store.commit_owned(done).await.unwrap();
    assert_eq!(node.state(task.head.id).await, TaskState::Done);
    node.store.close().await;
}

/// Where no connection comes through, the node stops before its lease ends, writes nothing that another one has taken over, and
/// gets its share again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_reaches_nothing_stops_and_comes_back() {
    let node = behind(|settings| PostgresSettings {
        drain: Duration::ZERO,
        ..settings
    })
    .await;
    let task = node.accept(1).await;
    let old = node
        .store
        .ownership()
        .borrow()
        .claim_of(task.head.id)
        .unwrap();
    let lease = Duration::from_secs(5);
    let other = takeover::node(&node.server, lease).await;
    until("each has a half", || {
        owned(&node.store) == 128 && owned(&other) == 128
    })
    .await;
    node.proxy.stall_all(true);
    until("the other one has all", || owned(&other) == 256).await;
    assert_eq!(owned(&node.store), 0, "it stopped before");
    let done = next(&task.head, TaskState::Done, None);
    other.commit_owned(done.clone()).await.unwrap();
    node.proxy.stall_all(false);
    until("it has a half again", || owned(&node.store) == 128).await;
    let late = next(&task.head, TaskState::Ready, None);
    let fenced = node.store.commit(old, late).await;
    assert!(
        matches!(fenced, Err(StoreError::Fenced { .. })),
        "{fenced:?}"
    );
    let there = other.load(&task.head.workspace, task.head.id).await;
    assert_eq!(there.unwrap().unwrap().head, done.head);
    other.close().await;
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_over_connections_that_stall_is_read_over_new_ones() {
    let node = behind(|settings| PostgresSettings {
        lease: LEASE,
        ..settings
    })
    .await;
    let task = node.accept(1).await;
    node.proxy.stall_old();
    let load = node.store.load(&task.head.workspace, task.head.id);
    let found = soon("a task", load).await;
    assert_eq!(found.unwrap().unwrap().head, task.head);
    node.store.close().await;
}

/// They do not wait for one attempt to connect after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_comes_through_all_who_ask_are_answered_soon() {
    let node = behind(|settings| settings).await;
    let task = node.accept(1).await;
    node.proxy.stall_all(true);
    let loads = (0..60).map(|_| node.store.load(&task.head.workspace, task.head.id));
    for found in soon("tasks", futures_util::future::join_all(loads)).await {
        assert!(
            matches!(found, Err(StoreError::Unavailable { .. })),
            "{found:?}"
        );
    }
    node.proxy.stall_all(false);
    let found = node.store.load(&task.head.workspace, task.head.id).await;
    assert_eq!(found.unwrap().unwrap().head, task.head);
    node.store.close().await;
}

/// The lease is well, so that nothing but the request itself shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stalls_alone_is_made_anew() {
    let node = behind(|settings| settings).await;
    let task = node.accept(1).await;
    let before = node.store.ownership().borrow().clone();
    for process in node.store.shared.readers.processes() {
        node.proxy.stall(process);
    }
    let loads = (0..8).map(|_| node.store.load(&task.head.workspace, task.head.id));
    for found in soon("tasks", futures_util::future::join_all(loads)).await {
        assert_eq!(found.unwrap().unwrap().head, task.head);
    }
    assert_eq!(*node.store.ownership().borrow(), before);
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_long_is_not_taken_for_a_connection_that_stalls() {
    // A lease that is renewed late has the readers made anew, too.
    let node = behind(|settings| PostgresSettings {
        lease: Duration::from_secs(60),
        ..settings
    })
    .await;
    let processes = node.store.shared.readers.processes();
    let slow = node.store.shared.query("select 7 from pg_sleep(6)", &[]);
    let rows = slow.await.unwrap();
    assert_eq!(rows[0].get::<_, i32>(0), 7);
    assert_eq!(node.store.shared.readers.processes(), processes);
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_that_stall_are_made_anew_and_what_they_wrote_is_there_once() {
    let node = behind(|settings| settings).await;
    let mut heads = Vec::new();
    for number in 0..64 {
        heads.push(node.accept(number).await.head);
    }
    let connection = node.store.shared.registry_connection.lock().await;
    let registry = connection.session(&node.store.shared).await.unwrap();
    drop(connection);
    for process in node.processes("commit%").await {
        if process != registry.process {
            node.proxy.stall(process);
        }
    }
    let began = Instant::now();
    let done = heads.iter().map(|head| next(head, TaskState::Done, None));
    let written = done.map(|commit| node.store.commit_owned(commit));
    for written in futures_util::future::join_all(written).await {
        written.unwrap();
    }
    assert!(began.elapsed() < lane::ANSWER, "{:?}", began.elapsed());
    for head in &heads {
        assert_eq!(node.state(head.id).await, TaskState::Done);
    }
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_the_setup_that_stalls_is_made_anew() {
    let node = behind(|settings| settings).await;
    let stall = async || {
        let connection = node.store.shared.registry_connection.lock().await;
        let session = connection.session(&node.store.shared).await.unwrap();
        node.proxy.stall(session.process);
    };
    let registry = node.store.registry_since(0).await.unwrap();
    stall().await;
    let read = soon("the setup", node.store.registry_since(0))
        .await
        .unwrap();
    assert_eq!(read.revision, registry.revision);
    stall().await;
    let change = Manage::AddWorkspace(workspace("more"));
    let made = node.store.manage(change, None, registry.revision);
    let made = soon("a change", made).await;
    assert_eq!(made.unwrap(), registry.revision + 1);
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_removes_what_is_over_and_stalls_is_made_anew() {
    let node = behind(|settings| settings).await;
    node.store.purge(0).await.unwrap();
    let purge = node.store.shared.purge.lock().await;
    let session = purge.session(&node.store.shared).await.unwrap();
    node.proxy.stall(session.process);
    drop(purge);
    // Not each part of it asks for something.
    while soon("a removal", node.store.purge(0)).await.is_ok() {}
    node.store.purge(0).await.unwrap();
    node.store.close().await;
}

/// Nothing is asked over it, and what others say does not come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_for_hints_that_stalls_is_made_anew() {
    let node = behind(|settings| settings).await;
    let other = takeover::node(&node.server, Duration::from_secs(5)).await;
    for last in ["listen%", "select pg_notify%"] {
        for process in node.processes(last).await {
            node.proxy.stall(process);
        }
    }
    let mut hints = node.store.hints(Hint::Setup);
    let began = Instant::now();
    // One comes as it is made; then those of the other node do.
    soon("hints", hints.next()).await;
    loop {
        crate::store::postgres::hints::setup(&other.shared);
        let heard = tokio::time::timeout(Duration::from_secs(1), hints.next());
        if heard.await.is_ok() {
            break;
        }
        assert!(began.elapsed() < 2 * SOON, "no hint comes any more");
    }
    other.close().await;
    node.store.close().await;
}

/// A node whose changes of the setup may take so long, and the revision of the setup.
async fn with_deadline(change: Duration) -> (Behind, u64) {
    let node = behind(|settings| PostgresSettings {
        change,
        lease: Duration::from_secs(60),
        ..settings
    })
    .await;
    let registry = node.store.registry_since(0).await.unwrap();
    (node, registry.revision)
}

/// Each of its statements is answered in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_setup_has_one_deadline_for_all_of_its_statements() {
    let (node, before) = with_deadline(Duration::from_secs(2)).await;
    let change = || Manage::AddWorkspace(workspace("more"));
    node.proxy.delay(Duration::from_millis(400));
    let made = node.store.manage(change(), None, before).await;
    assert!(
        matches!(made, Err(StoreError::Unavailable { .. })),
        "{made:?}"
    );
    // One that waits for it has a deadline, too.
    let both = [change(), Manage::AddWorkspace(workspace("other"))];
    let both = both.map(|change| node.store.manage(change, None, before));
    for made in futures_util::future::join_all(both).await {
        assert!(
            matches!(made, Err(StoreError::Unavailable { .. })),
            "{made:?}"
        );
    }
    node.proxy.delay(Duration::ZERO);
    let registry = node.store.registry_since(0).await.unwrap();
    assert_eq!(registry.revision, before, "nothing was made");
    let made = node.store.manage(change(), None, before).await;
    assert_eq!(made.unwrap(), before + 1);
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_setup_whose_commit_has_no_answer_in_time_is_in_doubt() {
    let (node, before) = with_deadline(Duration::from_secs(1)).await;
    let change = Manage::AddWorkspace(workspace("more"));
    node.proxy.refuse(b"Q\0\0\0\x0bcommit\0");
    let made = soon("a commit", node.store.manage(change, None, before)).await;
    assert!(matches!(made, Err(StoreError::InDoubt)), "{made:?}");
    node.store.close().await;
}
