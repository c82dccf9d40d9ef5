//! Which lane takes what of the queue, and when.

use std::time::Duration;

use tokio::time::timeout;

use super::server::PostgresServer;
use super::takeover::{in_partition, node};
use super::*;
use crate::domain::partition::Partition;
use crate::store::conformance::owned::Owned as _;
use crate::store::postgres::queue::{Batch, Queue};
use crate::store::{Claim, Store as _, StoreError};

/// Longer than a test runs.
const LONG: Duration = Duration::from_secs(600);
/// What a queue lingers of which something is to be late.
const SHORT: Duration = Duration::from_millis(50);

/// An empty queue.
fn queue(linger: Duration) -> Arc<Queue> {
    Arc::new(Queue::new(linger))
}

/// New tasks in these partitions.
fn parts(partitions: &[u8]) -> Vec<Part> {
    let parts = partitions.iter().map(|number| {
        let partition = Partition::new(*number);
        let claim = Claim {
            partition,
            epoch: 1,
        };
        Part::accept(claim, in_partition(*number)).unwrap()
    });
    parts.collect()
}

/// A change of new tasks in these partitions.
async fn push(queue: &Queue, partitions: &[u8]) {
    drop(queue.push(parts(partitions)).await.unwrap());
}

/// What a free lane takes now.
async fn taken(queue: &Arc<Queue>) -> Option<Batch> {
    let next = timeout(Duration::ZERO, queue.next()).await;
    next.ok().map(|taken| taken.expect("it is open"))
}

fn partitions(taken: &Batch) -> Vec<Vec<u8>> {
    let of = |parts: &[Part]| {
        let numbers = parts.iter().map(|part| part.claim.partition.index() as u8);
        numbers.collect()
    };
    taken.jobs.iter().map(|job| of(&job.parts)).collect()
}

#[tokio::test]
async fn a_second_lane_begins_for_many() {
    let queue = queue(LONG);
    assert!(taken(&queue).await.is_none());
    for number in 0..3 {
        push(&queue, &[number]).await;
    }
    let first = taken(&queue).await.unwrap();
    assert_eq!(partitions(&first), [[0], [1], [2]], "all that waits");
    for number in 10..41 {
        push(&queue, &[number]).await;
    }
    let few = taken(&queue).await;
    assert!(few.is_none(), "they are few, and a lane is at work");
    push(&queue, &[41]).await;
    let second = taken(&queue).await.unwrap();
    assert_eq!(second.jobs.len(), 32);
    drop((first, second));
}

#[tokio::test]
async fn a_lane_waits_for_as_many_as_before() {
    let queue = queue(SHORT);
    for number in 0..5 {
        push(&queue, &[number]).await;
    }
    drop(taken(&queue).await.unwrap());
    for number in 0..4 {
        push(&queue, &[number]).await;
    }
    assert!(taken(&queue).await.is_none());
    push(&queue, &[4]).await;
    drop(taken(&queue).await.unwrap());
    // They do not come, and then less is expected.
    for number in 0..3 {
        push(&queue, &[number]).await;
    }
    assert!(taken(&queue).await.is_none());
    let fewer = timeout(LONG, queue.next()).await;
    drop(fewer.expect("it does not wait for ever").unwrap());
    push(&queue, &[0]).await;
    assert!(taken(&queue).await.is_some());
}

/// No other push and no announcement wakes it.
#[tokio::test]
async fn a_lane_that_is_free_takes_what_has_waited_by_itself() {
    let queue = queue(SHORT);
    push(&queue, &[0]).await;
    let _busy = taken(&queue).await.unwrap();
    let free = tokio::spawn({
        let queue = queue.clone();
        async move { queue.next().await.map(|taken| taken.jobs.len()) }
    });
    tokio::task::yield_now().await;
    push(&queue, &[1]).await;
    let took = timeout(LONG, free).await.expect("it is not woken");
    assert_eq!(took.unwrap(), Some(1));
}

#[tokio::test]
async fn a_lane_waits_for_what_is_on_its_way() {
    let queue = queue(LONG);
    let announced = [queue.announce(), queue.announce()];
    push(&queue, &[1]).await;
    assert!(taken(&queue).await.is_none());
    let next = tokio::spawn({
        let queue = queue.clone();
        async move { queue.next().await.map(|taken| taken.jobs.len()) }
    });
    tokio::task::yield_now().await;
    push(&queue, &[2]).await;
    let [one, other] = announced;
    drop(one);
    tokio::task::yield_now().await;
    assert!(!next.is_finished());
    drop(other);
    let took = timeout(LONG, next).await.expect("it is not woken");
    assert_eq!(took.unwrap(), Some(2));
}

