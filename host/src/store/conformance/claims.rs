//! Checks of claims: a stale one writes nothing, and what is not owned is not given out.

use super::dedup::delivered_in;
use super::owned::Owned;
use super::samples::{effect, new_task, next, workspace};
use super::subject::Shaken;
use crate::domain::clock::Millis;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{Claim, Commit, History, Ownership, Store, StoreError, TaskQuery, Transaction};

/// The error of every write under a stale claim to `partition`.
fn is_fenced(written: Result<(), StoreError>, of: Partition) {
    assert!(
        matches!(written, Err(StoreError::Fenced { partition }) if partition == of),
        "{written:?}"
    );
}

fn commits(commits: Vec<Commit>) -> Transaction {
    Transaction {
        commits,
        ..Transaction::default()
    }
}

async fn history(store: &dyn Store, id: TaskId) -> Option<String> {
    let found = store.history(&workspace("acme"), id).await.unwrap();
    found.map(|History { task, journal }| format!("{task:?} {journal:?}"))
}

/// Every write of a task with this claim, each of which would be right if the claim were.
async fn is_refused_all(store: &dyn Store, claim: Claim, head: &TaskHead, of: Partition) {
    let (ws, id) = (&head.workspace, head.id);
    let before = history(store, id).await;
    is_fenced(
        store.commit(claim, next(head, TaskState::Done, None)).await,
        of,
    );
    is_fenced(
        store.record_effect(claim, ws, id, effect(1, 0, 100)).await,
        of,
    );
    let new = delivered_in(ws, of, "evt_1");
    let key = new.dedup.unwrap();
    is_fenced(store.accept(claim, new.clone()).await, of);
    let note = TaskHead {
        version: head.version + 1,
        notes: head.notes + 1,
        ..head.clone()
    };
    for changes in [
        commits(vec![next(head, TaskState::Done, None)]),
        Transaction {
            notes: vec![note],
            ..Transaction::default()
        },
        Transaction {
            accepts: vec![new.clone()],
            ..Transaction::default()
        },
        Transaction {
            dedup: vec![(id, key)],
            ..commits(vec![next(head, TaskState::Done, None)])
        },
    ] {
        is_fenced(store.transact(&[claim], changes).await, of);
    }
    assert_eq!(history(store, id).await, before);
    assert_eq!(history(store, new.head.id).await, None);
    let taken = store.delivered(ws, key.key, key.at).await.unwrap();
    assert_eq!(taken, None);
}

pub(super) async fn a_stale_claim_writes_nothing(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let partition = Partition::of(task.head.id);
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let owned = store.get().await.ownership().borrow().clone();
    let stale = owned.claim(partition).unwrap();
    store.take_over(partition).await;
    is_refused_all(store.get().await, stale, &task.head, partition).await;
    // What holds the new claim goes on from where the task stood.
    let done = next(&task.head, TaskState::Done, None);
    store.get().await.commit_owned(done.clone()).await.unwrap();
    let there = store.get().await.load(&ws, task.head.id).await.unwrap();
    assert_eq!(there.unwrap().head, done.head);
    is_refused_all(store.get().await, stale, &done.head, partition).await;
}

pub(super) async fn a_claim_is_to_one_partition(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let partition = Partition::of(task.head.id);
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let store = store.get().await;
    let owned = store.ownership().borrow().clone();
    let other = Partition::new(!(partition.index() as u8));
    let elsewhere = owned.claim(other).unwrap();
    is_refused_all(store, elsewhere, &task.head, partition).await;
    let wrong = Claim {
        partition,
        epoch: owned.claim(partition).unwrap().epoch + 1,
    };
    is_refused_all(store, wrong, &task.head, partition).await;
}

pub(super) async fn a_transaction_needs_a_claim_to_each_partition(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let partitions = [Partition::new(3), Partition::new(200)];
    let tasks = partitions.map(|partition| new_task(&ws, partition.place(TaskId::new()), "{}"));
    for task in &tasks {
        store.get().await.accept_owned(task.clone()).await.unwrap();
    }
    let claims = |store: &dyn Store| {
        let owned = store.ownership().borrow().clone();
        partitions.map(|partition| owned.claim(partition).unwrap())
    };
    let both = |heads: [&TaskHead; 2]| {
        commits(heads.map(|head| next(head, TaskState::Done, None)).to_vec())
    };
    let heads = [&tasks[0].head, &tasks[1].head];
    let now = store.get().await;
    let [one, two] = claims(now);
    is_fenced(now.transact(&[one], both(heads)).await, partitions[1]);
    is_fenced(now.transact(&[two], both(heads)).await, partitions[0]);
    store.take_over(partitions[1]).await;
    is_fenced(
        store.store.transact(&[one, two], both(heads)).await,
        partitions[1],
    );
    for task in &tasks {
        let there = store.get().await.load(&ws, task.head.id).await.unwrap();
        assert_eq!(there.unwrap().head, task.head);
    }
    store.get().await.transact_owned(both(heads)).await.unwrap();
}

