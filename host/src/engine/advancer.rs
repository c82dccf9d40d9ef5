//! Advances one task from run to run until it rests.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::advance;
use super::advanced::Advanced;
use super::call_recorder::CallRecorder;
use super::calls::{Attempt, JournaledCalls};
use super::children::{self, Base};
use super::commit::{Arriving, TaskWriter};
use super::dispatcher::Dispatcher;
use super::eligible::{Candidate, Eligible};
use super::expiry;
use super::locks::TaskLocks;
use super::notices::Notices;
use super::outcome::{FOR_SUBTASKS, Printed, RunFacts, end_run, reason_of};
use super::pause::Pause;
use super::steps::Steps;
use super::subtasks::Subtasks;
use super::tasks::{Tasks, document};
use crate::domain::clock::{Clock, Millis};
use crate::domain::data::Document;
use crate::domain::effect::{Begun, Effect};
use crate::domain::ids::{StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::run::{RunOutcome, RunOutput};
use crate::domain::step::Step;
use crate::domain::task::{Standing, StoredTask, TaskHead, TaskState, Wait};
use crate::store::{Commit, StoreError};

/// See the module's documentation.
pub(super) struct Advancer {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steps: Arc<Steps>,
    pub(super) calls: Arc<CallRecorder>,
    pub(super) subtasks: Arc<Subtasks>,
    pub(super) notices: Arc<Notices>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) locks: Arc<TaskLocks>,
}

/// A task between two runs.
struct Between<'a> {
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
type Way<'a> = ControlFlow<Advanced, Between<'a>>;

impl Advancer {
    /// Runs a task's steps until none is eligible, it waits, or it fails.
    pub(super) async fn advance(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<Advanced, StoreError> {
        let new = match &arriving {
            Some(arriving) => arriving.task().await.map(StoredTask::from),
            None => None,
        };
        let stored = match new {
            Some(stored) => Some(stored),
            None => self.tasks.store.load(workspace, task).await?,
        };
        let Some(stored) = stored else {
            return Ok(Advanced::Rests);
        };
        let mut way = self.take_up(writer, stored, arriving).await?;
        loop {
            way = match way {
                ControlFlow::Continue(between) => self.run_best(between).await?,
                ControlFlow::Break(advanced) => return Ok(advanced),
            };
        }
    }

    /// Looks at a task as the store has it: whether a run is next, and which.
    async fn take_up<'a>(
        &self,
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
        let due = head.wake_at().filter(|at| *at <= now);
        let clock = match (&head.standing, due) {
            (Standing::Ready { .. }, _) => head.ready_at,
            // A run that paused goes on by the clock that it began with.
            (Standing::Waiting(Wait::Pause { .. }), Some(_)) => head.ready_at,
            (Standing::Waiting(_), Some(at)) => at,
            (Standing::Error(Some(_)), Some(_)) => {
                return self.notices.take_up(writer, head).await.map(Way::Break);
            }
            (Standing::Waiting(_) | Standing::Error(Some(_)), None) => {
                return Ok(Way::Break(Advanced::Waits));
            }
            _ => return Ok(Way::Break(Advanced::Rests)),
        };
        if self.calls.record_held(writer, &head, clock).await? {
            return Ok(Way::Break(Advanced::Again));
        }
        let mut data = document(data)?;
        if self.subtasks.is_orphan(writer, &head).await? {
            return Ok(Way::Break(Advanced::Rests));
        }
        if expiry::is_over(&head, now) {
            let under_way = !recorded.is_empty();
            let expired = self.expire(writer, head, under_way, arriving.as_deref());
            return expired.await.map(Way::Break);
        }
        let is_between =
            recorded.is_empty() && head.retrying().is_none() && head.paused().is_none();
        if is_between && children::can_land(&head) {
            return self
                .subtasks
                .land(writer, &head, data)
                .await
                .map(Way::Break);
        }
        head.ready_at = clock;
        let mut eligible = self.steps.eligible(&head, &mut data);
        if let Some(effect) = recorded.first() {
            self.steps
                .resume(&head.workspace, &effect.begun, &mut eligible);
        } else if let Some(paused) = head.paused()
            && eligible.best().is_none_or(|best| best.name != paused.step)
        {
            // The step is gone, and so is its run, which did nothing.
            head.standing = head.standing.into_ready();
        }
        if eligible.best().is_none() {
            let rested = self.rest(writer, head, arriving.as_deref());
            return rested.await.map(Way::Break);
        }
        Ok(Way::Continue(Between {
            writer,
            arriving,
            head,
            data,
            eligible,
            recorded,
        }))
    }

