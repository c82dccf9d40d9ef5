//! Advances one task from run to run until it rests.

mod ends;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::admission::{self, Admitted};
use super::advance;
use super::advanced::{Advanced, MemoryNeeds};
use super::attempt::Attempt;
use super::call_recorder::CallRecorder;
use super::calls::JournaledCalls;
use super::children::{self, Base};
use super::commit::{Arriving, TaskWriter};
use super::dispatcher::Dispatcher;
use super::eligible::{Candidate, Eligible};
use super::expiry;
use super::locks::TaskLocks;
use super::memory::Memory;
use super::notices::Notices;
use super::origin;
use super::outcome::{RunFacts, RunReport, end_run, reason_of};
use super::pause::Pause;
use super::steps::Steps;
use super::subtasks::Subtasks;
use super::tasks::{Tasks, document};
use crate::domain::budget::Permit;
use crate::domain::clock::{Clock, Millis};
use crate::domain::data::Document;
use crate::domain::effect::{Effect, RunOrigin};
use crate::domain::ids::{StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::run::{RunOutcome, RunOutput};
use crate::domain::step::Step;
use crate::domain::task::{Standing, StoredTask, TaskHead, TaskState, Wait};
use crate::store::{Commit, StoreError};

pub(super) struct Advancer {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steps: Arc<Steps>,
    pub(super) calls: Arc<CallRecorder>,
    pub(super) subtasks: Arc<Subtasks>,
    pub(super) notices: Arc<Notices>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) locks: Arc<TaskLocks>,
    pub(super) memory: Arc<Memory>,
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
    /// The calls that an earlier process recorded of the run that is to be continued.
    recorded: Vec<Effect>,
    /// The budget that the task takes its memory from.
    memory: Arc<Permit>,
    /// Bytes of its journal.
    journal: u64,
}

/// Whether a task's advance continues, or where it leaves the task.
type AdvanceFlow<'a> = ControlFlow<Advanced, Between<'a>>;

