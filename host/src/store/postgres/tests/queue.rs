//! Which lane takes what of the queue, and when.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{advance, timeout};

use super::server::PostgresServer;
use super::takeover::{in_partition, node};
use super::*;
use crate::domain::partition::Partition;
use crate::store::conformance::owned::Owned as _;
use crate::store::postgres::queue::{Queue, Taken};
use crate::store::{Claim, Store as _, StoreError};

/// What the queue waits for at most, and a little more.
const LONG: Duration = Duration::from_millis(6);

/// A change of new tasks in these partitions.
async fn push(queue: &Queue, partitions: &[u8]) {
    let parts = partitions.iter().map(|number| {
        let partition = Partition::new(*number);
        let claim = Claim {
            partition,
            epoch: 1,
        };
        Part::accept(claim, in_partition(*number)).unwrap()
    });
    drop(queue.push(parts.collect()).await.unwrap());
}

/// What a free lane takes now.
async fn taken(queue: &Arc<Queue>) -> Option<Taken> {
    let next = timeout(Duration::ZERO, queue.next()).await;
    next.ok().map(|taken| taken.expect("it is open"))
}

fn partitions(taken: &Taken) -> Vec<Vec<u8>> {
    let of = |parts: &[Part]| {
        let numbers = parts.iter().map(|part| part.claim.partition.index() as u8);
        numbers.collect()
    };
    taken.jobs.iter().map(|job| of(&job.parts)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_second_lane_begins_for_many_or_for_what_has_waited() {
    let queue = Arc::<Queue>::default();
    assert!(taken(&queue).await.is_none());
    for number in 0..3 {
        push(&queue, &[number]).await;
    }
    let first = taken(&queue).await.unwrap();
    assert_eq!(partitions(&first), [[0], [1], [2]], "all that waits");
    for number in 10..73 {
        push(&queue, &[number]).await;
    }
    let few = taken(&queue).await;
    assert!(few.is_none(), "they are few, and a lane is at work");
    push(&queue, &[73]).await;
    let second = taken(&queue).await.unwrap();
    assert_eq!(second.jobs.len(), 64);
    push(&queue, &[80]).await;
    assert!(taken(&queue).await.is_none());
    advance(LONG).await;
    let third = taken(&queue).await.unwrap();
    assert_eq!(partitions(&third), [[80]]);
    push(&queue, &[81]).await;
    for taken_before in [first, second, third] {
        assert!(taken(&queue).await.is_none());
        drop(taken_before);
    }
    let last = taken(&queue).await.unwrap();
    assert_eq!(partitions(&last), [[81]], "no lane is at work");
}

/// No other push and no announcement wakes it.
#[tokio::test(start_paused = true)]
async fn a_lane_that_is_free_takes_what_has_waited_by_itself() {
    let queue = Arc::<Queue>::default();
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

#[tokio::test(start_paused = true)]
async fn a_lane_waits_for_what_is_on_its_way_and_not_for_long() {
    let queue = Arc::<Queue>::default();
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
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert!(next.is_finished(), "before it is late");
    assert_eq!(next.await.unwrap(), Some(2));
    let _never_comes = queue.announce();
    push(&queue, &[3]).await;
    let late = timeout(LONG, queue.next()).await;
    assert!(late.expect("it waits for too long").is_some());
}

#[tokio::test(start_paused = true)]
async fn changes_of_a_partition_are_written_one_after_the_other() {
    let queue = Arc::<Queue>::default();
    push(&queue, &[1]).await;
    let first = taken(&queue).await.unwrap();
    // The second waits for the first, the third for the second; the fourth for none.
    for partitions in [&[1, 2][..], &[2], &[3]] {
        push(&queue, partitions).await;
    }
    advance(LONG).await;
    let free = taken(&queue).await.unwrap();
    assert_eq!(partitions(&free), [[3]]);
    drop(free);
    assert!(taken(&queue).await.is_none());
    drop(first);
    let rest = taken(&queue).await.unwrap();
    assert_eq!(partitions(&rest), [vec![1, 2], vec![2]]);
}

/// A transaction is full, and what is left behind it has partitions of it.
#[tokio::test(start_paused = true)]
async fn what_is_left_by_a_full_lane_waits_for_it() {
    let queue = Arc::<Queue>::default();
    for number in 0..=255 {
        push(&queue, &[number]).await;
    }
    for partitions in [&[7][..], &[7, 8], &[8]] {
        push(&queue, partitions).await;
    }
    let full = taken(&queue).await.unwrap();
    assert_eq!(full.jobs.len(), 256);
    advance(LONG).await;
    assert!(taken(&queue).await.is_none());
    drop(full);
    let rest = taken(&queue).await.unwrap();
    assert_eq!(partitions(&rest), [vec![7], vec![7, 8], vec![8]]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_takes_nothing_and_gives_what_waits() {
    let queue = Arc::<Queue>::default();
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

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_callers_wait() {
    let queue = Arc::<Queue>::default();
    let fill = async {
        loop {
            push(&queue, &[1]).await;
        }
    };
    assert!(timeout(LONG, fill).await.is_err(), "it is full");
    let full = taken(&queue).await.unwrap();
    assert_eq!(full.jobs.len(), 256);
    for _ in 0..256 {
        push(&queue, &[1]).await;
    }
    assert!(timeout(LONG, push(&queue, &[1])).await.is_err());
}

/// How many transactions have written the tasks that are there.
async fn transactions(store: &PostgresStore) -> i64 {
    let session = Session::open(&store.shared.settings).await.unwrap();
    let count = "select count(distinct xmin::text) from tasks";
    session.query(count, &[]).await.unwrap()[0].get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_announced_is_written_in_one_transaction() {
    let server = PostgresServer::start();
    let store = node(&server, Duration::from_secs(300)).await;
    // While nothing was announced, they do not wait for each other.
    store.accept_owned(in_partition(0)).await.unwrap();
    store.accept_owned(in_partition(1)).await.unwrap();
    assert_eq!(transactions(&store).await, 2);
    let mut announced: Vec<_> = (0..32).map(|_| store.announce_write()).collect();
    let accepts: Vec<_> = (0..32)
        .map(|number| {
            let (store, announced) = (store.clone(), announced.pop());
            tokio::spawn(async move {
                let mut accepting = pin!(store.accept_owned(in_partition(number)));
                let begun = futures_util::poll!(&mut accepting);
                drop(announced);
                assert!(begun.is_pending());
                accepting.await.unwrap();
            })
        })
        .collect();
    for accept in accepts {
        accept.await.unwrap();
    }
    assert_eq!(transactions(&store).await, 3);
    store.close().await;
}
