//! Several nodes on one database, and a database that is killed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::server::PostgresServer;
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{dedup, new_task, next, workspace};
use crate::store::{Cluster as _, Manage, NewTask, Store, StoreError};

pub(super) const LEASE: Duration = Duration::from_secs(2);

pub(super) async fn node(server: &PostgresServer, lease: Duration) -> Arc<PostgresStore> {
    let folder = std::env::temp_dir().join("stepwell-no-files");
    let settings = PostgresSettings {
        lease,
        // No engine says that nothing runs.
        drain: Duration::ZERO,
        ..PostgresSettings::new(&server.url(), folder).unwrap()
    };
    PostgresStore::open(settings).await.unwrap()
}

pub(super) fn owned(store: &PostgresStore) -> usize {
    let owned = store.ownership().borrow().clone();
    let is_owned = |partition: &Partition| owned.claim(*partition).is_some();
    Partition::all().filter(is_owned).count()
}

pub(super) async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to this: {what}");
}

/// Ends a node as `kill -9` does: nothing is given up.
pub(super) fn kill(store: &PostgresStore) {
    for task in store.tasks.lock().drain(..) {
        task.abort();
    }
}

/// Two nodes, each of which owns a half.
pub(super) async fn two_nodes(server: &PostgresServer) -> (Arc<PostgresStore>, Arc<PostgresStore>) {
    let (one, two) = (node(server, LEASE).await, node(server, LEASE).await);
    until("both have a half", || {
        owned(&one) == 128 && owned(&two) == 128
    })
    .await;
    (one, two)
}

