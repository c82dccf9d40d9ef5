//! Tasks whose runs the end of the server interrupted: a run that takes the server down would do so again after
//! every start.
//!
//! The runs that have lasted for a while are listed in a file. A run that is over sooner is never listed, so the
//! usual task costs no write and no look. A shutdown removes the file; one that is found at a start is of a server
//! that was killed. Then
//!
//! - an interrupted task begins again when few others do: at first one of its workspace's, one more with each that
//!   ended well, and twice as many every second, so that many which are too much together do not come together
//!   again at once;
//! - a task that was interrupted twice is not run again. Which of the runs that were under way took the server down
//!   is not known, so it may have been another one; a person can retry it.
//!
//! The list is of what this process ran, and is not made durable: a killed process leaves it in the system's
//! cache, and after a power cut an older one does no harm. Nodes that share a store have their lists there, so that it is
//! counted over all nodes ([`shared`]).

mod shared;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::dispatcher::Dispatcher;
use super::locks::TaskLocks;
use crate::domain::blocking::spawn_blocking;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::Store;

/// How often runs are looked at: one that is seen twice is listed. The first 200 ms of a run are so not seen.
const LOOK: Duration = Duration::from_millis(200);
/// How often a task may be interrupted before it is set aside.
const MAX_INTERRUPTIONS: u32 = 2;
/// The greatest size of the list that is read, in bytes: some 50,000 tasks, more than may run and wait at once.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Why a task is in `error` that was set aside.
pub(super) const REASON: &str = "the server ended during this run twice";

/// Where the list is of what would be interrupted.
#[derive(Debug, Clone, Default)]
pub enum RunList {
    /// Nowhere: nothing is listed.
    #[default]
    Nowhere,
    /// In this file.
    File(PathBuf),
    /// In the store, which nodes share. It has these tasks as interrupted so often.
    Shared(Vec<(TaskId, u32)>),
}

/// Interrupted tasks, and the list of those that would be.
pub(super) struct Interrupted {
    /// Where the list is; none keeps none.
    file: Option<PathBuf>,
    /// Whether there is any interrupted task: usually there is none, and nothing is looked up.
    any: AtomicBool,
    /// When interrupted tasks were last heard of.
    opened: Mutex<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Interrupted tasks that have not come to rest since: how often each was.
    times: HashMap<TaskId, u32>,
    lanes: HashMap<WorkspaceName, Lane>,
    /// The runs that the last look saw.
    seen: HashSet<TaskId>,
    /// What the file has.
    listed: List,
    /// What the store has, if nodes share it.
    noted: Vec<TaskId>,
    /// Tasks that the store has as interrupted and that have come to rest.
    rested: Vec<TaskId>,
    closed: bool,
}

/// A workspace's interrupted tasks.
#[derive(Default)]
struct Lane {
    running: HashSet<TaskId>,
    /// How many of them have come to rest.
    ended: usize,
    waiting: VecDeque<TaskId>,
}

impl Lane {
    /// How many more may begin, so long after the start.
    fn room(&self, after: Duration) -> usize {
        let by_time = 1 << after.as_secs().min(20);
        (self.ended + by_time).saturating_sub(self.running.len())
    }

    /// Those that wait and may begin.
    fn next(&mut self, after: Duration) -> Vec<TaskId> {
        let room = self.room(after).min(self.waiting.len());
        self.waiting.drain(..room).collect()
    }
}

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    tasks: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    task: TaskId,
    /// How often it was interrupted before.
    times: u32,
    running: bool,
}

/// Whether a task is run that the queue has given out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is. [`Interrupted::task_rested`] or [`Interrupted::task_left`] is to be told when its runner is done with it.
    Runs,
    /// Not yet: one of these names it when it is to be woken.
    Waits,
    /// It was interrupted too often.
    Quarantine,
}

impl Interrupted {
    /// Reads what an earlier process left, or others.
    pub(super) fn open(list: RunList) -> Self {
        let (file, known) = match list {
            RunList::Nowhere => (None, Vec::new()),
            RunList::File(file) => (Some(file), Vec::new()),
            RunList::Shared(known) => (None, known),
        };
        let found = file.as_deref().map_or_else(List::default, read);
        let times = found.tasks.iter().map(|listed| {
            let times = listed.times.saturating_add(u32::from(listed.running));
            (listed.task, times)
        });
        let times: HashMap<TaskId, u32> = times.filter(|(_, times)| *times > 0).collect();
        if !times.is_empty() {
            tracing::warn!(
                tasks = times.len(),
                "the server had ended without a shutdown; runs that were under way begin again, few at a time"
            );
        }
        let interrupted = Self {
            any: AtomicBool::new(!times.is_empty()),
            opened: Mutex::new(Instant::now()),
            state: Mutex::new(State {
                times,
                listed: found,
                ..State::default()
            }),
            file,
        };
        // If this process ends before anything runs, it was not a task's fault.
        interrupted.list(Vec::new());
        interrupted.take_in(known.into_iter());
        interrupted
    }

