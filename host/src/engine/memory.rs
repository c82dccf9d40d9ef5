//! Memory for tasks under way. A task is charged for its data, for the values that matching parses of it, for
//! recorded calls and for a run's instance before its run begins. What does not fit waits in its workspace's
//! lane and holds nothing meanwhile.
//!
//! A run that needs more while it computes does not wait for it, as its peers may hold memory and wait, too: it is
//! ended and begun again, as after a crash, when all that it may need can be set aside for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::advanced::{MemoryNeeds, NoRoom};
use super::dispatcher::Dispatcher;
use crate::domain::budget::{Budget, Permit};
use crate::domain::data::{Document, memory_estimate};
use crate::domain::effect::{CallResult, Effect};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits::RUN_MEMORY;
use crate::domain::task::StoredTask;

/// What a task under way takes beside its data and its run's linear memory: stack, instance, head, tables.
const TASK_BYTES: u64 = 256 * 1024;
/// Data that is charged without a look at it, in bytes.
const SMALL: usize = 8 * 1024;
/// How long the end of a run waits for the memory that comparing its data takes. Then it goes on without: what
/// has run is not to be lost, and no more ends than there are processors compare data at the same time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The memory that tasks under way share with the rest of the server.
pub(super) struct Memory {
    budget: Arc<Budget>,
}

/// Memory that is given back when this is dropped.
pub(super) enum Room<'a> {
    /// So many bytes of a permit.
    Of(&'a Permit, u64),
    /// A permit of its own, if there was memory for it.
    Own(#[allow(dead_code, reason = "it is only held")] Option<Permit>),
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Self::Of(permit, bytes) = self {
            permit.shrink(*bytes);
        }
    }
}

