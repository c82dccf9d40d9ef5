//! Checks of the threads: jobs come to their ends, and are dropped where they stand at the threads' end.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn workers() -> (Arc<Threads>, Workers) {
    let threads = Arc::new(Threads::start().unwrap());
    let workers = Workers::new(threads.clone(), HashMap::new(), Arc::default());
    (threads, workers)
}

fn name(text: &str) -> WorkspaceName {
    text.parse().unwrap()
}

/// Computes in slices until it is told to stop.
async fn computes(stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn every_job_comes_to_its_end() {
    let (_threads, workers) = workers();
    let (ends, ended) = mpsc::channel();
    for number in 0..300 {
        let ends = ends.clone();
        let job = async move {
            for turn in 0..20 {
                match (number + turn) % 3 {
                    0 => tokio::task::yield_now().await,
                    1 => tokio::time::sleep(Duration::from_micros(200)).await,
                    _ => tokio::spawn(async {}).await.unwrap(),
                }
            }
            ends.send(number).unwrap();
        };
        workers.spawn(&name(&format!("w{}", number % 7)), Box::pin(job));
    }
    let mut all: Vec<u32> = (0..300)
        .map(|_| ended.recv_timeout(PATIENCE).unwrap())
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}

#[test]
fn a_panic_ends_its_job_alone() {
    let (_threads, workers) = workers();
    let (ends, ended) = mpsc::channel();
    for number in 0..20 {
        let ends = ends.clone();
        let job = async move {
            tokio::task::yield_now().await;
            assert!(number % 2 == 0, "a planted panic");
            ends.send(number).unwrap();
        };
        workers.spawn(&name("w"), Box::pin(job));
    }
    for _ in 0..10 {
        assert_eq!(ended.recv_timeout(PATIENCE).unwrap() % 2, 0);
    }
}

#[test]
fn other_workspaces_go_on_while_one_computes() {
    let (_threads, workers) = workers();
    let (loud, quiet) = (name("loud"), name("quiet"));
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..50 {
        workers.spawn(&loud, Box::pin(computes(stop.clone())));
    }
    let until = Instant::now() + PATIENCE;
    // The others are between two turns; on a busy machine these are many.
    while workers.computing(&loud) < 20 {
        assert!(Instant::now() < until, "{}", workers.computing(&loud));
        std::thread::yield_now();
    }
    // None of the others has ended when these have.
    for _ in 0..20 {
        let (ends, ended) = mpsc::channel();
        let job = async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            ends.send(()).unwrap();
        };
        workers.spawn(&quiet, Box::pin(job));
        ended.recv_timeout(PATIENCE).unwrap();
    }
    assert!(workers.computing(&loud) > 0);
    assert_eq!(workers.computing(&quiet), 0);
    stop.store(true, Ordering::Relaxed);
    while workers.computing(&loud) > 0 {
        assert!(Instant::now() < until, "{}", workers.computing(&loud));
        std::thread::yield_now();
    }
}