    /// Whether the task is to be run now.
    pub(super) fn admit(&self, workspace: &WorkspaceName, task: TaskId) -> Admission {
        if !self.any.load(Ordering::Relaxed) {
            return Admission::Runs;
        }
        let mut state = self.state.lock();
        let times = state.times.get(&task).copied().unwrap_or_default();
        if times >= MAX_INTERRUPTIONS {
            return Admission::Quarantine;
        }
        if times == 0 {
            return Admission::Runs;
        }
        let lane = state.lanes.entry(workspace.clone()).or_default();
        if lane.room(self.elapsed()) > 0 {
            lane.running.insert(task);
            return Admission::Runs;
        }
        if !lane.waiting.contains(&task) {
            lane.waiting.push_back(task);
        }
        Admission::Waits
    }

    /// A task has come to rest: its run ended in whichever way, or it has been set aside. Returns those that are to be woken now.
    pub(super) fn task_rested(&self, workspace: &WorkspaceName, task: TaskId) -> Vec<TaskId> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        if state.times.remove(&task).is_some() && self.file.is_none() {
            state.rested.push(task);
        }
        let is_empty = state.times.is_empty();
        let mut woken = Vec::new();
        if let Some(lane) = state.lanes.get_mut(workspace) {
            lane.ended += usize::from(lane.running.remove(&task));
            woken.extend(lane.next(self.elapsed()));
        }
        if is_empty {
            state.lanes.clear();
            self.any.store(false, Ordering::Relaxed);
        }
        woken
    }

    /// A task's runner is done with it, and it has not come to rest here: it went to another node, or it goes on later. It
    /// stays one that was interrupted so often. Returns those that are to be woken now.
    pub(super) fn task_left(&self, workspace: &WorkspaceName, task: TaskId) -> Vec<TaskId> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        let Some(lane) = state.lanes.get_mut(workspace) else {
            return Vec::new();
        };
        match lane.running.remove(&task) {
            true => lane.next(self.elapsed()),
            false => Vec::new(),
        }
    }

    /// Those that are to be woken as time has passed.
    fn due(&self, after: Duration) -> Vec<(WorkspaceName, TaskId)> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (workspace, lane) in &mut self.state.lock().lanes {
            let next = lane.next(after).into_iter();
            due.extend(next.map(|task| (workspace.clone(), task)));
        }
        due
    }

    fn elapsed(&self) -> Duration {
        self.opened.lock().elapsed()
    }

    /// Lists the runs that last, and has those begin whose time has come, until the list is closed.
    pub(super) async fn watch(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        locks: Arc<TaskLocks>,
        dispatcher: Arc<Dispatcher>,
    ) {
        if self.file.is_none() && store.cluster().is_none() {
            return;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            let running = locks.running();
            let is_open = match store.cluster() {
                Some(cluster) => self.look_shared(cluster, running).await,
                None => {
                    let this = self.clone();
                    let looked = spawn_blocking(move || this.note_running(running));
                    looked.await.unwrap_or(false)
                }
            };
            if !is_open {
                return;
            }
            for (workspace, task) in self.due(self.elapsed()) {
                // The runner that was told to wait with it may not have let go of it yet.
                dispatcher.requeue(&workspace, task);
            }
        }
    }

    /// Lists the runs that are running now and were running at the last look. Returns `false` if the list is closed.
    fn note_running(&self, running: Vec<TaskId>) -> bool {
        match self.lasting(running) {
            Some(lasting) => self.list(lasting),
            None => return false,
        }
        true
    }

    /// Those of the runs that the last look saw, too. None if the list is closed.
    fn lasting(&self, running: Vec<TaskId>) -> Option<Vec<TaskId>> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        let now: HashSet<TaskId> = running.into_iter().collect();
        let seen = std::mem::replace(&mut state.seen, now);
        Some(state.seen.intersection(&seen).copied().collect())
    }

    /// Nothing is interrupted any more: the server is going down.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        if let Some(file) = &self.file
            && let Err(error) = std::fs::remove_file(file)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %file.display(), %error, "the list of runs cannot be removed");
        }
    }

    fn list(&self, lasting: Vec<TaskId>) {
        let Some(file) = &self.file else { return };
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let times = |task: &TaskId| state.times.get(task).copied().unwrap_or_default();
        let mut tasks: Vec<Listed> = lasting
            .iter()
            .map(|task| Listed {
                task: *task,
                times: times(task),
                running: true,
            })
            .collect();
        let waiting = state
            .times
            .iter()
            .filter(|(task, _)| !lasting.contains(task));
        tasks.extend(waiting.map(|(task, times)| Listed {
            task: *task,
            times: *times,
            running: false,
        }));
        tasks.sort_unstable_by_key(|listed| listed.task);
        let list = List { tasks };
        if list == state.listed {
            return;
        }
        // It is written again at the next look, if it cannot be now.
        match write(file, &list) {
            Ok(()) => state.listed = list,
            Err(error) => {
                tracing::debug!(file = %file.display(), %error, "the list of runs cannot be written");
            }
        }
    }
}

fn read(file: &Path) -> List {
    let read = || -> io::Result<List> {
        if std::fs::metadata(file)?.len() > MAX_FILE_BYTES {
            return Err(io::Error::other("it is too large"));
        }
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    };
    read().unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(file = %file.display(), %error, "the list of interrupted runs cannot be read; the server starts with an empty one");
        }
        List::default()
    })
}

/// Replaces the file as a whole. The new one has a fixed name, so that one which a kill leaves is overwritten later.
fn write(file: &Path, list: &List) -> io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, serde_json::to_vec(list)?)?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests;
