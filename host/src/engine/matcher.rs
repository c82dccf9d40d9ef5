//! Finds the steps for a task's data, without holding the thread that runs tasks longer than a slice.
//!
//! Little work, which is nearly all, is done at once. More work (large data, or conditions that the
//! index cannot narrow) is done on other threads ([`FairPool`]).

use std::sync::Arc;

use stepwell_condition::Budget;

use super::blocking::FairPool;
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

pub(super) struct Matcher {
    catalog: Arc<Catalog>,
    pool: Arc<FairPool>,
}

impl Matcher {
    pub(super) fn new(catalog: Arc<Catalog>, pool: Arc<FairPool>) -> Self {
        Self { catalog, pool }
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
        let (catalog, of, mut document) = (self.catalog.clone(), workspace.clone(), data.clone());
        let looking = self.pool.run_for(workspace, move || {
            let matched = look(&catalog, &of, &mut document, MATCHING_UNITS);
            (matched, document)
        });
        let (mut matched, document) = looking.await;
        *data = document;
        matched.units += tried;
        matched
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

    use super::super::blocking::Turn;
    use super::*;
    use crate::catalog::in_memory;
    use crate::clock::SimulatedClock;

    #[tokio::test]
    async fn work_on_another_thread_has_a_turn_of_the_workspace() {
        let catalog = in_memory(Arc::new(SimulatedClock::at(1_000))).await;
        let counted = Arc::<Mutex<Vec<WorkspaceName>>>::default();
        let spent = counted.clone();
        let turns = move |workspace: &WorkspaceName| {
            spent.lock().push(workspace.clone());
            Box::pin(std::future::ready(Box::new(()) as Turn)) as _
        };
        let pool = FairPool::new(Box::new(|_, _| ()), Box::new(turns));
        let pool = Arc::new(pool.unwrap());
        let matcher = Matcher::new(catalog, pool);
        let workspace: WorkspaceName = "default".parse().unwrap();
        for (bytes, times) in [(10, 0), (MATCHING_AT_ONCE_BYTES, 1)] {
            let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes));
            let mut data = Arc::new(Document::parse(text.into()).unwrap());
            assert!(matcher.matching(&workspace, &mut data).await.steps.is_ok());
            let counted = counted.lock();
            assert_eq!(counted.len(), times);
            assert!(counted.iter().all(|of| *of == workspace));
        }
    }
}
