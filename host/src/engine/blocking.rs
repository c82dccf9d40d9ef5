//! Threads for a workspace's work that is too long for those that serve calls and runs: as many at once as the machine
//! has processors, and half as many for one workspace, so that the work of another one finds a thread, and runs go
//! on meanwhile. The time there counts as the workspace's, as it does on the threads of runs, and work of a
//! workspace that has used more than its share waits for its turn while others are active.

use std::any::Any;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

use super::cpu::Workers;
use crate::domain::blocking::{BlockingPool, Work, spawn_blocking_by};
use crate::domain::ids::WorkspaceName;
use crate::domain::places::Places;

/// Counts processor time that a workspace used on another thread than its runs'.
pub(super) type Spend = Box<dyn Fn(&WorkspaceName, Duration) + Send + Sync>;

/// Work of a workspace on the thread that has this. When it is dropped, its time counts as the workspace's.
pub(super) type Turn = Box<dyn Any + Send>;

/// Begins work of a workspace as soon as that may compute. No thread waits for it.
pub(super) type Turns =
    Box<dyn Fn(&WorkspaceName) -> Pin<Box<dyn Future<Output = Turn> + Send>> + Send + Sync>;

/// How much less urgent its threads are than those of calls and runs, which are soon done: a thread that is woken on a
/// processor of theirs need not wait for the kernel's next tick.
const NICE: i32 = 5;

/// Threads that workspaces share, see the module.
pub struct FairPool {
    threads: Option<Runtime>,
    spend: Spend,
    turns: Turns,
    places: Places,
}

impl FairPool {
    /// Threads whose work takes turns with the workers' jobs.
    ///
    /// # Errors
    /// The machine gives no threads.
    pub(super) fn of(workers: Arc<Workers>) -> io::Result<Self> {
        let all = workers.clone();
        let spend = move |workspace: &WorkspaceName, used| all.spend(workspace, used);
        let turns = move |workspace: &WorkspaceName| {
            let work = workers.work(workspace);
            Box::pin(async move { Box::new(work.await) as Turn }) as Pin<Box<_>>
        };
        Self::new(Box::new(spend), Box::new(turns))
    }

    /// # Errors
    /// The machine gives no threads.
    pub(super) fn new(spend: Spend, turns: Turns) -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = Builder::new_current_thread()
            .max_blocking_threads(processors)
            .thread_name("beside")
            .on_thread_start(|| {
                // Where it is not allowed, they are as urgent.
                let _ = rustix::process::nice(NICE);
            })
            .build()?;
        Ok(Self {
            threads: Some(threads),
            spend,
            turns,
            places: Places::new(processors, share(processors)),
        })
    }

    /// Does the work and gives its result. A caller that is dropped does not end work that has begun.
    pub async fn run_for<T: Send + 'static>(
        &self,
        workspace: &WorkspaceName,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let place = self.places.take(workspace).await;
        let turn = (self.turns)(workspace).await;
        let Some(threads) = &self.threads else {
            return std::future::pending().await;
        };
        let working = move || {
            let _place = place;
            let _turn = turn;
            work()
        };
        match spawn_blocking_by(|work| threads.spawn_blocking(work), working).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The threads end, and with them who waits for this.
            Err(_) => std::future::pending().await,
        }
    }

    /// Does work that borrows from its caller, whose thread waits for it; the other tasks of that go on elsewhere
    /// meanwhile. It takes a place as [`FairPool::run_for`] does: so not all threads that serve calls are with one
    /// workspace. To be asked for work of a millisecond and more: a thread is made for it.
    pub async fn run_borrowing<T: Send>(
        &self,
        workspace: &WorkspaceName,
        work: impl FnOnce() -> T + Send,
    ) -> T {
        let _place = self.places.take(workspace).await;
        let turn = (self.turns)(workspace).await;
        let working = || {
            let _turn = turn;
            less_urgently(work)
        };
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(working),
            // It has no other threads.
            _ => working(),
        }
    }

    /// Waits while the workspace has used more than its share and others are active.
    pub(super) async fn turn(&self, workspace: &WorkspaceName) {
        drop((self.turns)(workspace).await);
    }

    /// Counts time that a workspace used on a thread which counts none.
    pub fn spend(&self, workspace: &WorkspaceName, used: Duration) {
        (self.spend)(workspace, used);
    }
}

/// How many threads of so many a workspace may have at once.
fn share(processors: usize) -> usize {
    processors.div_ceil(2)
}

/// Does work on a thread as urgent as those of the pool, and waits for it.
fn less_urgently<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let work = Mutex::new(Some(work));
    let take = || work.lock().take();
    let done = std::thread::scope(|scope| {
        let working = || {
            // Where it is not allowed, it is as urgent.
            let _ = rustix::process::nice(NICE);
            take().map(|work| work())
        };
        let thread = std::thread::Builder::new().name("beside".to_owned());
        let thread = thread.spawn_scoped(scope, working).ok()?;
        match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    match (done, take()) {
        (Some(done), _) => done,
        // There is no thread to be had.
        (None, Some(work)) => work(),
        (None, None) => unreachable!("it is taken by who does it"),
    }
}

impl Drop for FairPool {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            // It may be dropped where nothing may wait.
            threads.shutdown_background();
        }
    }
}

