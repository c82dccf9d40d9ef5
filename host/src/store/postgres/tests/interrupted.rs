//! Runs that were under way as a node ended: they are counted over all nodes.

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
    let task = TaskId::new();
    one.note_lasting(&[task]).await.unwrap();
    kill(&one);
    until("the other one has all", || owned(&two) == 256).await;
    assert_eq!(two.interrupted().await.unwrap(), [(task, 1)]);
    // It is there again.
    let session = Session::open(&one.shared.settings).await.unwrap();
    nodes::look(&one.shared, &session, true).await.unwrap();
    assert_eq!(two.interrupted().await.unwrap(), []);
    // It owns nothing yet, and so notes nothing.
    one.shared.partitions.set(&[]);
    one.note_lasting(&[TaskId::new()]).await.unwrap();
    let rows = session.query("select from lasting", &[]).await.unwrap();
    assert!(rows.is_empty());
    two.close().await;
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