pub(super) async fn what_is_not_owned_is_not_given_out(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let mut ready = Vec::new();
    let mut waiting = Vec::new();
    for number in 0..60u8 {
        let task = new_task(&ws, Partition::new(number % 6).place(TaskId::new()), "{}");
        // Disturbed now and then, so that tasks are at every place.
        if number.is_multiple_of(7) {
            store.get().await;
        }
        store.store.accept_owned(task.clone()).await.unwrap();
        if number % 2 == 0 {
            ready.push(task.head.id);
            continue;
        }
        let wake_at = 1_000 - Millis::from(number);
        let commit = next(&task.head, TaskState::Waiting, Some(wake_at));
        store.store.commit_owned(commit).await.unwrap();
        waiting.push((wake_at, ws.clone(), task.head.id));
    }
    waiting.sort();
    let all = store.get().await.ownership().borrow().clone();
    let own = |numbers: &[u8]| -> Ownership {
        all.only(|partition| numbers.iter().any(|own| Partition::new(*own) == partition))
    };
    for numbers in [&[0u8, 1][..], &[4, 5], &[2], &[7], &[]] {
        let owned = own(numbers);
        let mut expected = ready.clone();
        expected.retain(|id| owned.owns(*id));
        let found = store.get().await.ready(&owned, &ws, TaskId::MIN, 7).await;
        assert_eq!(found.unwrap(), expected[..expected.len().min(7)]);
        let mut expected = waiting.clone();
        expected.retain(|(.., id)| owned.owns(*id));
        // Page by page, and behind a task that is not there.
        let mut after = None;
        for page in expected.chunks(7) {
            let store = store.get().await;
            let first = store.next_wake(&owned, after.as_ref()).await.unwrap();
            assert_eq!(first, Some(page[0].0));
            let found = store.due(&owned, after.as_ref(), Millis::MAX, 7).await;
            assert_eq!(found.unwrap(), page);
            after = page.last().cloned();
        }
        let store = store.get().await;
        let rest = store.due(&owned, after.as_ref(), Millis::MAX, 7).await;
        assert!(rest.unwrap().is_empty());
        assert_eq!(store.next_wake(&owned, after.as_ref()).await.unwrap(), None);
        if let Some((due_at, workspace, id)) = expected.first() {
            let before = (due_at - 1, workspace.clone(), *id);
            let found = store.due(&owned, Some(&before), *due_at, 7).await;
            assert_eq!(found.unwrap(), expected[..1]);
        }
    }
    let query = TaskQuery {
        limit: 100,
        ..TaskQuery::default()
    };
    let listed = store.get().await.list(&ws, &query).await.unwrap();
    assert_eq!(
        listed.len(),
        60,
        "people see all tasks, whichever node owns them"
    );
}

/// A node that took a partition over reads all that was written before, and nothing is written after.
pub(super) async fn a_write_under_way_is_there_before_the_partition_is_taken_over(
    mut store: Shaken<'_>,
) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let (id, partition) = (task.head.id, Partition::of(task.head.id));
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let mut head = task.head;
    for round in 0..20 {
        let writer = store.store.clone();
        let claim = writer.ownership().borrow().claim_of(id).unwrap();
        let last = head.clone();
        let writes = tokio::spawn(async move {
            let mut head = last;
            loop {
                let commit = next(&head, TaskState::Ready, None);
                match writer.commit(claim, commit.clone()).await {
                    Ok(()) => head = commit.head,
                    Err(fenced) => return (head, fenced),
                }
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..round * 5 {
            tokio::task::yield_now().await;
        }
        store.take_over(partition).await;
        let there = store.store.load(&ws, id).await.unwrap().unwrap().head;
        let (last, fenced) = writes.await.unwrap();
        is_fenced(Err(fenced), partition);
        assert_eq!(
            last, there,
            "what was acknowledged was there, and no more came"
        );
        head = store.get().await.load(&ws, id).await.unwrap().unwrap().head;
        assert_eq!(head, there);
    }
}

pub(super) async fn changes_of_ownership_are_notified(store: Shaken<'_>) {
    let partition = Partition::new(77);
    let mut ownership = store.store.ownership();
    let before = ownership.borrow_and_update().claim(partition).unwrap();
    store.take_over(partition).await;
    ownership.changed().await.unwrap();
    let after = ownership.borrow().claim(partition).unwrap();
    assert!(after.epoch > before.epoch, "{before:?} {after:?}");
}
