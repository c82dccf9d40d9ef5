//! A dry replay: a task runs again from a run of its history on, with today's steps, and nothing goes
//! out. Recorded results answer its calls, and changes from outside are made again where they were; nothing is
//! stored, nothing waits, no subtask is made.

mod accepted;
mod outside;
mod past;

use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};
use tokio_util::task::AbortOnDropHandle;

use super::actions::{ActionError, history};
use super::advance;
use super::bodies::Bodies;
use super::cpu::Workers;
use super::outcome::{RunFacts, RunReport, end_run};
use super::steps::Steps;
use super::tasks::{Tasks, document};
use crate::connectors::{call_digest, call_summary};
use crate::domain::budget::{Budget, Permit};
use crate::domain::clock::Millis;
use crate::domain::data::{Change, Document, diff, memory_estimate};
use crate::domain::effect::{Answer, CallFault, CallRequest, Calls, Effect, FilePart};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::{Entry, RunEntry};
use crate::domain::reply::{GivenReply, HttpReply};
use crate::domain::run::{Ended, RunEnd, RunOutcome, StepFault};
use crate::domain::task::{StepMemory, StoredTask, TaskHead, TaskState};
use crate::store::{History, StoreError};
use past::Past;

pub use accepted::AsAccepted;

/// Runs of one replay. A task has as many only if its steps feed each other.
const RUNS: u32 = 100;
/// How much of the server's memory a replay takes beside its runs, in bytes.
const REPLAY_BYTES: u64 = 4 * 1024 * 1024;
/// How long all runs of one replay may take.
const TIME: Duration = Duration::from_secs(60);

/// Why a replay goes no further when the history has no result of a subtask that its task waits for.
const FOR_SUBTASKS: &str = "it would wait for its subtasks, which a replay does not make";

/// The result of a replay.
pub struct Replayed {
    /// The task after the replay, with its data.
    pub task: StoredTask,
    /// The journal entries of the replay.
    pub journal: Vec<Entry>,
    /// The difference of its data from the task's present data.
    pub changes: Vec<Change>,
    /// Why the replay stopped, if the task did not come to an end.
    pub stopped: Option<String>,
}

/// Answers calls with the recorded results of the same requests, each once and in the order of the
/// first time.
struct Recorded {
    bodies: Bodies,
    workspace: WorkspaceName,
    task: TaskId,
    left: Arc<Mutex<Vec<Effect>>>,
    /// The answers, as effects of the run that asked.
    used: Mutex<Vec<Effect>>,
    run: u32,
    attempt: u32,
    /// The reply that the task has.
    reply: Option<Arc<GivenReply>>,
    memory: Arc<Permit>,
}

