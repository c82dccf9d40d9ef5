//! Threads that wait for each other's locks.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::store::conformance::samples::workspace;

/// A query has the tree and waits for the overlay; folding waits for the query; a group that is committed has the
/// overlay, and reads the tree for a task that was folded since it was put in order.
#[tokio::test]
async fn a_commit_that_reads_the_tree_does_not_wait_for_queries_that_wait_for_it() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let overlay = store.shared.overlay.write();
    let query = store.shared.disk.read();
    let folding = {
        let shared = store.shared.clone();
        std::thread::spawn(move || drop(shared.disk.write()))
    };
    // Behind a writer that waits nothing more is let in.
    while store.shared.disk.try_read().is_some() {
        std::thread::yield_now();
    }
    let (send, receive) = mpsc::channel();
    let shared = store.shared.clone();
    std::thread::spawn(move || {
        let found = tasks::from_tree_under_overlay(&shared, &workspace("w"), TaskId::new());
        send.send(found.unwrap().is_none())
    });
    let found = receive.recv_timeout(Duration::from_secs(60));
    drop((query, overlay));
    folding.join().unwrap();
    assert_eq!(found, Ok(true), "the commit waits for the query");
}
