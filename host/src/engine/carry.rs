//! Carries one task from run to run until it rests.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Engine;
use super::advance;
use super::arriving::Arriving;
use super::calls::JournaledCalls;
use super::carried::Carried;
use super::children::{self, Base};
use super::commit::TaskWriter;
use super::eligible::{Candidate, Eligible, eligible};
use super::expiry;
use super::outcome::{FOR_SUBTASKS, RunFacts, RunOver, end_run, reason_of};
use super::resume;
use super::subtasks;
use crate::catalog::CatalogError;
use crate::domain::data::Document;
use crate::domain::effect::Begun;
use crate::domain::ids::{StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::run::RunInput;
use crate::domain::step::Step;
use crate::domain::task::{StoredTask, TaskHead, TaskState};
use crate::sandbox::not_run;
use crate::store::{Commit, StoreError};

impl Engine {
    /// Runs a task's steps until none is eligible, it waits, or it fails.
    pub(super) async fn carry(
        self: &Arc<Self>,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<Carried, StoreError> {
        let stored = match &arriving {
            Some(arriving) => arriving.task().await.map(StoredTask::from),
            None => None,
        };
        let stored = match stored {
            Some(stored) => Some(stored),
            None => self.store.load(workspace, task).await?,
        };
        let Some(stored) = stored else {
            return Ok(Carried::Rests);
        };
        let StoredTask {
            mut head,
            data,
            effects,
        } = stored;
        let clock = match (head.state, head.wake_at) {
            (TaskState::Ready, _) => head.ready_at,
            // A run that paused goes on by the clock that it began with.
            (TaskState::Waiting, Some(at)) if at <= self.clock.now() => {
                if head.paused.is_some() {
                    head.ready_at
                } else {
                    at
                }
            }
            (TaskState::Error, Some(at)) if at <= self.clock.now() => {
                return self.take_up_notice(writer, head).await;
            }
            (TaskState::Waiting, _) | (TaskState::Error, Some(_)) => return Ok(Carried::Waits),
            _ => return Ok(Carried::Rests),
        };
        if self.record_held(writer, &head, clock).await? {
            return Ok(Carried::Again);
        }
        if head.state == TaskState::Ready {
            // Somebody has set it going again.
            head.paused = None;
        }
        let mut recorded = effects;
        let mut data = subtasks::document(data)?;
        if self.is_orphan(writer, &head).await? {
            return Ok(Carried::Rests);
        }
        if expiry::is_over(&head, self.clock.now()) {
            let under_way = !recorded.is_empty();
            return self
                .expire(writer, head, under_way, arriving.as_deref())
                .await;
        }
        let is_between = recorded.is_empty() && head.retrying.is_none() && head.paused.is_none();
        if is_between && children::can_land(&head) {
            return self.land(writer, &head, data).await;
        }
        head.ready_at = clock;
        let mut eligible = self.eligible(&head, &mut data);
        if let Some(effect) = recorded.first() {
            self.resume(&head.workspace, &effect.begun, &mut eligible);
        } else if let Some(paused) = &head.paused
            && eligible.best().is_none_or(|best| best.name != paused.step)
        {
            // The step is gone, and so is its run, which did nothing.
            head.paused = None;
        }
        if eligible.best().is_none() {
            return self.rest(writer, head, arriving.as_deref()).await;
        }
        loop {
            let Some((candidate, step)) = eligible.steps.first() else {
                return Ok(Carried::Rests);
            };
            let stood_on = Base::of(&head);
            advance::give_up_others(&mut head, &candidate.name);
            let run = head.runs + 1;
            let attempt = advance::attempt(&head, &candidate.name);
            let input = self.input(&head, &data, run, step);
            let begun = Begun {
                step: candidate.name.clone(),
                digest: step.digest.clone(),
                observed: candidate.observed,
            };
            let is_resumed = !recorded.is_empty();
            let calls = JournaledCalls::new(
                self.clone(),
                writer.clone(),
                workspace.clone(),
                task,
                (run, attempt, begun),
                std::mem::take(&mut recorded),
                (arriving.clone(), head.ready_at),
            );
            let cut = calls.cut();
            let output = match self.catalog.component(step).await {
                Ok(component) => self.sandbox.run(&component, input, Arc::new(calls)).await,
                Err(CatalogError::NotFound { .. }) if is_resumed => resume::gone(step),
                Err(error) => not_run(error.to_string()),
            };
            if let Some(error) = cut.lock().take() {
                return Err(error);
            }
            if let Some(until) = output.paused_until {
                if let Some(arriving) = &arriving {
                    arriving.accept().await?;
                }
                let name = candidate.name.clone();
                return self.pause(writer, head, &name, until, &output).await;
            }
            let facts = RunFacts {
                run,
                started: head.ready_at,
                step,
                others: eligible.others(),
            };
            let now = self.clock.now();
            let ran = candidate.name.clone();
            let RunOver {
                attempt,
                entry,
                text,
                asked,
                next_retry_at,
            } = end_run(
                &mut head,
                &mut data,
                (candidate, facts),
                output,
                (now, rand::random()),
                |head, data| self.eligible(head, data).has(&candidate.name),
            );
            if head.state == TaskState::Ready {
                eligible = self.eligible(&head, &mut data);
                match next_retry_at.filter(|_| eligible.has(&ran)) {
                    Some(at) => {
                        head.state = TaskState::Waiting;
                        head.wake_at = Some(at);
                    }
                    None => advance::settle(&mut head, eligible.best()),
                }
            }
            self.owe_notice(&mut head, (&ran, attempt));
            let parked = entry.parked_until.is_some();
            let mut entries = vec![Entry::Run(Box::new(entry))];
            if !parked {
                entries.extend(reason_of(&head, now));
            }
            head.keep_expiry();
            let commit = Commit {
                head,
                data: text,
                entries,
            };
            let moved = self.forward(writer, arriving.as_deref(), &stood_on, commit, asked);
            head = match moved.await {
                Ok(head) => head,
                // Somebody else moved the task: what they made of it counts.
                Err(StoreError::Conflict { .. }) => return Ok(Carried::Rests),
                Err(error) => return Err(error),
            };
            match head.state {
                TaskState::Ready if expiry::is_over(&head, self.clock.now()) => {
                    return self.expire(writer, head, false, arriving.as_deref()).await;
                }
                TaskState::Ready if children::can_land(&head) => return Ok(Carried::Again),
                // Whoever wants to act on the task does so between two runs.
                TaskState::Ready if self.queue.is_open() && !self.turns.is_wanted(task) => {}
                _ if head.state.due_at(head.wake_at).is_some() => return Ok(Carried::Waits),
                _ => return Ok(Carried::Rests),
            }
        }
    }

    /// A task that no step is eligible for comes to rest.
    async fn rest(
        self: &Arc<Self>,
        writer: &TaskWriter,
        mut head: TaskHead,
        arriving: Option<&Arriving>,
    ) -> Result<Carried, StoreError> {
        let stood_on = Base::of(&head);
        let now = self.clock.now();
        head.version += 1;
        head.updated = now.max(head.updated);
        head.wake_at = None;
        head.paused = None;
        let is_there = |step: &StepName| self.catalog.step(&head.workspace, step).is_ok();
        let reason = match (
            &head.retrying,
            head.steps.iter().find(|memory| !is_there(&memory.step)),
        ) {
            (Some(retrying), _) => Some(advance::never_again(retrying, is_there(&retrying.step))),
            (None, Some(gone)) => Some(format!(
                "no step is eligible any more; step `{}`, which ran before, has been deleted",
                gone.step
            )),
            (None, None) => None,
        };
        let retrying = head.retrying.clone();
        advance::rest(&mut head, reason.clone());
        head.keep_expiry();
        if let Some(retrying) = retrying {
            self.owe_notice(&mut head, (&retrying.step, retrying.failed));
        }
        let entry = Entry::State {
            at: now,
            state: head.state,
            reason: match (head.state, reason) {
                (TaskState::Waiting, _) => FOR_SUBTASKS.into(),
                (_, Some(reason)) => reason,
                (TaskState::Unmatched, None) => "no step's condition matches the data".into(),
                (_, None) => "no step is eligible any more".into(),
            },
        };
        let commit = Commit {
            head,
            data: None,
            entries: vec![entry],
        };
        match self
            .forward(writer, arriving, &stood_on, commit, Vec::new())
            .await
        {
            Ok(head) if head.state == TaskState::Ready => Ok(Carried::Again),
            Ok(head) if head.state.due_at(head.wake_at).is_some() => Ok(Carried::Waits),
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(Carried::Rests),
            Err(error) => Err(error),
        }
    }

    pub(super) fn eligible(&self, head: &TaskHead, data: &mut Arc<Document>) -> Eligible {
        let matching = self.catalog.candidates(&head.workspace, data);
        let candidates: Vec<Candidate> = matching
            .iter()
            .map(|live| Candidate {
                name: live.step.name.clone(),
                leaves: live.pattern.leaves(),
                observed: live.pattern.observed(data.seen()),
            })
            .collect();
        Eligible {
            steps: eligible(head, &candidates)
                .into_iter()
                .map(|place| (candidates[place].clone(), matching[place].step.clone()))
                .collect(),
        }
    }

    pub(super) fn input(
        &self,
        head: &TaskHead,
        data: &Arc<Document>,
        run: u32,
        step: &Step,
    ) -> RunInput {
        RunInput {
            task: head.id,
            name: head.name.clone(),
            tags: head.tags.clone(),
            data: data.clone(),
            config: self.catalog.config(&head.workspace),
            clock: head.ready_at,
            seed: self.seed(head.id, run),
            limits: step.limits,
            depth: head.parent.as_ref().map_or(0, |parent| parent.depth),
            subtasks: head.subtasks,
            spent_ms: head.paused.as_ref().map_or(0, |paused| paused.spent_ms),
        }
    }

    /// The same for every attempt and after every crash, and nobody outside can know it.
    fn seed(&self, task: TaskId, run: u32) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.store.seed())
            .chain_update(task.as_bytes())
            .chain_update(run.to_be_bytes())
            .finalize()
            .into()
    }
}
