//! Runs that were under way as a node ended: they are counted over all nodes.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::server::PostgresServer;
use super::takeover::{LEASE, kill, node, owned, two_nodes, until};
use super::*;
use crate::domain::ids::TaskId;
use crate::store::{Cluster as _, Store as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_counted_for_each_node_that_ended_during_it() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let [poison, innocent, over] = std::array::from_fn(|_| TaskId::new());
    one.note_lasting(&[poison, over]).await.unwrap();
    // What has come to its end before is not.
    one.note_lasting(&[poison, innocent]).await.unwrap();
    assert_eq!(two.interrupted().await.unwrap(), []);
    kill(&one);
    until("the other one has all", || owned(&two) == 256).await;
    let mut found = two.interrupted().await.unwrap();
    found.sort_unstable();
    let mut expected = [(poison, 1), (innocent, 1)];
    expected.sort_unstable();
    assert_eq!(found, expected, "it is there before anything begins");
    two.forget_interrupted(&[innocent]).await.unwrap();
    two.note_lasting(&[poison]).await.unwrap();
    let three = node(&server, LEASE).await;
    kill(&two);
    until("the third one has all", || owned(&three) == 256).await;
    assert_eq!(three.interrupted().await.unwrap(), [(poison, 2)]);
    // One that leaves was not ended by a run.
    three.note_lasting(&[innocent]).await.unwrap();
    three.close().await;
    let four = node(&server, LEASE).await;
    until("the fourth one has all", || owned(&four) == 256).await;
    assert_eq!(four.interrupted().await.unwrap(), [(poison, 2)]);
    four.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_cut_off_for_a_while_takes_back_what_was_counted_of_it() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let task = counted(&one, &two).await;
    // Another node ended during it, too.
    let session = Session::open(&one.shared.settings).await.unwrap();
    let more = "update interrupted set times = times + 1";
    session.execute(more, &[]).await.unwrap();
    // Before it has taken that back it says nothing else.
    one.shared.has_lapsed.store(true, Ordering::Release);
    assert!(one.note_lasting(&[]).await.is_err());
    // It is there again; it may have to look more than once, if the connection is lost.
    for _ in 0..3 {
        nodes::look(&one.shared, &session, true).await.unwrap();
        assert_eq!(two.interrupted().await.unwrap(), [(task, 1)]);
    }
    one.note_lasting(&[]).await.unwrap();
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_partitions_has_its_list_changed_all_the_same() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    one.note_lasting(&[TaskId::new()]).await.unwrap();
    two.drain(one.shared.node.cast_unsigned(), true)
        .await
        .unwrap();
    until("the other one has all", || {
        owned(&one) == 0 && owned(&two) == 256
    })
    .await;
    // Its last run has ended.
    one.note_lasting(&[]).await.unwrap();
    kill(&one);
    let gone = one.shared.node.cast_unsigned();
    is_gone(&two, gone).await;
    let three = node(&server, LEASE).await;
    until("the third one has its share", || owned(&three) > 0).await;
    assert_eq!(two.interrupted().await.unwrap(), []);
    two.close().await;
    three.close().await;
}

