//! What finished tasks cost, beside a bare program that inserts the same rows. `cargo test --release --lib figures -- --ignored
//! --nocapture`, on a machine that does nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::server::PostgresServer;
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::domain::run::Ended;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{new_task, run_entry, workspace};
use crate::store::{Claim, NewTask, Store as _};

const LASTS: Duration = Duration::from_secs(5);

fn finished() -> NewTask {
    let data = format!(r#"{{"a":"{}"}}"#, "x".repeat(490));
    let mut task = new_task(&workspace("acme"), TaskId::new(), &data);
    task.head.version = 2;
    task.head.standing = TaskState::Done.into();
    task.entries = vec![run_entry(1, Ended::Finished)];
    task
}

/// Microseconds of processor time of this process and of the server's.
async fn cpu(session: &Session) -> u64 {
    let pid: String = (session.client)
        .query_one(
            "select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path().join("stat");
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let own: u32 = text.split(' ').next().unwrap().parse().unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split(' ').collect();
        if fields[2] == pid || own == std::process::id() {
            ticks += fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap();
        }
    }
    ticks * 10_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn figures() {
    let server = PostgresServer::with(&["fsync=on", "shared_buffers=256MB", "max_wal_size=4GB"]);
    let settings = PostgresSettings::new(&server.url(), std::env::temp_dir()).unwrap();
    let store = PostgresStore::open(settings).await.unwrap();
    let session = Session::open(&store.shared.settings).await.unwrap();
    for callers in [16, 64, 256, 1024] {
        let count = Arc::new(AtomicU64::new(0));
        let (began, before) = (Instant::now(), cpu(&session).await);
        let callers_now: Vec<_> = (0..callers)
            .map(|_| {
                let (store, count) = (store.clone(), count.clone());
                tokio::spawn(async move {
                    while began.elapsed() < LASTS {
                        store.accept_owned(finished()).await.unwrap();
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for caller in callers_now {
            caller.await.unwrap();
        }
        report(
            "store",
            callers,
            &count,
            began,
            cpu(&session).await - before,
        );
    }
    for size in [16, 64, 256] {
        let count = Arc::new(AtomicU64::new(0));
        let (began, before) = (Instant::now(), cpu(&session).await);
        let bare: Vec<_> = (0..LANES)
            .map(|_| {
                let (shared, count) = (store.shared.clone(), count.clone());
                tokio::spawn(async move { bare(&shared, size, began, &count).await })
            })
            .collect();
        for lane in bare {
            lane.await.unwrap();
        }
        report("bare", size, &count, began, cpu(&session).await - before);
    }
    store.close().await;
}

fn report(what: &str, size: usize, count: &AtomicU64, began: Instant, cpu: u64) {
    let count = count.load(Ordering::Relaxed);
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!(
        "{what} {size}: {rate:.0}/s, {} us of CPU a task",
        cpu / count.max(1)
    );
}

/// Inserts groups of the same rows, without a look at anything.
async fn bare(shared: &Shared, size: usize, began: Instant, count: &AtomicU64) {
    let session = Session::open(&shared.settings).await.unwrap();
    while began.elapsed() < LASTS {
        let parts: Vec<Part> = (0..size)
            .map(|_| {
                let task = finished();
                let partition = Partition::of(task.head.id);
                Part::accept(
                    Claim {
                        partition,
                        epoch: 1,
                    },
                    task,
                )
                .unwrap()
            })
            .collect();
        let mut group = group::Group::default();
        let owned = |part: &Part| (part.claim.partition, (Some(0), 1));
        group.partitions = parts.iter().map(owned).collect();
        group.take(&parts).unwrap();
        let lock: Vec<i16> = group.partitions.keys().copied().map(look::index).collect();
        session.run("begin").await.unwrap();
        let locked = "select from partitions where id = any($1) order by id for share";
        session.query(locked, &[&lock]).await.unwrap();
        let (written, committed) = put::put(&session, &group).await;
        written.and(committed).unwrap();
        count.fetch_add(size as u64, Ordering::Relaxed);
    }
}