pub(super) fn in_partition(number: u8) -> NewTask {
    let id = Partition::new(number).place(TaskId::new());
    new_task(&workspace("acme"), id, "{}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_the_partitions_and_take_over_what_a_dead_one_had() {
    let server = PostgresServer::start();
    let one = node(&server, LEASE).await;
    assert_eq!(owned(&one), 256);
    let tasks: Vec<NewTask> = (0..=255).map(in_partition).collect();
    for task in &tasks {
        one.accept_owned(task.clone()).await.unwrap();
    }
    let before = one.ownership().borrow().clone();
    let two = node(&server, LEASE).await;
    until("both have a half", || {
        owned(&one) == 128 && owned(&two) == 128
    })
    .await;
    let (first, second) = (
        one.ownership().borrow().clone(),
        two.ownership().borrow().clone(),
    );
    for task in &tasks {
        let (id, done) = (task.head.id, next(&task.head, TaskState::Done, None));
        assert_ne!(first.owns(id), second.owns(id));
        let (owner, other) = match first.owns(id) {
            true => (&one, &two),
            false => (&two, &one),
        };
        // Under the claim that the first one had to all, as if it had noticed nothing.
        if second.owns(id) {
            let claim = before.claim_of(id).unwrap();
            let fenced = one.commit(claim, done.clone()).await;
            assert!(
                matches!(fenced, Err(StoreError::Fenced { .. })),
                "{fenced:?}"
            );
        }
        assert!(other.commit_owned(done.clone()).await.is_err());
        owner.commit_owned(done).await.unwrap();
        // What one has written the other one sees.
        let seen = other.load(&task.head.workspace, id).await.unwrap();
        assert_eq!(seen.unwrap().head.state(), TaskState::Done);
    }
    // A delivery that comes to both at once is one task.
    for round in 0..50 {
        let key = dedup(&format!("evt_{round}"), 1_764_000_000_000);
        let to = |store: &PostgresStore| NewTask {
            dedup: Some(key),
            ..new_task(
                &workspace("acme"),
                store.ownership().borrow().place(TaskId::new()).unwrap(),
                "{}",
            )
        };
        let (a, b) = (to(&one), to(&two));
        let ids = [a.head.id, b.head.id];
        let both = tokio::join!(one.accept_owned(a), two.accept_owned(b));
        match both {
            (Ok(()), Err(StoreError::Duplicate { task })) if task == ids[0] => {}
            (Err(StoreError::Duplicate { task }), Ok(())) if task == ids[1] => {}
            other => panic!("{other:?}"),
        }
    }
    let began = std::time::Instant::now();
    kill(&one);
    until("the other one has all", || owned(&two) == 256).await;
    assert!(
        began.elapsed() < LEASE + Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    two.close().await;
}

/// The other one may not have read the setup under which they were accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_over_says_which_setup_its_tasks_were_accepted_under() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let before = two.ownership().borrow().revision();
    let set_up = Manage::AddWorkspace(workspace("late"));
    one.manage_now(set_up).await.unwrap();
    let revision = one.registry_since(0).await.unwrap().revision;
    assert!(before < revision);
    kill(&one);
    until("the second one has all", || owned(&two) == 256).await;
    assert!(two.ownership().borrow().revision() >= revision);
    two.close().await;
}

/// It has a run under way, which may take its time, so that it keeps its lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_gives_up_before_it_ends_is_taken_at_once() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    one.leave();
    until("the other one has all but one", || {
        owned(&one) == 1 && owned(&two) == 255
    })
    .await;
    one.close().await;
    until("and then all", || owned(&two) == 256).await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stood_still_writes_nothing_of_what_another_took_over() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    let task = in_partition(7);
    one.accept_owned(task.clone()).await.unwrap();
    let old = one.ownership().borrow().claim_of(task.head.id).unwrap();
    // It stands still for longer than its lease, and notices nothing.
    kill(&one);
    until("the second one has all", || owned(&two) == 256).await;
    let done = next(&task.head, TaskState::Done, None);
    two.commit_owned(done.clone()).await.unwrap();
    let session = Session::open(&one.shared.settings).await.unwrap();
    let slot = Slot::of(session);
    let queue = Arc::new(Queue::new(LINGER));
    let lane = tokio::spawn(lane::run(one.shared.clone(), slot, queue.clone()));
    let late = next(&done.head, TaskState::Ready, None);
    let parts = vec![Part::commit(old, late).unwrap()];
    let written = queue.push(parts).await.unwrap();
    let fenced = written.await.unwrap();
    assert!(
        matches!(fenced, Err(StoreError::Fenced { .. })),
        "{fenced:?}"
    );
    queue.close();
    lane.await.unwrap();
    // And as it goes on it owns nothing that another has.
    let session = Session::open(&one.shared.settings).await.unwrap();
    nodes::look(&one.shared, &session, true).await.unwrap();
    let now = one.ownership().borrow().clone();
    assert!(now.is_stale(old));
    let there = two.load(&task.head.workspace, task.head.id).await.unwrap();
    assert_eq!(there.unwrap().head, done.head);
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_doubt_is_resolved_wrongly_when_the_database_is_killed() {
    let mut server = PostgresServer::start();
    let store = node(&server, Duration::from_secs(120)).await;
    let set_up = Manage::AddWorkspace(workspace("acme"));
    store.manage_now(set_up).await.unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let written: Arc<[AtomicU64; 8]> = Arc::default();
    let tasks: Vec<_> = (0..8u8).map(in_partition).collect();
    for task in &tasks {
        store.accept_owned(task.clone()).await.unwrap();
    }
    let writers: Vec<_> = (0..8u8)
        .zip(tasks)
        .map(|(number, task)| {
            let (store, end, written) = (store.clone(), end.clone(), written.clone());
            tokio::spawn(async move {
                let (space, id) = (task.head.workspace.clone(), task.head.id);
                let mut head = task.head;
                while !end.load(Ordering::Relaxed) {
                    let step = next(&head, TaskState::Ready, None);
                    match store.commit_owned(step.clone()).await {
                        Ok(()) => {
                            head = step.head;
                            written[usize::from(number)].fetch_add(1, Ordering::Relaxed);
                        }
                        Err(StoreError::Unavailable { .. }) => {
                            let there = loop {
                                match store.load(&space, id).await {
                                    Ok(there) => break there.unwrap(),
                                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                                }
                            };
                            assert_eq!(there.head, head, "what failed has left nothing");
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                let there = store.load(&space, id).await.unwrap().unwrap();
                assert_eq!(there.head, head, "what was acknowledged is there");
            })
        })
        .collect();
    for _ in 0..10 {
        let pause = rand::random_range(50..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.kill();
        server.resume();
    }
    let counts = || std::array::from_fn(|n| written[n].load(Ordering::Relaxed));
    let before: [u64; 8] = counts();
    until("each goes on", || {
        let mut both = counts().into_iter().zip(before);
        both.all(|(now, before)| now > before.max(20))
    })
    .await;
    end.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    store.close().await;
}