/// Waits until a node's lease has run out, as another one sees it.
async fn is_gone(other: &PostgresStore, node: u64) {
    let has_lease = async || {
        let nodes = other.nodes().await.unwrap();
        nodes.iter().any(|it| it.id == node && it.lease_ms > 0)
    };
    let ends = async {
        while has_lease().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(LEASE * 5, ends).await;
    ended.expect("the lease of a node that is gone ends");
}

/// A node with a file for its number.
async fn with_file(server: &PostgresServer, file: &Path) -> Result<Arc<PostgresStore>, OpenError> {
    let settings = PostgresSettings {
        lease: LEASE,
        number_file: Some(file.to_owned()),
        ..PostgresSettings::new(&server.url(), file.with_extension("files")).unwrap()
    };
    PostgresStore::open(settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_ended_while_the_database_was_away_blames_no_run() {
    let mut server = PostgresServer::start();
    let home = tempfile::tempdir().unwrap();
    let (own, others) = (home.path().join("node"), home.path().join("other"));
    let (task, poison) = (TaskId::new(), TaskId::new());
    let one = with_file(&server, &own).await.unwrap();
    one.note_lasting(&[task]).await.unwrap();
    server.kill();
    one.close().await;
    server.resume();
    // No other node has counted it.
    let one = with_file(&server, &own).await.unwrap();
    until("it has all", || owned(&one) == 256).await;
    assert_eq!(one.interrupted().await.unwrap(), []);
    // Another one has, and a node was really killed.
    one.note_lasting(&[task, poison]).await.unwrap();
    server.kill();
    one.close().await;
    server.resume();
    let two = with_file(&server, &others).await.unwrap();
    until("the other one has all", || owned(&two) == 256).await;
    let mut counted = two.interrupted().await.unwrap();
    counted.sort_unstable();
    let mut expected = [(task, 1), (poison, 1)];
    expected.sort_unstable();
    assert_eq!(counted, expected);
    two.note_lasting(&[poison]).await.unwrap();
    kill(&two);
    let copy = home.path().join("copy");
    std::fs::copy(&own, &copy).unwrap();
    let one = with_file(&server, &own).await.unwrap();
    until("it has all", || owned(&one) == 256).await;
    assert_eq!(one.interrupted().await.unwrap(), [(poison, 1)]);
    // A copy of the file says nothing more.
    let three = with_file(&server, &copy).await.unwrap();
    assert_eq!(three.interrupted().await.unwrap(), [(poison, 1)]);
    let nodes = three.nodes().await.unwrap();
    let first = one.shared.node.cast_unsigned();
    assert!(
        nodes
            .iter()
            .any(|node| node.id == first && node.lease_ms > 0)
    );
    for store in [one, three] {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_a_copy_of_the_database_gave_out_again_is_another_node() {
    let server = PostgresServer::start();
    let home = tempfile::tempdir().unwrap();
    let (own, others) = (home.path().join("node"), home.path().join("other"));
    let one = with_file(&server, &own).await.unwrap();
    kill(&one);
    // The same store in another database, or a backup that was restored: numbers begin anew.
    let session = Session::open(&one.shared.settings).await.unwrap();
    session.run("delete from nodes").await.unwrap();
    let again = format!(
        "alter table nodes alter id restart with {}",
        one.shared.node
    );
    session.run(&again).await.unwrap();
    let two = with_file(&server, &others).await.unwrap();
    assert_eq!(two.shared.node, one.shared.node);
    assert_eq!(owned(&two), 256);
    let before = two.shared.entered;
    let three = with_file(&server, &own).await.unwrap();
    assert_ne!(three.shared.node, two.shared.node);
    assert_eq!(owned(&three), 0, "the other one has them, and lives");
    assert_eq!(started(&session, before.id).await, before.started);
    for store in [two, three] {
        store.close().await;
    }
    // One that was killed and starts again does not wait for its lease.
    let four = with_file(&server, &own).await.unwrap();
    kill(&four);
    let five = with_file(&server, &own).await.unwrap();
    assert_eq!(owned(&five), 256);
    five.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_share_the_work_are_counted() {
    let server = PostgresServer::start();
    let one = node(&server, LEASE).await;
    assert_eq!(one.sharing(), 1);
    let two = node(&server, LEASE).await;
    until("both know of each other", || {
        one.sharing() == 2 && two.sharing() == 2
    })
    .await;
    kill(&two);
    until("one is left", || one.sharing() == 1).await;
    one.close().await;
}

/// A task that a node was running as it stood still, and that the other one has counted as interrupted.
async fn counted(one: &PostgresStore, two: &PostgresStore) -> TaskId {
    let task = TaskId::new();
    one.note_lasting(&[task]).await.unwrap();
    kill(one);
    until("the other one has all", || owned(two) == 256).await;
    assert_eq!(two.interrupted().await.unwrap(), [(task, 1)]);
    task
}

/// When a node has entered, as the database has it.
async fn started(session: &Session, node: i64) -> i64 {
    let rows = session
        .query(
            "select (extract(epoch from started) * 1000000)::int8 from nodes where id = $1",
            &[&node],
        )
        .await
        .unwrap();
    rows[0].get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_stood_still_takes_back_what_was_counted_of_it() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let task = counted(&one, &two).await;
    // As on a machine that was suspended it does not know that its lease was over.
    let session = Session::open(&one.shared.settings).await.unwrap();
    nodes::look(&one.shared, &session, false).await.unwrap();
    assert_eq!(two.interrupted().await.unwrap(), []);
    // Nor that it was forgotten; it is the same node again.
    let forget = "delete from nodes where id = $1";
    let count = "insert into interrupted (task, times) select task, 1 from lasting \
        on conflict (task) do update set times = 1";
    let counted = "delete from lasting";
    session.execute(forget, &[&one.shared.node]).await.unwrap();
    session.execute(count, &[]).await.unwrap();
    session.execute(counted, &[]).await.unwrap();
    assert_eq!(two.interrupted().await.unwrap(), [(task, 1)]);
    nodes::look(&one.shared, &session, false).await.unwrap();
    assert_eq!(two.interrupted().await.unwrap(), []);
    let entered = one.shared.entered;
    assert_eq!(started(&session, entered.id).await, entered.started);
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_cut_short_leaves_all_or_nothing() {
    let server = PostgresServer::start();
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join("node");
    let one = with_file(&server, &own).await.unwrap();
    let task = TaskId::new();
    one.note_lasting(&[task]).await.unwrap();
    let session = Session::open(&one.shared.settings).await.unwrap();
    // A node was really killed during it.
    let count = "insert into interrupted (task, times) select task, 1 from lasting";
    session.execute(count, &[]).await.unwrap();
    let other = Session::open(&one.shared.settings).await.unwrap();
    other
        .run("set idle_in_transaction_session_timeout = 0; begin; select from nodes for update")
        .await
        .unwrap();
    one.close().await;
    let left = "select (select count(*) from lasting), (select count(*) from partitions where owner is not null)";
    let rows = session.query(left, &[]).await.unwrap();
    assert_eq!((rows[0].get(0), rows[0].get(1)), (1_i64, 256_i64));
    other.run("rollback").await.unwrap();
    let one = with_file(&server, &own).await.unwrap();
    until("it has all", || owned(&one) == 256).await;
    assert_eq!(one.interrupted().await.unwrap(), [(task, 1)]);
    one.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ends_when_the_database_is_back_takes_back_what_was_counted_of_it() {
    let server = PostgresServer::start();
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join("node");
    let one = with_file(&server, &own).await.unwrap();
    let two = node(&server, LEASE).await;
    let task = counted(&one, &two).await;
    one.close().await;
    assert_eq!(two.interrupted().await.unwrap(), []);
    // Nor does its next start take back anything.
    two.note_lasting(&[task]).await.unwrap();
    kill(&two);
    let three = with_file(&server, &own).await.unwrap();
    until("the third one has all", || owned(&three) == 256).await;
    assert_eq!(three.interrupted().await.unwrap(), [(task, 1)]);
    three.close().await;
}
