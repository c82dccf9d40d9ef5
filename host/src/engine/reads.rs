//! Reads that users ask for: lists, counts, searches and views walk through the store on the threads for what waits for
//! the disk, which all of the server needs. So a few of them are under way at once, fewer of one workspace, and the
//! processor time of what they do there counts as the workspace's.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::blocking::FairPool;
use crate::domain::blocking::{Meter, metered};
use crate::domain::ids::WorkspaceName;
use crate::domain::places::{Place, Places};

/// Reads at once: half of the threads for the disk are left to everything else.
const AT_ONCE: usize = 16;
/// Reads at once of one workspace.
const AT_ONCE_OF_ONE: usize = 4;

/// Reads of all workspaces.
pub struct Reads {
    places: Places,
    pool: Arc<FairPool>,
}

/// A read of a workspace. What it does on a thread holds it: a client that goes away gives nothing back before that ends.
struct Under {
    pool: Arc<FairPool>,
    workspace: WorkspaceName,
    _place: Place,
}

impl Meter for Under {
    fn measure(&self, work: &mut dyn FnMut()) {
        let (began, used) = (Instant::now(), thread_time());
        work();
        let used = match (used, thread_time()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => began.elapsed(),
        };
        self.pool.spend(&self.workspace, used);
    }
}

/// The processor time of this thread so far, as far as the kernel tells.
fn thread_time() -> Option<Duration> {
    let read = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = read.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

impl Reads {
    /// Reads whose time `pool` counts.
    pub(super) fn new(pool: Arc<FairPool>) -> Self {
        Self {
            places: Places::new(AT_ONCE, AT_ONCE_OF_ONE),
            pool,
        }
    }

    /// Reads as soon as the workspace has a place for it and has not used more than its share of the processors.
    pub async fn run<F: Future>(&self, workspace: &WorkspaceName, read: F) -> F::Output {
        let turn = self.pool.turn(workspace);
        let place = self.places.take_after(workspace, turn).await;
        let under = Under {
            pool: self.pool.clone(),
            workspace: workspace.clone(),
            _place: place,
        };
        metered(Arc::new(under), read).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::pin::pin;

    use futures_util::poll;
    use parking_lot::{Condvar, Mutex};

    use super::*;
    use crate::domain::blocking::spawn_blocking;

    fn reads() -> (Reads, Arc<Mutex<HashMap<WorkspaceName, Duration>>>) {
        let spent = Arc::<Mutex<HashMap<WorkspaceName, Duration>>>::default();
        let counted = spent.clone();
        let spend = move |workspace: &WorkspaceName, used| {
            *counted.lock().entry(workspace.clone()).or_default() += used;
        };
        let turns = |_: &WorkspaceName| {
            Box::pin(async { Box::new(()) as super::super::blocking::Turn })
                as std::pin::Pin<Box<_>>
        };
        let pool = FairPool::new(Box::new(spend), Box::new(turns)).unwrap();
        (Reads::new(Arc::new(pool)), spent)
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_keeps_its_place_until_its_work_ends() {
        let (reads, _) = reads();
        let (loud, quiet): (WorkspaceName, WorkspaceName) =
            ("loud".parse().unwrap(), "quiet".parse().unwrap());
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        for _ in 0..AT_ONCE_OF_ONE {
            let gate = gate.clone();
            let mut read = pin!(reads.run(&loud, async {
                spawn_blocking(move || {
                    let mut is_open = gate.0.lock();
                    // In a test that fails it is not opened.
                    let most = Duration::from_secs(30);
                    gate.1
                        .wait_while_for(&mut is_open, |is_open| !*is_open, most);
                })
                .await
            }));
            assert!(poll!(&mut read).is_pending());
            // Its client hangs up.
        }
        let mut more = pin!(reads.run(&loud, async {}));
        assert!(poll!(&mut more).is_pending());
        reads.run(&quiet, async {}).await;
        *gate.0.lock() = true;
        gate.1.notify_all();
        more.await;
    }

    #[tokio::test]
    async fn what_a_read_computes_is_its_workspaces_time() {
        let (reads, spent) = reads();
        let loud: WorkspaceName = "loud".parse().unwrap();
        let compute = || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(50) {
                std::hint::black_box((0..10_000).sum::<u64>());
            }
        };
        reads.run(&loud, spawn_blocking(compute)).await.unwrap();
        let used = spent.lock()[&loud];
        assert!(used > Duration::ZERO);
        spawn_blocking(compute).await.unwrap();
        assert_eq!(spent.lock()[&loud], used, "no read has asked for it");
    }
}