    /// Runs the best of the eligible steps, and makes durable what came of it.
    async fn run_best<'a>(&self, mut task: Between<'a>) -> Result<Way<'a>, StoreError> {
        let Some((candidate, step)) = task.eligible.steps.first().cloned() else {
            return Ok(Way::Break(Advanced::Rests));
        };
        let base = Base::of(&task.head);
        advance::give_up_others(&mut task.head, &candidate.name);
        let output = self.run(&mut task, &candidate, &step).await?;
        let (outcome, printed) = Printed::of(output);
        let end = match outcome {
            RunOutcome::Ended(end) => end,
            RunOutcome::Paused { until } => {
                if let Some(arriving) = &task.arriving {
                    arriving.accept().await?;
                }
                let pause = Pause {
                    step: &candidate.name,
                    until,
                    took_us: printed.duration_us,
                };
                let paused = pause.commit(&self.tasks, task.writer, task.head);
                return paused.await.map(Way::Break);
            }
        };
        let facts = RunFacts {
            run: task.head.runs + 1,
            started: task.head.ready_at,
            step: &step,
            others: task.eligible.others(),
        };
        let now = self.clock.now();
        let over = end_run(
            &mut task.head,
            &mut task.data,
            (&candidate, facts),
            (end, printed),
            (now, rand::random()),
            |head, data| self.steps.eligible(head, data).has(&candidate.name),
        );
        self.choose_next(&mut task, &candidate.name, over.next_retry_at);
        self.notices
            .owe(&mut task.head, (&candidate.name, over.attempt));
        let parked = over.entry.parked_until.is_some();
        let mut entries = vec![Entry::Run(Box::new(over.entry))];
        if !parked {
            entries.extend(reason_of(&task.head, now));
        }
        task.head.end_expiry();
        let commit = Commit {
            head: task.head,
            data: over.text,
            entries,
        };
        let arriving = task.arriving.as_deref();
        let moved = self
            .subtasks
            .forward(task.writer, arriving, &base, commit, over.asked);
        task.head = match moved.await {
            Ok(head) => head,
            // An action or another node moved the task: what became of it counts.
            Err(StoreError::Conflict { .. }) => return Ok(Way::Break(Advanced::Rests)),
            Err(error) => return Err(error),
        };
        self.go_on(task).await
    }

    /// Executes a step on a task.
    ///
    /// # Errors
    /// The store did not take what had to be durable before the run went on: it was cut off.
    async fn run(
        &self,
        task: &mut Between<'_>,
        candidate: &Candidate,
        step: &Arc<Step>,
    ) -> Result<RunOutput, StoreError> {
        let head = &task.head;
        let (run, attempt) = (head.runs + 1, advance::attempt(head, &candidate.name));
        let input = self.steps.input(head, &task.data, run, step);
        let is_resumed = !task.recorded.is_empty();
        let attempt = Attempt {
            writer: task.writer.clone(),
            workspace: head.workspace.clone(),
            task: head.id,
            run,
            attempt,
            begun: Begun {
                step: candidate.name.clone(),
                digest: step.digest.clone(),
                observed: candidate.observed,
            },
            began: head.ready_at,
            arriving: task.arriving.clone(),
        };
        let recorded = std::mem::take(&mut task.recorded);
        let calls = JournaledCalls::new(self.calls.clone(), attempt, recorded);
        let cut = calls.cut();
        let calls = Arc::new(calls);
        let output = self.steps.execute(step, input, calls, is_resumed).await;
        match cut.lock().take() {
            Some(error) => Err(error),
            None => Ok(output),
        }
    }

    /// Which steps may run now that a run of `ran` has ended, and where the task goes if none may.
    fn choose_next(&self, task: &mut Between<'_>, ran: &StepName, retry_at: Option<Millis>) {
        if task.head.state() != TaskState::Ready {
            return;
        }
        task.eligible = self.steps.eligible(&task.head, &mut task.data);
        match retry_at.filter(|_| task.eligible.has(ran)) {
            Some(at) => {
                task.head.standing = Standing::Waiting(Wait::Until(at));
            }
            None => advance::settle(&mut task.head, task.eligible.best()),
        }
    }

    /// Where a task goes whose run's end is durable.
    async fn go_on<'a>(&self, task: Between<'a>) -> Result<Way<'a>, StoreError> {
        let head = &task.head;
        Ok(match head.state() {
            TaskState::Ready if expiry::is_over(head, self.clock.now()) => {
                let arriving = task.arriving.as_deref();
                let expired = self.expire(task.writer, task.head, false, arriving);
                Way::Break(expired.await?)
            }
            TaskState::Ready if children::can_land(head) => Way::Break(Advanced::Again),
            // An action that waits for the task has it between two runs.
            TaskState::Ready
                if self.dispatcher.queue.is_open() && !self.locks.is_wanted(head.id) =>
            {
                Way::Continue(task)
            }
            _ if head.state().due_at(head.wake_at()).is_some() => Way::Break(Advanced::Waits),
            _ => Way::Break(Advanced::Rests),
        })
    }

    /// Ends a task whose time is over. `under_way`: a run has recorded calls and will not come to its end.
    async fn expire(
        &self,
        writer: &TaskWriter,
        mut head: TaskHead,
        under_way: bool,
        arriving: Option<&Arriving>,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(&head);
        let failed = head.retrying().map_or(1, |retrying| retrying.failed);
        let now = self.clock.now();
        let reason = expiry::expire(&mut head, under_way, now);
        if let Some(last) = head.steps.last().map(|memory| memory.step.clone()) {
            self.notices.owe(&mut head, (&last, failed));
        }
        let entry = Entry::State {
            at: now,
            state: head.state(),
            reason,
        };
        self.leave(writer, arriving, &base, head, entry).await
    }

    /// A task that no step is eligible for comes to rest.
    async fn rest(
        &self,
        writer: &TaskWriter,
        mut head: TaskHead,
        arriving: Option<&Arriving>,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(&head);
        let now = self.clock.now();
        head.version += 1;
        head.updated = now.max(head.updated);
        head.standing = head.standing.into_ready();
        let is_there = |step: &StepName| self.steps.is_there(&head.workspace, step);
        let reason = match (
            head.retrying(),
            head.steps.iter().find(|memory| !is_there(&memory.step)),
        ) {
            (Some(retrying), _) => Some(advance::never_again(retrying, is_there(&retrying.step))),
            (None, Some(gone)) => Some(format!(
                "no step is eligible any more; step `{}`, which ran before, has been deleted",
                gone.step
            )),
            (None, None) => None,
        };
        let retrying = head.retrying().cloned();
        advance::rest(&mut head, reason.clone());
        head.end_expiry();
        if let Some(retrying) = retrying {
            self.notices
                .owe(&mut head, (&retrying.step, retrying.failed));
        }
        let entry = Entry::State {
            at: now,
            state: head.state(),
            reason: match (head.state(), reason) {
                (TaskState::Waiting, _) => FOR_SUBTASKS.into(),
                (_, Some(reason)) => reason,
                (TaskState::Unmatched, None) => "no step's condition matches the data".into(),
                (_, None) => "no step is eligible any more".into(),
            },
        };
        self.leave(writer, arriving, &base, head, entry).await
    }

    /// Commits where a task goes without a run.
    async fn leave(
        &self,
        writer: &TaskWriter,
        arriving: Option<&Arriving>,
        base: &Base,
        head: TaskHead,
        entry: Entry,
    ) -> Result<Advanced, StoreError> {
        let commit = Commit {
            head,
            data: None,
            entries: vec![entry],
        };
        let moved = self
            .subtasks
            .forward(writer, arriving, base, commit, Vec::new());
        match moved.await {
            Ok(head) if head.state() == TaskState::Ready => Ok(Advanced::Again),
            Ok(head) if head.state().due_at(head.wake_at()).is_some() => Ok(Advanced::Waits),
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(Advanced::Rests),
            Err(error) => Err(error),
        }
    }
}
