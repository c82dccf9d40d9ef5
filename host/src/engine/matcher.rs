//! Finds the steps for a task's data, without holding the thread that runs tasks longer than a slice.
//!
//! What is little work, nearly all, is done at once. What is more (large data, or conditions that the
//! index cannot narrow) is done on other threads, as many at once as the machine has processors and half as
//! many for one workspace: so the tasks of another one find a thread, and their runs go on meanwhile. The time there
//! counts as the workspace's, as it does on the thread that runs tasks.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use stepwell_condition::Budget;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::catalog::{Catalog, Match, TooCostly};
use crate::domain::data::Document;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits::{MATCHING_AT_ONCE_BYTES, MATCHING_AT_ONCE_UNITS, MATCHING_UNITS};

/// The steps that match, or that it takes too much work to find them; and the work that it took, in units of a
/// [`Budget`].
pub(super) struct Matched {
    pub(super) steps: Result<Vec<Match>, TooCostly>,
    pub(super) units: u64,
}

/// Counts processor time that a workspace used on another thread than its runs'.
pub(super) type Spend = Box<dyn Fn(&WorkspaceName, Duration) + Send + Sync>;

pub(super) struct Matcher {
    catalog: Arc<Catalog>,
    spend: Arc<Spend>,
    places: Arc<Semaphore>,
    /// Of these, those that a workspace may have, while it has any.
    shares: Mutex<HashMap<WorkspaceName, Weak<Semaphore>>>,
    share: usize,
}

impl Matcher {
    pub(super) fn new(catalog: Arc<Catalog>, spend: Spend) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            catalog,
            spend: Arc::new(spend),
            places: Arc::new(Semaphore::new(processors)),
            shares: Mutex::default(),
            share: processors.div_ceil(2),
        }
    }

    /// The steps of a workspace that match the data. What their conditions look at is
    /// [`Document::seen`] then.
    pub(super) async fn matching(
        &self,
        workspace: &WorkspaceName,
        data: &mut Arc<Document>,
    ) -> Matched {
        let mut tried = 0;
        if data.text().len() <= MATCHING_AT_ONCE_BYTES {
            let matched = look(&self.catalog, workspace, data, MATCHING_AT_ONCE_UNITS);
            if matched.steps.is_ok() {
                return matched;
            }
            tried = matched.units;
        }
        let place = self.place(workspace).await;
        let (catalog, workspace, mut document) =
            (self.catalog.clone(), workspace.clone(), data.clone());
        let spend = self.spend.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let _place = place;
            let begun = Instant::now();
            let matched = look(&catalog, &workspace, &mut document, MATCHING_UNITS);
            spend(&workspace, begun.elapsed());
            (matched, document)
        });
        match looking.await {
            Ok((mut matched, document)) => {
                *data = document;
                matched.units += tried;
                matched
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The threads end, and with them who waits for this.
            Err(_) => std::future::pending().await,
        }
    }

    /// A thread's place among those that match; the longest waiting workspace's comes first.
    async fn place(&self, workspace: &WorkspaceName) -> [Option<OwnedSemaphorePermit>; 2] {
        let share = {
            let mut shares = self.shares.lock();
            match shares.get(workspace).and_then(Weak::upgrade) {
                Some(share) => share,
                None => {
                    shares.retain(|_, share| share.strong_count() > 0);
                    let share = Arc::new(Semaphore::new(self.share));
                    shares.insert(workspace.clone(), Arc::downgrade(&share));
                    share
                }
            }
        };
        // They are never closed.
        let own = share.acquire_owned().await.ok();
        let place = self.places.clone().acquire_owned().await.ok();
        [own, place]
    }
}

fn look(
    catalog: &Catalog,
    workspace: &WorkspaceName,
    data: &mut Arc<Document>,
    units: u64,
) -> Matched {
    let mut budget = Budget::new(units);
    let steps = catalog.matching(workspace, data, &mut budget);
    Matched {
        steps,
        units: units - budget.left(),
    }
}
#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::clock::SimulatedClock;
    use crate::sandbox::{Sandbox, SandboxSettings};
    use crate::store::Store;
    use crate::store::memory::MemoryStore;
    use crate::vault::Vault;

    #[tokio::test]
    async fn time_on_another_thread_is_counted_for_the_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path(), Some(&"a".repeat(64))).unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let sandbox = Sandbox::new(SandboxSettings {
            concurrency: 1,
            ..SandboxSettings::default()
        });
        let clock = Arc::new(SimulatedClock::at(1_000));
        let catalog = Catalog::open(store, sandbox.unwrap(), vault, clock);
        let counted = Arc::<Mutex<Vec<(WorkspaceName, Duration)>>>::default();
        let spent = counted.clone();
        let spend = move |workspace: &WorkspaceName, used| {
            spent.lock().push((workspace.clone(), used));
        };
        let matcher = Matcher::new(catalog.await.unwrap(), Box::new(spend));
        let workspace: WorkspaceName = "default".parse().unwrap();
        for (bytes, times) in [(10, 0), (MATCHING_AT_ONCE_BYTES, 1)] {
            let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes));
            let mut data = Arc::new(Document::parse(text.into()).unwrap());
            assert!(matcher.matching(&workspace, &mut data).await.steps.is_ok());
            let counted = counted.lock();
            assert_eq!(counted.len(), times);
            assert!(
                counted
                    .iter()
                    .all(|(of, used)| *of == workspace && !used.is_zero())
            );
        }
    }
}