impl Calls for Recorded {
    fn answer(
        &self,
        call: u32,
        request: CallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>> {
        let digest = call_digest(&request);
        let found = {
            let mut left = self.left.lock();
            let place = left.iter().position(|effect| effect.digest == digest);
            place.map(|place| left.remove(place))
        };
        let Some(effect) = found else {
            let asked = call_summary(&request);
            return Box::pin(std::future::ready(Err(CallFault::NotReplayed { asked })));
        };
        let answer = Answer {
            result: effect.result.clone(),
            at: effect.at,
            order: None,
            charge: None,
        };
        let body = effect.body.map(|body| (body, self.memory.clone()));
        self.used.lock().push(Effect {
            run: self.run,
            attempt: self.attempt,
            call,
            ..effect
        });
        let (bodies, workspace, task) = (self.bodies.clone(), self.workspace.clone(), self.task);
        Box::pin(async move {
            match body {
                Some(body) => bodies.with_body(&workspace, task, answer, body).await,
                None => Ok(answer),
            }
        })
    }

    /// Whether the task has this reply of this run. If it has none, the reply counts as given; nothing is sent.
    fn respond(
        &self,
        reply: HttpReply,
    ) -> Pin<Box<dyn Future<Output = Result<bool, CallFault>> + Send>> {
        let is_the_one = self.reply.as_ref().is_none_or(|given| {
            (given.run, given.attempt) == (self.run, self.attempt) && given.reply == reply
        });
        Box::pin(std::future::ready(Ok(is_the_one)))
    }

    fn file(
        &self,
        digest: [u8; 32],
        offset: u64,
        length: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Option<FilePart>, CallFault>> + Send>> {
        let (bodies, workspace, task) = (self.bodies.clone(), self.workspace.clone(), self.task);
        Box::pin(async move {
            bodies
                .file(&workspace, task, digest, (offset, length))
                .await
        })
    }
}

/// Runs tasks again, dry.
#[derive(Clone)]
pub struct Replayer {
    pub(super) tasks: Tasks,
    pub(super) steps: Arc<Steps>,
    pub(super) bodies: Bodies,
    pub(super) memory: Arc<Budget>,
    pub(super) workers: Arc<Workers>,
}

impl Replayer {
    /// Runs a task again from its run number `from` on (counted from 1), dry, on the threads of runs and as its
    /// workspace's work. It ends when the caller is dropped.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::NoSuchRun`], [`ActionError::Store`].
    pub async fn replay(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        from: u32,
    ) -> Result<Replayed, ActionError> {
        let (replayer, of) = (self.clone(), workspace.clone());
        let replaying = async move { replayer.replay_here(&of, task, from).await };
        let replaying = self.workers.run(workspace, Box::pin(replaying));
        let replayed = AbortOnDropHandle::new(replaying).await;
        replayed.unwrap_or(Err(StoreError::Closed.into()))
    }

    async fn replay_here(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        from: u32,
    ) -> Result<Replayed, ActionError> {
        let busy = |_| ActionError::NoMemory;
        let memory = Arc::new(self.memory.take(workspace, REPLAY_BYTES).map_err(busy)?);
        // The data as they are, as they were, and what a run makes of them.
        let bytes = self.history_bytes(workspace, task, 3).await?;
        memory.grow(bytes).map_err(busy)?;
        let History {
            task: stored,
            journal,
        } = history(&self.tasks, workspace, task).await?;
        let current = document(stored.data)?.to_value();
        let past = Past::new(task, current.clone(), &memory);
        let (mut head, mut data) = self.as_before(&stored.head, past, &journal, from)?;
        let effects = journal.iter().filter_map(|entry| match entry {
            Entry::Effect(effect) if effect.run >= from => Some(effect.clone()),
            _ => None,
        });
        let left = Arc::new(Mutex::new(effects.collect::<Vec<_>>()));
        let mut entries = vec![Entry::Accepted { at: head.created }];
        let until = Instant::now() + TIME;
        let mut outside = outside::read(&journal, first_run(&journal, from));
        let mut made = 0;
        let stopped = loop {
            if let Some(next) = outside.pop_front_if(|next| next.is_next(&head, made)) {
                match next.apply((&mut head, &mut data), &mut entries, &memory) {
                    Ok(()) => continue,
                    Err(stopped) => break Some(stopped),
                }
            }
            match head.state() {
                TaskState::Ready => {}
                TaskState::Waiting => match head.goes_on_at() {
                    // What it waited for is over long since.
                    Some(at) => {
                        head.standing = head.standing.into_ready();
                        head.ready_at = at;
                    }
                    None => break Some(FOR_SUBTASKS.into()),
                },
                _ => break None,
            }
            let eligible = match self.steps.eligible(&head, &mut data).await {
                Ok(eligible) => eligible,
                Err(costly) => {
                    advance::too_costly(&mut head, &costly);
                    break None;
                }
            };
            let Some((candidate, step)) = eligible.steps.first() else {
                advance::settle(&mut head, None);
                if head.state() == TaskState::Ready {
                    break Some(FOR_SUBTASKS.into());
                }
                continue;
            };
            if head.runs + 1 >= from.saturating_add(RUNS) || Instant::now() > until {
                break Some(format!(
                    "a replay ends after {RUNS} runs or {} seconds",
                    TIME.as_secs()
                ));
            }
            let (run, attempt) = (head.runs + 1, advance::attempt(&head, &candidate.name));
            head.ready_at = began(&journal, run, attempt).unwrap_or(head.ready_at);
            let given = (Arc::default(), &memory);
            let input = self.steps.input(&head, &data, run, step, given);
            let calls = Arc::new(Recorded {
                bodies: self.bodies.clone(),
                workspace: workspace.clone(),
                task,
                left: left.clone(),
                used: Mutex::default(),
                run,
                attempt,
                reply: stored.head.reply.clone(),
                memory: memory.clone(),
            });
            let output = self
                .steps
                .execute((workspace, step), input, calls.clone(), false)
                .await;
            entries.extend(calls.used.lock().drain(..).map(Entry::Effect));
            let (outcome, printed) = RunReport::of(output);
            let end = match outcome {
                RunOutcome::Ended(end) => end,
                RunOutcome::NoRoom { .. } => return Err(ActionError::NoMemory),
                // No pause is longer than a replay: what it paused for is over.
                RunOutcome::Paused { .. } => RunEnd::Fault(StepFault::NotReplayed(
                    "the run pauses, which was not recorded".into(),
                )),
            };
            let sends = matches!(&end, RunEnd::Fault(StepFault::NotReplayed(_)));
            let facts = RunFacts {
                run,
                started: head.ready_at,
                step,
                others: eligible.others(),
                journal: 0,
            };
            let now = head.ready_at;
            let ran = (candidate, facts);
            let ended = (end, printed);
            let over = end_run(&mut head, &mut data, ran, ended, (now, 0));
            entries.push(Entry::Run(Box::new(over.entry)));
            if sends {
                break Some("it would make a call that was not recorded".into());
            }
            made += 1;
        };
        memory.grow(memory_estimate(data.text())).map_err(busy)?;
        Ok(Replayed {
            task: StoredTask {
                head,
                data: data.text().clone(),
                effects: Vec::new(),
                journal: 0,
            },
            journal: entries,
            changes: diff(&current, &data.to_value()),
            stopped,
        })
    }

    /// A task as it was before its run number `from` began: the journal's changes taken back.
    fn as_before(
        &self,
        current: &TaskHead,
        mut past: Past<'_>,
        journal: &[Entry],
        from: u32,
    ) -> Result<(TaskHead, Arc<Document>), ActionError> {
        let task = current.id;
        let runs = journal.iter().filter_map(run_of).map(|run| run.run);
        let most = runs.max().unwrap_or(0);
        // A task that no step ever matched is run from its beginning.
        if from == 0 || from > most.max(1) {
            return Err(ActionError::NoSuchRun {
                task,
                asked: from,
                runs: most,
            });
        }
        let first = first_run(journal, from);
        // It was eligible then, perhaps since it had asked to run again, which no entry says.
        let next = journal.get(first).and_then(run_of).map(|run| &run.step);
        let mut before = None;
        let mut steps: Vec<StepMemory> = Vec::new();
        for (place, entry) in journal.iter().enumerate().rev() {
            past.take_back(entry)?;
            if place == first {
                before = Some(past.copy()?);
            }
            if place < first
                && let Some(run) = run_of(entry)
                && !steps.iter().any(|memory| memory.step == run.step)
                && let Some(observed) =
                    self.steps
                        .observed(&current.workspace, &run.step, past.data())
            {
                steps.push(StepMemory {
                    step: run.step.clone(),
                    observed,
                    finished: run.ended == Ended::Finished,
                    redo: next == Some(&run.step),
                });
            }
        }
        let head = TaskHead {
            steps,
            runs: from - 1,
            webhook: current.webhook.clone(),
            parent: current.parent.clone(),
            ..TaskHead::new(task, current.workspace.clone(), current.created)
        };
        let before = Document::of(match before {
            Some(before) => before,
            None => past.into_data(),
        });
        Ok((head, Arc::new(before)))
    }
}

/// Where the first attempt of the run `from` is in the journal; behind its first entry if there is none.
fn first_run(journal: &[Entry], from: u32) -> usize {
    journal
        .iter()
        .position(|entry| run_of(entry).is_some_and(|run| run.run == from))
        .unwrap_or(1)
}

fn run_of(entry: &Entry) -> Option<&RunEntry> {
    match entry {
        Entry::Run(run) => Some(run),
        _ => None,
    }
}

/// When the attempt of that run began the first time: its clock.
fn began(journal: &[Entry], run: u32, attempt: u32) -> Option<Millis> {
    let mut runs = journal.iter().filter_map(run_of);
    runs.find(|entry| (entry.run, entry.attempt) == (run, attempt))
        .map(|entry| entry.at)
}