#[test]
fn what_is_under_way_is_dropped_where_it_stands() {
    struct Dropped(mpsc::Sender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (threads, workers) = workers();
    let (drops, dropped) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..10 {
        let (waits, goes_on) = (Dropped(drops.clone()), Dropped(drops.clone()));
        let job = async move {
            std::future::pending::<()>().await;
            drop(waits);
        };
        workers.spawn(&name("waits"), Box::pin(job));
        let computing = computes(stop.clone());
        let job = async move {
            computing.await;
            drop(goes_on);
        };
        workers.spawn(&name("computes"), Box::pin(job));
    }
    threads.stop();
    for _ in 0..20 {
        dropped.recv_timeout(PATIENCE).unwrap();
    }
    let late = Dropped(drops);
    workers.spawn(&name("late"), Box::pin(async move { drop(late) }));
    dropped.recv_timeout(PATIENCE).unwrap();
}

/// Gives the thread back as a guest does, which can go on at once. Tokio's own would be woken later.
async fn gives_back() {
    let mut gave = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Has so many jobs of the workspace compute in slices, until the flag is set. They count their slices.
fn compute(
    workers: &Workers,
    workspace: &WorkspaceName,
    jobs: usize,
) -> (Arc<AtomicBool>, Arc<AtomicU64>) {
    let stop = Arc::<AtomicBool>::default();
    let slices = Arc::<AtomicU64>::default();
    for _ in 0..jobs {
        let (stop, slices) = (stop.clone(), slices.clone());
        let job = async move {
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(2) {
                    std::hint::spin_loop();
                }
                slices.fetch_add(1, Ordering::Relaxed);
                gives_back().await;
            }
        };
        workers.spawn(workspace, Box::pin(job));
    }
    (stop, slices)
}

/// What other threads do for a workspace is its time: it has its next turn when another one has had as much.
#[test]
fn time_on_other_threads_is_the_workspaces() {
    let (_threads, workers) = workers();
    let (matches, computes) = (name("matches"), name("computes"));
    let (stop, slices) = compute(&workers, &computes, 8);
    let until = Instant::now() + PATIENCE;
    while workers.computing(&computes) < 4 {
        assert!(Instant::now() < until, "{}", workers.computing(&computes));
        std::thread::yield_now();
    }
    let mut waited = Vec::new();
    for used in [Duration::ZERO, Duration::from_millis(800)] {
        let (ends, ended) = mpsc::channel();
        let (goes_on, waits) = tokio::sync::oneshot::channel();
        let job = async move { ends.send(waits.await.is_ok()).unwrap() };
        workers.spawn(&matches, Box::pin(job));
        workers.spend(&matches, used);
        let before = slices.load(Ordering::Relaxed);
        goes_on.send(()).unwrap();
        assert!(ended.recv_timeout(PATIENCE).unwrap());
        waited.push(slices.load(Ordering::Relaxed) - before);
    }
    stop.store(true, Ordering::Relaxed);
    // Slices are of the clock: beside other programs fewer of them make up what was used.
    assert!(waited[1] > 20 && waited[1] > 4 * waited[0], "{waited:?}");
}

/// A connection that is kept, or a call that hangs, takes nothing from others.
#[test]
fn what_waits_keeps_no_workspace_active() {
    let (_threads, workers) = workers();
    let (waits, other) = (name("waits"), name("other"));
    let (goes_on, told) = tokio::sync::oneshot::channel();
    let job = workers.run(&waits, Box::pin(told));
    let until = Instant::now() + PATIENCE;
    workers.spawn(&other, Box::pin(std::future::pending()));
    while !workers.has_one_workspace() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!job.is_finished());
    goes_on.send(7).unwrap();
    while !job.is_finished() {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
}

/// A future that is polled elsewhere has turns with the workspace's runs.
#[test]
fn what_is_charged_where_it_is_awaited_waits_for_its_turn() {
    let (_threads, workers) = workers();
    let (loud, parses) = (name("loud"), name("parses"));
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..20 {
        workers.spawn(&loud, Box::pin(computes(stop.clone())));
    }
    let long = Box::pin(async {
        for _ in 0..5 {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(6) {
                std::hint::spin_loop();
            }
            gives_back().await;
        }
        7
    });
    let charged = workers.charge(&parses, long);
    let elsewhere = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(charged)
    });
    let until = Instant::now() + PATIENCE;
    let mut has_waited = false;
    while !elsewhere.is_finished() {
        assert!(Instant::now() < until);
        has_waited |= workers.computing(&parses) > 0;
        std::thread::yield_now();
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(elsewhere.join().unwrap(), 7);
    assert!(has_waited);
    assert_eq!(workers.computing(&parses), 0);
}

