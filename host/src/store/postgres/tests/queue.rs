//! Which lane takes what of the queue, and when.

use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::takeover::in_partition;
use super::*;
use crate::domain::partition::Partition;
use crate::store::Claim;
use crate::store::postgres::queue::{Job, LINGER, Queue, Taken};

/// A change of new tasks in these partitions, which will not have waited for long as long as a test runs.
fn job(partitions: &[u8]) -> Job {
    let parts = partitions.iter().map(|number| {
        let partition = Partition::new(*number);
        let claim = Claim {
            partition,
            epoch: 1,
        };
        Part::accept(claim, in_partition(*number)).unwrap()
    });
    Job {
        parts: parts.collect(),
        done: oneshot::channel().0,
        since: Instant::now() + Duration::from_secs(3_600),
        _place: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
    }
}

/// One that has waited.
fn old(partitions: &[u8]) -> Job {
    Job {
        since: Instant::now().checked_sub(LINGER).unwrap(),
        ..job(partitions)
    }
}

/// What a free lane takes now.
async fn taken(queue: &Queue) -> Option<Taken> {
    let next = timeout(Duration::from_millis(1), queue.next()).await;
    next.ok().map(|taken| taken.expect("it is open"))
}

fn partitions(taken: &Taken) -> Vec<Vec<u8>> {
    let each = |job: &Job| {
        job.parts
            .iter()
            .map(|part| part.claim.partition.index() as u8)
            .collect()
    };
    taken.jobs.iter().map(each).collect()
}

#[tokio::test]
async fn a_second_lane_begins_for_many_or_for_what_has_waited() {
    let queue = Queue::default();
    assert!(taken(&queue).await.is_none());
    for number in 0..3 {
        queue.push(job(&[number])).unwrap();
    }
    let first = taken(&queue).await.unwrap();
    assert_eq!(partitions(&first), [[0], [1], [2]], "all that waits");
    for number in 10..41 {
        queue.push(job(&[number])).unwrap();
    }
    assert!(
        taken(&queue).await.is_none(),
        "they are few, and a lane is at work"
    );
    queue.push(job(&[41])).unwrap();
    let second = taken(&queue).await.unwrap();
    assert_eq!(second.jobs.len(), 32);
    queue.push(old(&[50])).unwrap();
    let third = taken(&queue).await.unwrap();
    assert_eq!(partitions(&third), [[50]]);
    queue.push(job(&[51])).unwrap();
    for held in [first, second, third] {
        assert!(taken(&queue).await.is_none());
        queue.is_over(&held.open().1);
    }
    let last = taken(&queue).await.unwrap();
    assert_eq!(partitions(&last), [[51]], "no lane is at work");
}

#[tokio::test]
async fn a_lane_waits_for_what_is_on_its_way() {
    let queue = Arc::new(Queue::default());
    let announced = [queue.announce(), queue.announce()];
    queue.push(job(&[1])).unwrap();
    assert!(taken(&queue).await.is_none());
    let next = tokio::spawn({
        let queue = queue.clone();
        async move { queue.next().await.map(|taken| taken.jobs.len()) }
    });
    tokio::task::yield_now().await;
    queue.push(job(&[2])).unwrap();
    let [one, other] = announced;
    drop(one);
    assert!(!next.is_finished());
    drop(other);
    assert_eq!(next.await.unwrap(), Some(2));
}

#[tokio::test]
async fn changes_of_a_partition_are_written_one_after_the_other() {
    let queue = Queue::default();
    queue.push(job(&[1])).unwrap();
    let first = taken(&queue).await.unwrap();
    // The second waits for the first, the third for the second; the fourth for none.
    for partitions in [&[1, 2][..], &[2], &[3]] {
        queue.push(old(partitions)).unwrap();
    }
    let free = taken(&queue).await.unwrap();
    assert_eq!(partitions(&free), [[3]]);
    queue.is_over(&free.open().1);
    assert!(taken(&queue).await.is_none());
    queue.is_over(&first.open().1);
    let rest = taken(&queue).await.unwrap();
    assert_eq!(partitions(&rest), [vec![1, 2], vec![2]]);
}

#[tokio::test]
async fn a_closed_queue_takes_nothing_and_gives_what_waits() {
    let queue = Arc::new(Queue::default());
    queue.push(job(&[1])).unwrap();
    let first = taken(&queue).await.unwrap();
    queue.push(job(&[1])).unwrap();
    queue.close();
    assert!(queue.push(job(&[2])).is_err());
    let lane = tokio::spawn({
        let queue = queue.clone();
        async move {
            let taken = queue.next().await.unwrap();
            let (jobs, held) = taken.open();
            queue.is_over(&held);
            (jobs.len(), queue.next().await.is_none())
        }
    });
    tokio::task::yield_now().await;
    queue.is_over(&first.open().1);
    assert_eq!(lane.await.unwrap(), (1, true));
    assert!(queue.next().await.is_none());
}