impl Advancer {
    /// Runs a task's steps until none is eligible, it waits, or it fails.
    pub(super) async fn advance(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<Advanced, StoreError> {
        let parts = (&*self.memory, &*self.dispatcher, &self.tasks);
        let admitted = match admission::admit(parts, workspace, task, arriving.as_deref()).await? {
            ControlFlow::Continue(admitted) => admitted,
            ControlFlow::Break(advanced) => return Ok(advanced),
        };
        let mut flow = self.take_up(writer, admitted, arriving).await?;
        loop {
            flow = match flow {
                ControlFlow::Continue(between) => self.run_best(between).await?,
                ControlFlow::Break(advanced) => return Ok(advanced),
            };
        }
    }

    /// Looks at a task as the store has it: whether a run is next, and which. Rare branches are boxed: the future of
    /// every task would have room for it, and is copied when it is made.
    async fn take_up<'a>(
        &self,
        writer: &'a TaskWriter,
        admitted: Admitted,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<AdvanceFlow<'a>, StoreError> {
        let memory = admitted.memory;
        let StoredTask {
            mut head,
            data,
            effects: recorded,
            journal,
        } = admitted.task;
        let now = self.clock.now();
        let due = head.wake_at().filter(|at| *at <= now);
        let clock = match (&head.standing, due) {
            (Standing::Ready { .. }, _) => head.ready_at,
            // A run that paused goes on by the clock that it began with.
            (Standing::Waiting(Wait::Pause { .. }), Some(_)) => head.ready_at,
            (Standing::Waiting(_), Some(at)) => at,
            (Standing::Error(Some(_)), Some(_)) => {
                let advanced = Box::pin(self.notices.take_up(writer, head));
                return advanced.await.map(AdvanceFlow::Break);
            }
            (Standing::Waiting(_) | Standing::Error(Some(_)), None) => {
                return Ok(AdvanceFlow::Break(Advanced::Waits));
            }
            _ => return Ok(AdvanceFlow::Break(Advanced::Rests)),
        };
        if self.calls.record_held(writer, &head, clock).await? {
            return Ok(AdvanceFlow::Break(Advanced::ReadAgain));
        }
        let mut data = document(data)?;
        origin::put_right(&head, &mut data);
        if self.subtasks.is_orphan(writer, &head).await? {
            return Ok(AdvanceFlow::Break(Advanced::Rests));
        }
        if expiry::is_over(&head, now) {
            let under_way = !recorded.is_empty();
            let expired = Box::pin(self.expire(writer, head, under_way, arriving.as_deref()));
            return expired.await.map(AdvanceFlow::Break);
        }
        let is_between =
            recorded.is_empty() && head.retrying().is_none() && head.paused().is_none();
        if is_between && children::can_land(&head) {
            let landed = Box::pin(self.subtasks.land(writer, &head, data, &memory));
            return landed.await.map(AdvanceFlow::Break);
        }
        head.ready_at = clock;
        let mut eligible = match self.steps.eligible(&head, &mut data).await {
            Ok(eligible) => eligible,
            // A run that has made calls comes to its end first.
            Err(_) if !recorded.is_empty() => Eligible::default(),
            Err(costly) => {
                let ended = Box::pin(self.too_costly(writer, head, &costly, arriving.as_deref()));
                return ended.await.map(AdvanceFlow::Break);
            }
        };
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
            let rested = Box::pin(self.rest(writer, head, arriving.as_deref()));
            return rested.await.map(AdvanceFlow::Break);
        }
        self.memory
            .matched(&memory, &mut data, &recorded, admitted.needs);
        Ok(AdvanceFlow::Continue(Between {
            writer,
            arriving,
            head,
            data,
            eligible,
            recorded,
            memory,
            journal,
        }))
    }

    /// Runs the best of the eligible steps, and makes its end durable.
    async fn run_best<'a>(&self, mut task: Between<'a>) -> Result<AdvanceFlow<'a>, StoreError> {
        let Some((candidate, step)) = task.eligible.steps.first().cloned() else {
            return Ok(AdvanceFlow::Break(Advanced::Rests));
        };
        let mut base = Base::of(&task.head);
        advance::give_up_others(&mut task.head, &candidate.name);
        let (output, replied) = self.run(&mut task, &candidate, &step).await?;
        base.notes_itself = replied;
        let (outcome, printed) = RunReport::of(output);
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
                return paused.await.map(AdvanceFlow::Break);
            }
            RunOutcome::NoRoom { needs } => {
                let starves = admission::starves(task.arriving.as_deref(), self.memory.none(needs));
                return starves.await.map(AdvanceFlow::Break);
            }
        };
        self.memory.ended(&task.memory, task.data.text()).await;
        let facts = RunFacts {
            run: task.head.runs + 1,
            started: task.head.ready_at,
            step: &step,
            others: task.eligible.others(),
            journal: task.journal,
        };
        let now = self.clock.now();
        let over = end_run(
            &mut task.head,
            &mut task.data,
            (&candidate, facts),
            (end, printed),
            (now, rand::random()),
        );
        self.choose_next(&mut task, &candidate.name, over.next_retry_at)
            .await;
        self.memory
            .matched(&task.memory, &mut task.data, &[], MemoryNeeds::default());
        self.notices
            .owe(&mut task.head, (&candidate.name, over.attempt));
        let parked = over.entry.parked_until.is_some();
        let mut entries = vec![Entry::Run(Box::new(over.entry))];
        task.journal += entries[0].bytes() as u64;
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
            Ok(head) => {
                if let Some(reserved) = over.reserved {
                    reserved.keep();
                }
                head
            }
            // An action or another node moved the task: that change counts.
            Err(StoreError::Conflict { .. }) => return Ok(AdvanceFlow::Break(Advanced::Rests)),
            Err(error) => return Err(error),
        };
        self.go_on(task).await
    }

    /// Executes a step on a task. Says whether it replied to the sender.
    ///
    /// # Errors
    /// The store did not take what had to be durable before the run went on: it was cut off.
    async fn run(
        &self,
        task: &mut Between<'_>,
        candidate: &Candidate,
        step: &Arc<Step>,
    ) -> Result<(RunOutput, bool), StoreError> {
        let head = &task.head;
        let (run, attempt) = (head.runs + 1, advance::attempt(head, &candidate.name));
        let family = self.subtasks.family(head).await?;
        let given = (family, &task.memory);
        let input = self.steps.input(head, &task.data, run, step, given);
        let is_resumed = !task.recorded.is_empty();
        let attempt = Attempt {
            writer: task.writer.clone(),
            workspace: head.workspace.clone(),
            task: head.id,
            run,
            attempt,
            begun: RunOrigin {
                step: candidate.name.clone(),
                digest: step.digest.clone(),
                observed: candidate.observed,
            },
            began: head.ready_at,
            arriving: task.arriving.clone(),
            memory: task.memory.clone(),
            journal: task.journal,
            base: (head.version, head.notes),
        };
        let recorded = std::mem::take(&mut task.recorded);
        let calls = JournaledCalls::new(self.calls.clone(), attempt, recorded);
        let (cut, journal, replied) = (calls.cut(), calls.journal(), calls.replied());
        let calls = Arc::new(calls);
        let step = (&task.head.workspace, step);
        let output = self.steps.execute(step, input, calls, is_resumed).await;
        task.journal = journal.load(Ordering::Relaxed);
        match cut.lock().take() {
            Some(error) => Err(error),
            None => Ok((output, replied.load(Ordering::Relaxed))),
        }
    }

    /// Which steps may run now that a run of `ran` has ended, and where the task goes if none may.
    async fn choose_next(&self, task: &mut Between<'_>, ran: &StepName, retry_at: Option<Millis>) {
        if task.head.state() != TaskState::Ready {
            return;
        }
        task.eligible = match self.steps.eligible(&task.head, &mut task.data).await {
            Ok(eligible) => eligible,
            Err(costly) => {
                task.eligible = Eligible::default();
                return advance::too_costly(&mut task.head, &costly);
            }
        };
        match retry_at.filter(|_| task.eligible.has(ran)) {
            Some(at) => {
                task.head.standing = Standing::Waiting(Wait::Until(at));
            }
            None => advance::settle(&mut task.head, task.eligible.best()),
        }
    }

    /// Where a task goes whose run's end is durable.
    async fn go_on<'a>(&self, task: Between<'a>) -> Result<AdvanceFlow<'a>, StoreError> {
        let head = &task.head;
        Ok(match head.state() {
            TaskState::Ready if expiry::is_over(head, self.clock.now()) => {
                let arriving = task.arriving.as_deref();
                let expired = Box::pin(self.expire(task.writer, task.head, false, arriving));
                AdvanceFlow::Break(expired.await?)
            }
            TaskState::Ready if children::can_land(head) => AdvanceFlow::Break(Advanced::ReadAgain),
            // An action that waits for the task has it between two runs.
            TaskState::Ready
                if self.dispatcher.queue.is_open() && !self.locks.is_wanted(head.id) =>
            {
                AdvanceFlow::Continue(task)
            }
            _ if head.due_at().is_some() => AdvanceFlow::Break(Advanced::Waits),
            _ => AdvanceFlow::Break(Advanced::Rests),
        })
    }
}