#[test]
fn what_is_dropped_while_it_waits_for_its_turn_takes_none() {
    let (_threads, workers) = workers();
    let (loud, gives_up) = (name("loud"), name("gives-up"));
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..20 {
        workers.spawn(&loud, Box::pin(computes(stop.clone())));
    }
    let until = Instant::now() + PATIENCE;
    while workers.computing(&loud) < 10 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    for _ in 0..20 {
        let mut charged = workers.charge(&gives_up, Box::pin(computes(stop.clone())));
        let mut context = Context::from_waker(std::task::Waker::noop());
        while workers.computing(&gives_up) == 0 {
            assert!(Instant::now() < until);
            assert!(Pin::new(&mut charged).poll(&mut context).is_pending());
        }
        drop(charged);
    }
    stop.store(true, Ordering::Relaxed);
    while workers.computing(&loud) + workers.computing(&gives_up) > 0 {
        assert!(Instant::now() < until, "a turn was not given back");
        std::thread::yield_now();
    }
}

/// A workspace in debt has turns for each poll. A job of it that waits for something else has no more of them than wake it.
#[test]
fn who_waits_in_debt_is_not_polled_again_and_again() {
    let (_threads, workers) = workers();
    let (loud, quiet) = (name("loud"), name("quiet"));
    // Others are active.
    workers.spawn(&quiet, Box::pin(std::future::pending()));
    let polls = Arc::<AtomicU64>::default();
    workers.spend(&loud, Duration::from_millis(900));
    for _ in 0..4 {
        let polls = polls.clone();
        let waits = std::future::poll_fn(move |_| {
            polls.fetch_add(1, Ordering::Relaxed);
            Poll::Pending
        });
        workers.spawn(&loud, Box::pin(waits));
    }
    let until = Instant::now() + PATIENCE;
    while polls.load(Ordering::Relaxed) < 4 {
        assert!(Instant::now() < until, "they have had no turn");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls < 40, "{polls}");
    assert_eq!(workers.computing(&loud), 0);
}

/// Work beside the jobs waits only if its workspace has used more than its share, and no job waits for it.
#[test]
fn work_on_another_thread_waits_for_its_turn_and_jobs_go_on_beside_it() {
    let (_threads, workers) = workers();
    let (loud, quiet) = (name("loud"), name("quiet"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // It is active, and waits.
    workers.spawn(&quiet, Box::pin(std::future::pending()));
    let (stop, slices) = compute(&workers, &loud, 2 * cores);
    let until = Instant::now() + PATIENCE;
    let wait_for = |what: &str, holds: &dyn Fn() -> bool| {
        while !holds() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait_for("turns", &|| workers.computing(&loud) >= cores);
    let at_once = workers.work(&quiet).now_or_never();
    assert!(at_once.is_some(), "it is within its share");
    drop(at_once);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let in_debt = || workers.spend(&loud, Duration::from_millis(800));
    in_debt();
    let mut held = Vec::new();
    for _ in 0..2 * cores {
        held.push(runtime.block_on(workers.work(&loud)));
    }
    let before = slices.load(Ordering::Relaxed);
    wait_for("the jobs go on", &|| {
        slices.load(Ordering::Relaxed) > before + 20
    });
    drop(held);
    // What is dropped while it waits takes none.
    for _ in 0..20 {
        in_debt();
        let mut waits = Box::pin(workers.work(&loud));
        runtime.block_on(async { drop(futures_util::poll!(&mut waits)) });
    }
    stop.store(true, Ordering::Relaxed);
    wait_for("a turn was not given back", &|| {
        workers.computing(&loud) == 0
    });
    assert_eq!(workers.shared.share.read().turns(), (0, 0));
}

#[test]
fn a_panic_in_a_turn_gives_that_back() {
    let (_threads, workers) = workers();
    let (panics, other) = (name("panics"), name("other"));
    let computes = |ends: Option<mpsc::Sender<()>>| async move {
        for _ in 0..10 {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
            gives_back().await;
        }
        ends.expect("a planted panic").send(()).unwrap();
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..4 * cores {
        workers.spawn(&panics, Box::pin(computes(None)));
    }
    let (ends, ended) = mpsc::channel();
    workers.spawn(&other, Box::pin(computes(Some(ends))));
    ended.recv_timeout(PATIENCE).unwrap();
    let until = Instant::now() + PATIENCE;
    while workers.shared.share.read().turns() != (0, 0) {
        assert!(Instant::now() < until, "a turn was not given back");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(workers.computing(&panics), 0);
}