impl BlockingPool for FairPool {
    fn run<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        work: Work,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.run_for(workspace, work))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use futures_util::FutureExt;
    use parking_lot::Condvar;

    use super::*;

    /// Counts the time of a turn.
    struct Counted {
        spent: Arc<Mutex<HashMap<WorkspaceName, Duration>>>,
        of: WorkspaceName,
        begun: Instant,
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            let mut spent = self.spent.lock();
            *spent.entry(self.of.clone()).or_default() += self.begun.elapsed();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_workspace_has_its_share_of_threads_and_pays_for_their_time() {
        let counted = Arc::<Mutex<HashMap<WorkspaceName, Duration>>>::default();
        let spent = counted.clone();
        let turns = move |of: &WorkspaceName| {
            let counted = Counted {
                spent: spent.clone(),
                of: of.clone(),
                begun: Instant::now(),
            };
            Box::pin(std::future::ready(Box::new(counted) as Turn)) as Pin<Box<_>>
        };
        let pool = FairPool::new(Box::new(|_, _| ()), Box::new(turns));
        let pool = Arc::new(pool.unwrap());
        let (loud, quiet): (WorkspaceName, WorkspaceName) =
            ("loud".parse().unwrap(), "quiet".parse().unwrap());
        let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let share = share(processors);
        let works = (0..4 * share).map(|_| {
            let (pool, of, now, most) = (pool.clone(), loud.clone(), now.clone(), most.clone());
            let gate = gate.clone();
            tokio::spawn(async move {
                let work = move || {
                    let at_once = now.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(at_once, Ordering::SeqCst);
                    let (is_open, opened) = &*gate;
                    opened.wait_while(&mut is_open.lock(), |is_open| !*is_open);
                    now.fetch_sub(1, Ordering::SeqCst);
                };
                pool.run(&of, Box::new(work)).await;
            })
        });
        let works: Vec<_> = works.collect();
        while most.load(Ordering::SeqCst) < share {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // With a single processor there is one place, which the loud one has.
        if processors > 1 {
            assert_eq!(pool.run_for(&quiet, || 7).await, 7);
            assert!(works.iter().all(|work| !work.is_finished()));
        }
        // Work that borrows has no place either, until one is given back.
        let here = pool.run_borrowing(&loud, || ());
        let waited = tokio::time::timeout(Duration::from_millis(20), here).await;
        assert!(waited.is_err());
        *gate.0.lock() = true;
        gate.1.notify_all();
        for work in works {
            work.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), share);
        assert!(counted.lock()[&loud] > Duration::ZERO);
        // The other tasks of its thread go on.
        let (text, (ends, ended)) = (String::from("borrowed"), std::sync::mpsc::channel());
        let others = (0..8).map(|_| {
            let ends = ends.clone();
            tokio::spawn(async move { ends.send(()).unwrap() })
        });
        let others: Vec<_> = others.collect();
        let borrowed = &text;
        let here = pool.run_borrowing(&quiet, move || {
            let wait = |_| ended.recv_timeout(Duration::from_secs(60)).is_ok();
            (0..8).all(wait) && !borrowed.is_empty()
        });
        assert!(here.await);
        // It is less urgent than its caller, and what goes wrong in it goes wrong there.
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        assert!(pool.run_borrowing(&quiet, niceness).await > niceness());
        let panics = pool.run_borrowing(&quiet, || assert!(borrowed.is_empty(), "planted"));
        let caught = std::panic::AssertUnwindSafe(panics).catch_unwind().await;
        assert!(caught.is_err());
        for other in others {
            other.await.unwrap();
        }
        assert!(counted.lock()[&quiet] > Duration::ZERO);
    }

    /// A turn may be long in coming: no thread waits for it, and who gives up has nothing.
    #[tokio::test]
    async fn who_waits_for_a_turn_holds_no_thread_and_can_give_up() {
        let is_now = Arc::<AtomicUsize>::default();
        let comes = is_now.clone();
        let turns = move |_: &WorkspaceName| {
            let comes = comes.load(Ordering::SeqCst) > 0;
            Box::pin(async move {
                if !comes {
                    std::future::pending::<()>().await;
                }
                Box::new(()) as Turn
            }) as Pin<Box<_>>
        };
        let pool = FairPool::new(Box::new(|_, _| ()), Box::new(turns)).unwrap();
        let loud: WorkspaceName = "loud".parse().unwrap();
        // This thread is the only one, and would not come back.
        let wait = Duration::from_millis(20);
        for _ in 0..2 {
            let waits = pool.run_borrowing(&loud, || ());
            assert!(tokio::time::timeout(wait, waits).await.is_err());
            let waits = pool.run_for(&loud, || ());
            assert!(tokio::time::timeout(wait, waits).await.is_err());
        }
        is_now.store(1, Ordering::SeqCst);
        // All places are free again.
        assert_eq!(pool.run_for(&loud, || 7).await, 7);
        assert_eq!(pool.run_borrowing(&loud, || 7).await, 7);
    }
}
