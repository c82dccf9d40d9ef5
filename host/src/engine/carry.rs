//! Carries one task from run to run until it rests.

use std::ops::ControlFlow;
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
use super::outcome::{FOR_SUBTASKS, Printed, RunFacts, end_run, reason_of};
use super::resume;
use super::subtasks;
use crate::catalog::CatalogError;
use crate::domain::clock::Millis;
use crate::domain::data::Document;
use crate::domain::effect::{Begun, Effect};
use crate::domain::ids::{StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::run::{RunInput, RunOutcome, RunOutput};
use crate::domain::step::Step;
use crate::domain::task::{StoredTask, TaskHead, TaskState};
use crate::sandbox::not_run;
use crate::store::{Commit, StoreError};

/// A task that is carried from run to run.
struct Carrying<'a> {
    writer: &'a TaskWriter,
    /// The task, if it may not be durable yet.
    arriving: Option<Arc<Arriving>>,
    head: TaskHead,
    data: Arc<Document>,
    /// The steps that may run now.
    eligible: Eligible,
    /// What an earlier process recorded of the run that is to be gone on with.
    recorded: Vec<Effect>,
}

/// A task goes on, or is left.
type Way<'a> = ControlFlow<Carried, Carrying<'a>>;

impl Engine {
    /// Runs a task's steps until none is eligible, it waits, or it fails.
    pub(super) async fn carry(
        self: &Arc<Self>,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<Carried, StoreError> {
        let new = match &arriving {
            Some(arriving) => arriving.task().await.map(StoredTask::from),
            None => None,
        };
        let stored = match new {
            Some(stored) => Some(stored),
            None => self.store.load(workspace, task).await?,
        };
        let Some(stored) = stored else {
            return Ok(Carried::Rests);
        };
        let mut way = self.take_up(writer, stored, arriving).await?;
        loop {
            way = match way {
                ControlFlow::Continue(carrying) => self.run_best(carrying).await?,
                ControlFlow::Break(carried) => return Ok(carried),
            };
        }
    }

    /// Looks at a task as the store has it: whether a run is next, and which.
    async fn take_up<'a>(
        self: &Arc<Self>,
        writer: &'a TaskWriter,
        stored: StoredTask,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<Way<'a>, StoreError> {
        let StoredTask {
            mut head,
            data,
            effects: recorded,
        } = stored;
        let now = self.clock.now();
        let clock = match (head.state, head.wake_at) {
            (TaskState::Ready, _) => head.ready_at,
            // A run that paused goes on by the clock that it began with.
            (TaskState::Waiting, Some(at)) if at <= now && head.paused.is_some() => head.ready_at,
            (TaskState::Waiting, Some(at)) if at <= now => at,
            (TaskState::Error, Some(at)) if at <= now => {
                return self.take_up_notice(writer, head).await.map(Way::Break);
            }
            (TaskState::Waiting, _) | (TaskState::Error, Some(_)) => {
                return Ok(Way::Break(Carried::Waits));
            }
            _ => return Ok(Way::Break(Carried::Rests)),
        };
        if self.record_held(writer, &head, clock).await? {
            return Ok(Way::Break(Carried::Again));
        }
        if head.state == TaskState::Ready {
            // Somebody has set it going again.
            head.paused = None;
        }
        let mut data = subtasks::document(data)?;
        if self.is_orphan(writer, &head).await? {
            return Ok(Way::Break(Carried::Rests));
        }
        if expiry::is_over(&head, now) {
            let under_way = !recorded.is_empty();
            let expired = self.expire(writer, head, under_way, arriving.as_deref());
            return expired.await.map(Way::Break);
        }
        let is_between = recorded.is_empty() && head.retrying.is_none() && head.paused.is_none();
        if is_between && children::can_land(&head) {
            return self.land(writer, &head, data).await.map(Way::Break);
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
            let rested = self.rest(writer, head, arriving.as_deref());
            return rested.await.map(Way::Break);
        }
        Ok(Way::Continue(Carrying {
            writer,
            arriving,
            head,
            data,
            eligible,
            recorded,
        }))
    }

