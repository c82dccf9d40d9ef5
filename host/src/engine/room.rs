//! While the store takes no writes, no run begins. A run that was cut off because a write of it was
//! refused is begun again from the journal when there is room, as after a crash; but a call that was
//! made and could not be recorded is remembered, and recorded then, so that it is not made twice.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Engine;
use super::advance;
use super::commit::TaskWriter;
use super::held::Unrecorded;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::store::{Health, StoreError};

/// How often what was cut off is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    /// Remembers a task that could not be carried on for want of the store.
    pub(super) fn hold_back(&self, workspace: &WorkspaceName, task: TaskId) {
        self.held.tasks.lock().push((workspace.clone(), task));
    }

    /// Records the calls that a run of a task made when the store had no room. `true` if the task is to
    /// be read again. What was made by a run that is over by now is dropped.
    pub(super) async fn record_held(
        &self,
        writer: &TaskWriter,
        head: &TaskHead,
        clock: Millis,
    ) -> Result<bool, StoreError> {
        let Some(mut calls) = self.held.calls.lock().remove(&head.id) else {
            return Ok(false);
        };
        calls.retain(|Unrecorded { effect, began }| {
            let attempt = advance::attempt(head, &effect.begun.step);
            *began == clock && effect.run == head.runs + 1 && effect.attempt == attempt
        });
        let is_any = !calls.is_empty();
        let mut left = calls.into_iter();
        while let Some(call) = left.next() {
            let recorded = self
                .record(writer, &head.workspace, head.id, &call.effect)
                .await;
            if let Err(error) = recorded {
                let mut held = self.held.calls.lock();
                held.entry(head.id)
                    .or_default()
                    .extend(std::iter::once(call).chain(left));
                return Err(error);
            }
        }
        Ok(is_any)
    }
}

/// Holds runs back while the store takes no writes. Runs until the engine is dropped.
pub(super) async fn watch(engine: Weak<Engine>) {
    let Some(mut health) = engine.upgrade().map(|engine| engine.store.health()) else {
        return;
    };
    loop {
        let now = *health.borrow_and_update();
        let Some(alive) = engine.upgrade() else {
            return;
        };
        alive.queue.hold(now != Health::Writable);
        if now == Health::Writable {
            let tasks = std::mem::take(&mut *alive.held.tasks.lock());
            go_on(&alive, tasks);
        }
        drop(alive);
        // A store that never changes has nobody to tell it.
        if let Ok(Err(_)) = tokio::time::timeout(LOOK_AGAIN, health.changed()).await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn go_on(engine: &Arc<Engine>, tasks: Vec<(WorkspaceName, TaskId)>) {
    for (workspace, task) in tasks {
        engine.queue.wake(&workspace, task);
    }
    engine.run_more();
    engine.timer_set.notify_one();
}
