//! Makes the calls of runs and records their results.

use std::sync::Arc;

use super::advance;
use super::bodies::Bodies;
use super::commit::TaskWriter;
use super::dispatcher::Dispatcher;
use super::outgoing::Outgoing;
use super::tasks::Tasks;
use super::unstored::{Unrecorded, UnstoredWork};
use crate::domain::clock::{Clock, Millis};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits::JOURNAL_BODY_BYTES;
use crate::domain::task::TaskHead;
use crate::store::StoreError;

/// Makes the calls of all runs and records them.
pub(super) struct CallRecorder {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bodies: Bodies,
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) unstored: Arc<UnstoredWork>,
    /// The store's secret, which idempotency keys are made with.
    pub(super) secret: [u8; 32],
}

impl CallRecorder {
    /// Makes a call's effect durable, whose result has its body. The body is stored first, if it is
    /// large. `is_paced`: the answer came in at the workspace's pace. If not, the run waits for that after it.
    pub(super) async fn record(
        &self,
        writer: &TaskWriter,
        (workspace, task): (&WorkspaceName, TaskId),
        effect: &mut Effect,
        is_paced: bool,
    ) -> Result<(), StoreError> {
        let whole = effect.bytes();
        // At once: the call was made, and a run that is cut off as it waits here would make it again.
        let (result, body) = self
            .bodies
            .without_body(workspace, task, &mut effect.result)
            .await?;
        let kept = Effect {
            result,
            body,
            begun: effect.begun.clone(),
            summary: effect.summary.clone(),
            ..*effect
        };
        let bytes = match is_paced {
            true => kept.bytes().min(JOURNAL_BODY_BYTES),
            false => whole,
        };
        writer.record_effect(workspace, task, kept, bytes).await
    }

    /// Remembers a call that could not be recorded, until its task is advanced again.
    pub(super) fn keep(&self, task: TaskId, call: Unrecorded) {
        self.unstored.keep_call(task, call);
    }

    /// Records the calls that a run of a task made when the store had no room. `true` if the task is to
    /// be read again. A call of a run that is over is dropped.
    pub(super) async fn record_held(
        &self,
        writer: &TaskWriter,
        head: &TaskHead,
        clock: Millis,
    ) -> Result<bool, StoreError> {
        let Some(mut calls) = self.unstored.take_calls(head.id) else {
            return Ok(false);
        };
        calls.retain(|Unrecorded { effect, began }| {
            let attempt = advance::attempt(head, &effect.begun.step);
            *began == clock && effect.run == head.runs + 1 && effect.attempt == attempt
        });
        let is_any = !calls.is_empty();
        let mut left = calls.into_iter();
        while let Some(mut call) = left.next() {
            let recorded = self
                .record(writer, (&head.workspace, head.id), &mut call.effect, false)
                .await;
            if let Err(error) = recorded {
                for call in std::iter::once(call).chain(left) {
                    self.unstored.keep_call(head.id, call);
                }
                return Err(error);
            }
        }
        Ok(is_any)
    }
}