impl Memory {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget }
    }

    /// Charges a workspace for a task that is to be read from the store. `needs` is what an earlier attempt
    /// found out.
    pub(super) fn begin(
        &self,
        workspace: &WorkspaceName,
        needs: MemoryNeeds,
    ) -> Result<Arc<Permit>, NoRoom> {
        let seen = self.budget.released();
        let least = (needs.matching.max(needs.run))
            .max(TASK_BYTES + RUN_MEMORY)
            .min(self.budget.most());
        match self.budget.hold(workspace, TASK_BYTES, least) {
            Ok(permit) => Ok(Arc::new(permit)),
            Err(_) => Err(NoRoom { needs, seen }),
        }
    }

    /// Charges a task for its data and effects, and for what matching parses of them.
    pub(super) fn admit(
        &self,
        permit: &Permit,
        task: &StoredTask,
        needs: MemoryNeeds,
    ) -> Result<(), NoRoom> {
        let seen = self.budget.released();
        let wanted = held(&task.data, &task.effects) + parsed(&task.data);
        // What an earlier attempt waited for stays set aside, for its results of subtasks too.
        let matching = (needs.run.max(needs.matching))
            .max(wanted + RUN_MEMORY)
            .min(self.budget.most());
        let sized = permit.resize(wanted.min(matching), matching);
        sized.map_err(|_| NoRoom {
            needs: MemoryNeeds { matching, ..needs },
            seen,
        })
    }

    /// A run is next: values that were parsed for matching are dropped.
    pub(super) fn matched(
        &self,
        permit: &Permit,
        data: &mut Arc<Document>,
        effects: &[Effect],
        needs: MemoryNeeds,
    ) {
        if data.has_large() {
            Arc::make_mut(data).drop_large_values();
        }
        let held = held(data.text(), effects);
        // It is less than before.
        let _ = permit.resize(
            held,
            needs.run.max(held + RUN_MEMORY).min(self.budget.most()),
        );
    }

    /// A run has ended: its data is to be compared, and matched again.
    pub(super) async fn ended(&self, permit: &Permit, data: &str) {
        let held = held(data, &[]);
        let _ = permit.resize(held, 0);
        if data.len() > SMALL {
            let parsed = (2 * parsed(data)).min(self.budget.most().saturating_sub(held));
            // Without a bound this could wait for a peer that waits here as well.
            let _ = timeout_at(Self::patience(), permit.wait_to_grow(parsed)).await;
        }
    }

    /// Memory for work on a task's values, from its permit.
    pub(super) fn room<'a>(&self, permit: &'a Permit, needs: u64) -> Result<Room<'a>, NoRoom> {
        let seen = self.budget.released();
        let used = permit.used();
        let bytes = needs.min(self.budget.most().saturating_sub(used));
        match permit.grow(bytes) {
            Ok(()) => Ok(Room::Of(permit, bytes)),
            Err(_) => Err(NoRoom {
                needs: MemoryNeeds {
                    matching: used + bytes,
                    run: 0,
                },
                seen,
            }),
        }
    }

    /// As [`Memory::room`], beside any permit, for work that is not to be lost: from `until` on it is done without.
    pub(super) async fn wait<'a>(
        &self,
        workspace: &WorkspaceName,
        needs: u64,
        until: Instant,
    ) -> Room<'a> {
        let needs = needs.min(self.budget.most());
        let waits = self.budget.wait_for(workspace, needs);
        Room::Own(timeout_at(until, waits).await.ok())
    }

    /// Until when a run's end, or what it is to others, waits for memory.
    pub(super) fn patience() -> Instant {
        Instant::now() + PATIENCE
    }

    /// Memory for values that are looked at or changed, by a request that holds `beside` already: see
    /// [`Budget::wait_briefly_for`].
    pub(super) async fn take(
        &self,
        workspace: &WorkspaceName,
        needs: u64,
        beside: u64,
    ) -> Option<Permit> {
        let budget = &self.budget;
        budget.wait_briefly_for(workspace, needs, beside).await
    }

    /// Says that a run found no memory: `run` bytes are set aside before it begins again.
    pub(super) fn none(&self, run: u64) -> NoRoom {
        let seen = self.budget.released();
        let needs = MemoryNeeds { matching: 0, run };
        NoRoom { needs, seen }
    }

    /// Whether anything was given back since `seen`.
    pub(super) fn was_released_since(&self, seen: u64) -> bool {
        self.budget.released() != seen
    }

    /// Has lanes tried again that wait for memory, whenever some was given back.
    pub(super) async fn feed(self: Arc<Self>, dispatcher: Arc<Dispatcher>) {
        let starved = dispatcher.queue.starved();
        loop {
            starved.notified().await;
            loop {
                let seen = self.budget.released();
                if !dispatcher.queue.retry_starved_lanes() {
                    break;
                }
                dispatcher.run_more();
                self.budget.wait(seen).await;
            }
        }
    }
}

/// What a task under way holds all the time. Its text is there twice while it is written.
fn held(data: &str, effects: &[Effect]) -> u64 {
    let bodies = effects.iter().map(|effect| match &effect.result {
        CallResult::Fetch(Ok(response)) => response.body.len(),
        CallResult::Operation(Ok(text)) => text.len(),
        _ => 0,
    });
    TASK_BYTES + 2 * (data.len() + bodies.sum::<usize>()) as u64
}

/// What the values of data take while it is matched.
fn parsed(data: &str) -> u64 {
    match data.len() {
        ..=SMALL => 0,
        _ => memory_estimate(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::store::conformance::samples;

    #[test]
    fn what_a_task_waited_for_stays_set_aside_while_it_is_read() {
        const MIB: u64 = 1024 * 1024;
        let budget = Budget::new(512 * MIB);
        let memory = Memory::new(budget.clone());
        let workspace = "acme".parse().unwrap();
        let needs = MemoryNeeds {
            matching: 200 * MIB,
            run: 0,
        };
        let Ok(permit) = memory.begin(&workspace, needs) else {
            panic!("nothing else is in use");
        };
        let new = samples::new_task(&workspace, TaskId::new(), "{}");
        let task = StoredTask {
            head: new.head,
            data: new.data,
            effects: Vec::new(),
            journal: 0,
        };
        assert!(memory.admit(&permit, &task, needs).is_ok());
        assert_eq!(budget.used(), needs.matching);
        // For what it waited for it takes no more from the others.
        let room = memory.room(&permit, 150 * MIB).ok();
        assert!(room.is_some());
        assert_eq!(budget.used(), needs.matching);
    }
}