    /// Runs the best of the eligible steps, and makes durable what came of it.
    async fn run_best<'a>(self: &Arc<Self>, mut task: Carrying<'a>) -> Result<Way<'a>, StoreError> {
        let Some((candidate, step)) = task.eligible.steps.first().cloned() else {
            return Ok(Way::Break(Carried::Rests));
        };
        let stood_on = Base::of(&task.head);
        advance::give_up_others(&mut task.head, &candidate.name);
        let output = self.run(&mut task, &candidate, &step).await?;
        let end = match output.outcome {
            RunOutcome::Ended(end) => end,
            RunOutcome::Paused { until } => {
                if let Some(arriving) = &task.arriving {
                    arriving.accept().await?;
                }
                let (head, took_us) = (task.head, output.duration_us);
                let paused = self.pause(task.writer, head, &candidate.name, until, took_us);
                return paused.await.map(Way::Break);
            }
        };
        let facts = RunFacts {
            run: task.head.runs + 1,
            started: task.head.ready_at,
            step: &step,
            others: task.eligible.others(),
        };
        let printed = Printed {
            logs: output.logs,
            fuel: output.fuel,
            duration_us: output.duration_us,
        };
        let now = self.clock.now();
        let over = end_run(
            &mut task.head,
            &mut task.data,
            (&candidate, facts),
            (end, printed),
            (now, rand::random()),
            |head, data| self.eligible(head, data).has(&candidate.name),
        );
        self.choose_next(&mut task, &candidate.name, over.next_retry_at);
        self.owe_notice(&mut task.head, (&candidate.name, over.attempt));
        let parked = over.entry.parked_until.is_some();
        let mut entries = vec![Entry::Run(Box::new(over.entry))];
        if !parked {
            entries.extend(reason_of(&task.head, now));
        }
        task.head.keep_expiry();
        let commit = Commit {
            head: task.head,
            data: over.text,
            entries,
        };
        let arriving = task.arriving.as_deref();
        let moved = self.forward(task.writer, arriving, &stood_on, commit, over.asked);
        task.head = match moved.await {
            Ok(head) => head,
            // An action or another node moved the task: what became of it counts.
            Err(StoreError::Conflict { .. }) => return Ok(Way::Break(Carried::Rests)),
            Err(error) => return Err(error),
        };
        self.go_on(task).await
    }

    /// Executes a step on a task.
    ///
    /// # Errors
    /// The store did not take what had to be durable before the run went on: it was cut off.
    async fn run(
        self: &Arc<Self>,
        task: &mut Carrying<'_>,
        candidate: &Candidate,
        step: &Arc<Step>,
    ) -> Result<RunOutput, StoreError> {
        let head = &task.head;
        let (run, attempt) = (head.runs + 1, advance::attempt(head, &candidate.name));
        let input = self.input(head, &task.data, run, step);
        let begun = Begun {
            step: candidate.name.clone(),
            digest: step.digest.clone(),
            observed: candidate.observed,
        };
        let is_resumed = !task.recorded.is_empty();
        let calls = JournaledCalls::new(
            self.clone(),
            task.writer.clone(),
            head.workspace.clone(),
            head.id,
            (run, attempt, begun),
            std::mem::take(&mut task.recorded),
            (task.arriving.clone(), head.ready_at),
        );
        let cut = calls.cut();
        let output = match self.catalog.component(step).await {
            Ok(component) => self.sandbox.run(&component, input, Arc::new(calls)).await,
            Err(CatalogError::NotFound { .. }) if is_resumed => resume::gone(step),
            Err(error) => not_run(error.to_string()),
        };
        match cut.lock().take() {
            Some(error) => Err(error),
            None => Ok(output),
        }
    }

    /// Which steps may run now that a run of `ran` has ended, and where the task goes if none may.
    fn choose_next(&self, task: &mut Carrying<'_>, ran: &StepName, retry_at: Option<Millis>) {
        if task.head.state != TaskState::Ready {
            return;
        }
        task.eligible = self.eligible(&task.head, &mut task.data);
        match retry_at.filter(|_| task.eligible.has(ran)) {
            Some(at) => {
                task.head.state = TaskState::Waiting;
                task.head.wake_at = Some(at);
            }
            None => advance::settle(&mut task.head, task.eligible.best()),
        }
    }

    /// Where a task goes whose run's end is durable.
    async fn go_on<'a>(self: &Arc<Self>, task: Carrying<'a>) -> Result<Way<'a>, StoreError> {
        let head = &task.head;
        Ok(match head.state {
            TaskState::Ready if expiry::is_over(head, self.clock.now()) => {
                let arriving = task.arriving.as_deref();
                let expired = self.expire(task.writer, task.head, false, arriving);
                Way::Break(expired.await?)
            }
            TaskState::Ready if children::can_land(head) => Way::Break(Carried::Again),
            // An action that waits for the task has it between two runs.
            TaskState::Ready if self.queue.is_open() && !self.turns.is_wanted(head.id) => {
                Way::Continue(task)
            }
            _ if head.state.due_at(head.wake_at).is_some() => Way::Break(Carried::Waits),
            _ => Way::Break(Carried::Rests),
        })
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
