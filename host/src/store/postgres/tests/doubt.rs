//! What became of a transaction whose end was not heard of, also when another node has the partition by now.

use std::collections::BTreeSet;

use super::group::{CommitEvidence, Group};
use super::look::{self, CommitStatus};
use super::server::PostgresServer;
use super::takeover::{LEASE, in_partition, kill, node, owned, two_nodes, until};
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{effect, new_task, next, workspace};
use crate::store::{Manage, NewTask, Store, StoreError};

/// An id that no transaction has had: that of one which was lost with the server's machine.
const LOST: &str = "99999999999";

/// Sets a workspace up: what is missing of one that was deleted says nothing.
async fn set_up(store: &PostgresStore, name: &str) {
    let add = Manage::AddWorkspace(workspace(name));
    store.manage_now(add).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_wrote_is_not_taken_for_ones_own() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    set_up(&one, "acme").await;
    let task = in_partition(7);
    one.accept_owned(task.clone()).await.unwrap();
    let claim = one.ownership().borrow().claim_of(task.head.id).unwrap();
    let session = Session::open(&one.shared.settings).await.unwrap();
    let done = next(&task.head, TaskState::Done, None);
    let new = in_partition(7);
    // What a schedule makes has the same id wherever it is made.
    let mut planned = in_partition(7);
    planned.head.webhook = None;
    let plans = [vec![Part::accept(claim, planned.clone()).unwrap()]];
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
    let mut derived = Group::default();
    look::look(&one.shared, &session, &plans, true, &mut derived)
        .await
        .unwrap();
    derived.take(&plans[0]).unwrap();
    session.run("rollback").await.unwrap();
    let (moves, accepts) = (moves.evidence(), accepts.evidence());
    let derived = derived.evidence();
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
    two.registry_since(0).await.unwrap();
    two.commit_owned(done).await.unwrap();
    two.accept_owned(planned).await.unwrap();
    assert_eq!(status(LOST, &derived).await, CommitStatus::Unknown);
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
        let evidence = group.evidence();
        assert_eq!((evidence.len(), evidence[0].claim.is_none()), (1, is_new));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_was_lost_does_not_leave_the_others_in_doubt() {
    const TAKE: &str = "update partitions set owner = -1, epoch = epoch + 1 where id = $1";
    let server = PostgresServer::start();
    let one = node(&server, LEASE).await;
    set_up(&one, "acme").await;
    let session = Session::open(&one.shared.settings).await.unwrap();
    let tasks: Vec<NewTask> = (1..=4).map(in_partition).collect();
    for task in &tasks {
        one.accept_owned(task.clone()).await.unwrap();
    }
    // Nothing is renewed or taken from here on.
    kill(&one);
    for (pair, is_done) in [(&tasks[..2], false), (&tasks[2..], true)] {
        let claim = |task: &NewTask| one.ownership().borrow().claim_of(task.head.id).unwrap();
        let [first, second] = pair else {
            unreachable!()
        };
        let space = &first.head.workspace;
        let call = effect(1, 0, 1);
        let done = next(&second.head, TaskState::Done, None);
        let jobs = [
            vec![Part::effect(claim(first), space, first.head.id, call).unwrap()],
            vec![Part::commit(claim(second), done).unwrap()],
        ];
        let mut group = Group::default();
        let look = look::look(&one.shared, &session, &jobs, true, &mut group);
        let xid = look.await.unwrap();
        for job in &jobs {
            group.take(job).unwrap();
        }
        let evidence = group.evidence();
        assert_eq!(evidence.len(), 2, "{evidence:?}");
        let expected = match is_done {
            true => {
                let (written, committed) = put::put(&session, &group).await;
                written.and(committed).unwrap();
                CommitStatus::Committed
            }
            false => {
                session.run("rollback").await.unwrap();
                CommitStatus::NotCommitted
            }
        };
        let lose = async |task: &NewTask| {
            let id = look::index(Partition::of(task.head.id));
            session.execute(TAKE, &[&id]).await.unwrap();
        };
        let status = async |xid: &str| {
            let found = look::read_commit_status(&one.shared, &session, xid, &evidence).await;
            found.unwrap().unwrap()
        };
        lose(first).await;
        for xid in [&*xid, LOST] {
            assert_eq!(status(xid).await, expected);
        }
        if !is_done {
            // The retry refuses what was lost, and writes the rest.
            let mut again = Group::default();
            let look = look::look(&one.shared, &session, &jobs, true, &mut again);
            look.await.unwrap();
            session.run("rollback").await.unwrap();
            let taken: Vec<_> = jobs.iter().map(|job| again.take(job)).collect();
            let partition = Partition::of(first.head.id);
            assert!(
                matches!(&taken[0], Err(StoreError::Fenced { partition: lost }) if *lost == partition),
                "{taken:?}"
            );
            assert!(taken[1].is_ok(), "{taken:?}");
        }
        lose(second).await;
        assert_eq!(status(LOST).await, CommitStatus::Unknown);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_with_its_workspace_says_nothing_of_the_others() {
    let server = PostgresServer::start();
    let one = node(&server, std::time::Duration::from_secs(60)).await;
    let session = Session::open(&one.shared.settings).await.unwrap();
    let mut jobs = Vec::new();
    for name in ["acme", "other"] {
        set_up(&one, name).await;
        let task = new_task(&workspace(name), TaskId::new(), "{}");
        let claim = one.ownership().borrow().claim_of(task.head.id).unwrap();
        jobs.push(vec![Part::accept(claim, task).unwrap()]);
    }
    let mut group = Group::default();
    let look = look::look(&one.shared, &session, &jobs, false, &mut group);
    look.await.unwrap();
    for job in &jobs {
        group.take(job).unwrap();
    }
    let (written, committed) = put::put(&session, &group).await;
    written.and(committed).unwrap();
    let evidence = group.evidence();
    for (name, expected) in [
        ("acme", CommitStatus::Committed),
        ("other", CommitStatus::Unknown),
    ] {
        let delete = Manage::DeleteWorkspace(workspace(name));
        one.manage_now(delete).await.unwrap();
        // As far as the first moment of its removal.
        let erase = "delete from tasks where workspace = $1";
        session.execute(erase, &[&name]).await.unwrap();
        let found = look::read_commit_status(&one.shared, &session, LOST, &evidence).await;
        assert_eq!(found.unwrap(), Some(expected), "{name} is deleted");
    }
    one.close().await;
}

/// Deletes a workspace, and erases all that it had.
async fn erase(store: &PostgresStore, session: &Session, name: &str) {
    let delete = Manage::DeleteWorkspace(workspace(name));
    store.manage_now(delete).await.unwrap();
    erase_all(store, session).await;
}

async fn erase_all(store: &PostgresStore, session: &Session) {
    let mut failed = BTreeSet::new();
    while !(erase::go_on(&store.shared, session, &mut failed).await)
        .ok()
        .unwrap()
    {}
    assert!(failed.is_empty(), "{failed:?}");
}

/// What a transaction leaves that is written, or else rolled back.
async fn evidence_of(
    store: &PostgresStore,
    session: &Session,
    part: Part,
    is_written: bool,
) -> Vec<CommitEvidence> {
    let jobs = [vec![part]];
    let mut group = Group::default();
    let look = look::look(&store.shared, session, &jobs, false, &mut group);
    look.await.unwrap();
    group.take(&jobs[0]).unwrap();
    if is_written {
        let (written, committed) = put::put(session, &group).await;
        written.and(committed).unwrap();
    } else {
        session.run("rollback").await.unwrap();
    }
    group.evidence()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_that_was_set_up_again_says_nothing_of_the_one_before() {
    let server = PostgresServer::start();
    let one = node(&server, std::time::Duration::from_secs(60)).await;
    let session = Session::open(&one.shared.settings).await.unwrap();
    set_up(&one, "acme").await;
    let space = workspace("acme");
    let (first, second) = (in_partition(1), in_partition(2));
    let claim = |task: &NewTask| one.ownership().borrow().claim_of(task.head.id).unwrap();
    one.accept_owned(first.clone()).await.unwrap();
    let accept = |task: &NewTask| Part::accept(claim(task), task.clone()).unwrap();
    let call = || Part::effect(claim(&first), &space, first.head.id, effect(1, 0, 1)).unwrap();
    let written = [
        evidence_of(&one, &session, accept(&second), true).await,
        evidence_of(&one, &session, call(), true).await,
    ];
    let lost = [
        evidence_of(&one, &session, accept(&in_partition(3)), false).await,
        evidence_of(&one, &session, call(), false).await,
    ];
    let status = async |evidence: &[CommitEvidence]| {
        let found = look::read_commit_status(&one.shared, &session, LOST, evidence).await;
        found.unwrap().unwrap()
    };
    // Another change of the setup makes no doubt of what is known.
    let settings = crate::domain::workspace::WorkspaceSettings::default();
    let change = Manage::SetWorkspace(space.clone(), settings);
    one.manage_now(change).await.unwrap();
    for (written, lost) in written.iter().zip(&lost) {
        assert_eq!(
            status(written).await,
            CommitStatus::Committed,
            "{written:?}"
        );
        assert_eq!(status(lost).await, CommitStatus::NotCommitted, "{lost:?}");
    }
    erase(&one, &session, "acme").await;
    set_up(&one, "acme").await;
    for evidence in written.iter().chain(&lost) {
        assert_eq!(
            status(evidence).await,
            CommitStatus::Unknown,
            "{evidence:?}"
        );
    }
    // Of what was written since, it says all.
    let third = evidence_of(&one, &session, accept(&in_partition(4)), false).await;
    assert_eq!(status(&third).await, CommitStatus::NotCommitted);
    one.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_for_a_workspace_that_was_deleted_does_not_come_into_the_next_one_of_its_name() {
    let server = PostgresServer::start();
    let one = node(&server, std::time::Duration::from_secs(60)).await;
    let session = Session::open(&one.shared.settings).await.unwrap();
    for name in ["acme", "other"] {
        set_up(&one, name).await;
    }
    let accept = |name: &str| {
        let task = new_task(&workspace(name), TaskId::new(), "{}");
        let claim = one.ownership().borrow().claim_of(task.head.id).unwrap();
        Part::accept(claim, task).unwrap()
    };
    // They were asked for before, and waited for a connection meanwhile.
    let revision = one
        .shared
        .revision
        .load(std::sync::atomic::Ordering::SeqCst);
    let late = ["acme", "other"].map(|name| Part {
        revision,
        ..accept(name)
    });
    let [acme, other] = late;
    let early = Part {
        revision,
        ..accept("acme")
    };
    erase(&one, &session, "acme").await;
    // Nothing shows that there was one: it is written, and gone before there is another one.
    let written = one.queue.push(vec![early]).await;
    written.unwrap().await.unwrap().unwrap();
    let add = Manage::AddWorkspace(workspace("acme"));
    let refused = one.manage_now(add).await;
    assert!(
        matches!(&refused, Err(StoreError::Erasing(_))),
        "{refused:?}"
    );
    erase_all(&one, &session).await;
    set_up(&one, "acme").await;
    let (acme, other) = tokio::join!(one.queue.push(vec![acme]), one.queue.push(vec![other]));
    let refused = acme.unwrap().await.unwrap();
    assert!(
        matches!(&refused, Err(StoreError::Erasing(name)) if *name == workspace("acme")),
        "{refused:?}"
    );
    other.unwrap().await.unwrap().unwrap();
    let count = |name: &str| {
        let name = name.to_owned();
        let session = &session;
        async move {
            let sql = "select count(*) from tasks where workspace = $1";
            session.query(sql, &[&name]).await.unwrap()[0].get::<_, i64>(0)
        }
    };
    assert_eq!((count("acme").await, count("other").await), (0, 1));
    let new = new_task(&workspace("acme"), TaskId::new(), "{}");
    one.accept_owned(new).await.unwrap();
    assert_eq!(count("acme").await, 1);
    one.close().await;
}