#[tokio::test]
async fn changes_of_a_partition_are_written_one_after_the_other() {
    let queue = queue(Duration::ZERO);
    push(&queue, &[1]).await;
    let first = taken(&queue).await.unwrap();
    // The second waits for the first, the third for the second; the fourth for none.
    for partitions in [&[1, 2][..], &[2], &[3]] {
        push(&queue, partitions).await;
    }
    let free = taken(&queue).await.unwrap();
    assert_eq!(partitions(&free), [[3]]);
    drop(free);
    assert!(taken(&queue).await.is_none());
    drop(first);
    let rest = taken(&queue).await.unwrap();
    assert_eq!(partitions(&rest), [vec![1, 2], vec![2]]);
}

/// A transaction is full, and what is left behind it has partitions of it.
#[tokio::test]
async fn what_is_left_by_a_full_lane_waits_for_it() {
    let queue = queue(Duration::ZERO);
    for number in 0..=255 {
        push(&queue, &[number]).await;
    }
    for partitions in [&[7][..], &[7, 8], &[8]] {
        push(&queue, partitions).await;
    }
    let full = taken(&queue).await.unwrap();
    assert_eq!(full.jobs.len(), 256);
    assert!(taken(&queue).await.is_none());
    drop(full);
    let rest = taken(&queue).await.unwrap();
    assert_eq!(partitions(&rest), [vec![7], vec![7, 8], vec![8]]);
}

#[tokio::test]
async fn a_closed_queue_takes_nothing_and_gives_what_waits() {
    let queue = queue(LONG);
    push(&queue, &[1]).await;
    let first = taken(&queue).await.unwrap();
    push(&queue, &[1]).await;
    queue.close();
    let refused = queue.push(Vec::new()).await;
    assert!(matches!(refused, Err(StoreError::Closed)));
    assert!(queue.next().await.is_none(), "the other lane takes it");
    drop(first);
    assert_eq!(queue.next().await.map(|taken| taken.jobs.len()), Some(1));
    assert!(queue.next().await.is_none());
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait() {
    let queue = queue(LONG);
    let count = std::cell::Cell::new(0);
    let fill = async {
        loop {
            push(&queue, &[1]).await;
            count.set(count.get() + 1);
        }
    };
    assert!(timeout(SHORT, fill).await.is_err());
    while timeout(SHORT, push(&queue, &[1])).await.is_ok() {
        count.set(count.get() + 1);
    }
    assert_eq!(count.get(), 4096);
    let full = taken(&queue).await.unwrap();
    assert_eq!(full.jobs.len(), 256);
    // What waits for the lane that has their partition takes no place, up to as many again.
    for _ in 0..2 * 256 {
        push(&queue, &[1]).await;
    }
    assert!(timeout(SHORT, push(&queue, &[1])).await.is_err());
}

/// A write that was announced and does not come holds up the others for a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_waits_for_what_is_announced() {
    let server = PostgresServer::start();
    let store = node(&server, Duration::from_secs(300)).await;
    let _announced = store.announce_write();
    for number in 0..10 {
        let begun = std::time::Instant::now();
        store.accept_owned(in_partition(number)).await.unwrap();
        assert!(begun.elapsed() >= LINGER);
    }
    store.close().await;
}

#[tokio::test]
async fn a_lane_that_is_stuck_holds_up_its_partitions_alone() {
    let queue = queue(LONG);
    push(&queue, &[0]).await;
    let stuck = taken(&queue).await.unwrap();
    let many = async {
        for _ in 0..5_000 {
            push(&queue, &[0]).await;
        }
        for number in 1..40 {
            push(&queue, &[number]).await;
        }
    };
    timeout(LONG / 60, many).await.expect("there is room");
    let other = taken(&queue).await.unwrap();
    assert_eq!(other.jobs.len(), 39);
    drop((stuck, other));
}

#[tokio::test]
async fn with_the_last_lane_what_waits_ends() {
    let queue = queue(LONG);
    let lanes = [queue.lane(), queue.lane()];
    push(&queue, &[0]).await;
    let held = taken(&queue).await.unwrap();
    let waits = queue.push(parts(&[1])).await.unwrap();
    let is_blocked = queue.push(parts(&[0])).await.unwrap();
    let [first, last] = lanes;
    drop(first);
    push(&queue, &[2]).await;
    drop(last);
    assert!(waits.await.is_err());
    assert!(is_blocked.await.is_err());
    let refused = queue.push(parts(&[3])).await;
    assert!(matches!(refused, Err(StoreError::Closed)));
    drop(held);
}
