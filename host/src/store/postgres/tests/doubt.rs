//! What became of a transaction whose end was not heard of, also when another node has the partition by now.

use super::group::Group;
use super::look::{self, CommitStatus};
use super::server::PostgresServer;
use super::takeover::{in_partition, kill, owned, two_nodes, until};
use super::*;
use crate::domain::task::TaskState;
use crate::store::Store;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::next;

/// An id that no transaction has had: that of one which was lost with the server's machine.
const LOST: &str = "99999999999";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_wrote_is_not_taken_for_ones_own() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let task = in_partition(7);
    one.accept_owned(task.clone()).await.unwrap();
    let claim = one.ownership().borrow().claim_of(task.head.id).unwrap();
    let session = Session::open(&one.shared.settings).await.unwrap();
    let done = next(&task.head, TaskState::Done, None);
    let new = in_partition(7);
    let jobs = [
        vec![Part::commit(claim, done.clone()).unwrap()],
        vec![Part::accept(claim, new).unwrap()],
    ];
    let (mut moves, mut accepts) = (Group::default(), Group::default());
    let xid = look::look(&one.shared, &session, &jobs[..1], true, &mut moves).await;
    let xid = xid.unwrap();
    moves.take(&jobs[0]).unwrap();
    session.run("rollback").await.unwrap();
    look::look(&one.shared, &session, &jobs, true, &mut accepts)
        .await
        .unwrap();
    for job in &jobs {
        accepts.take(job).unwrap();
    }
    session.run("rollback").await.unwrap();
    let (moves, accepts) = (moves.evidence().unwrap(), accepts.evidence().unwrap());
    let status = async |xid: &str, evidence| {
        let found = look::read_commit_status(&one.shared, &session, xid, evidence).await;
        found.unwrap().unwrap()
    };
    for (xid, evidence) in [(&*xid, &moves), (LOST, &moves), (LOST, &accepts)] {
        assert_eq!(
            status(xid, evidence).await,
            CommitStatus::NotCommitted,
            "{evidence:?}"
        );
    }
    // It stands still, and the other one makes the same version of the task.
    kill(&one);
    until("the other one has all", || owned(&two) == 256).await;
    two.commit_owned(done).await.unwrap();
    assert_eq!(status(&xid, &moves).await, CommitStatus::NotCommitted);
    assert_eq!(status(LOST, &moves).await, CommitStatus::Unknown);
    assert_eq!(status(LOST, &accepts).await, CommitStatus::NotCommitted);
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_is_found_by_what_it_left() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let task = in_partition(7);
    let claim = one.ownership().borrow().claim_of(task.head.id).unwrap();
    let session = Session::open(&one.shared.settings).await.unwrap();
    let accepts = vec![Part::accept(claim, task.clone()).unwrap()];
    let done = next(&task.head, TaskState::Done, None);
    let moves = vec![Part::commit(claim, done.clone()).unwrap()];
    for (job, is_new) in [(accepts, true), (moves, false)] {
        let job = [job];
        let mut group = Group::default();
        let look = look::look(&one.shared, &session, &job, true, &mut group).await;
        let xid = look.unwrap();
        group.take(&job[0]).unwrap();
        put::put(&session, &group).await.0.unwrap();
        let evidence = group.evidence().unwrap();
        assert_eq!(evidence.claim.is_none(), is_new);
        for xid in [&*xid, LOST] {
            let found = look::read_commit_status(&one.shared, &session, xid, &evidence).await;
            assert_eq!(
                found.unwrap(),
                Some(CommitStatus::Committed),
                "{evidence:?}"
            );
        }
    }
    one.close().await;
    two.close().await;
}
