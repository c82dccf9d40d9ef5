//! Finding tasks among many: newest first, over any [`Store`], and never more work for one page than
//! its bounds allow. A page that reached one has a cursor to go on from, though it may be short or
//! empty.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use stepwell_condition::{Budget, Pattern};
use tokio::sync::oneshot;

use super::{Store, StoreError, TaskPage as Part, TaskQuery, Terms};
use crate::domain::blocking::BlockingPool;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits::{SEARCH_BYTES, SEARCH_DATA, SEARCH_HEADS};
use crate::domain::task::{StoredTask, TaskHead, TaskState};

/// Heads read from the store in one go while most of them may not fit.
const CHUNK: usize = 256;
/// Tasks, and bytes of their data, that are matched in one go on a thread that may block.
const BATCH: usize = 64;
/// See [`BATCH`].
const BATCH_BYTES: usize = 1024 * 1024;
/// Reads of an index for one page that may find nothing.
const VAIN: usize = 8;
/// An id is made a moment after its task's `created` is read.
const SLACK: Millis = 60_000;

/// Which tasks are wanted. A member that is `None` matches every task.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// In one of these states.
    pub states: Vec<TaskState>,
    /// With this name, this tag, come in by this webhook.
    pub terms: Terms,
    /// Accepted at this time or later.
    pub since: Option<Millis>,
    /// Accepted at this time or earlier.
    pub until: Option<Millis>,
    /// With data that matches.
    pub pattern: Option<Arc<Pattern>>,
    /// Older than this one.
    pub before: Option<TaskId>,
    /// The most tasks of a page.
    pub limit: usize,
}

/// The result of a search.
#[derive(Debug, Default)]
pub struct Page {
    /// Newest first.
    pub tasks: Vec<TaskHead>,
    /// The [`Search::before`] of the next page; `None` if there is none.
    pub next: Option<TaskId>,
}

impl Search {
    fn fits(&self, head: &TaskHead) -> bool {
        (self.states.is_empty() || self.states.contains(&head.state()))
            && self.terms.fit(head)
            && self.since.is_none_or(|since| head.created >= since)
            && self.until.is_none_or(|until| head.created <= until)
    }

    /// Whether every head of the wanted states fits.
    fn is_plain(&self) -> bool {
        self.terms.is_empty() && self.until.is_none() && self.pattern.is_none()
    }

    fn first(&self) -> Option<TaskId> {
        let until = self
            .until
            .map(|until| TaskId::from_time(until.saturating_add(SLACK)));
        match (self.before, until) {
            (Some(before), Some(until)) => Some(before.min(until)),
            (before, until) => before.or(until),
        }
    }
}

/// A page of the tasks that a search is for. Data is matched on `pool`, or without one on this thread.
///
/// # Errors
/// What the store fails with.
pub async fn search(
    store: &dyn Store,
    pool: Option<&dyn BlockingPool>,
    workspace: &WorkspaceName,
    search: &Search,
) -> Result<Page, StoreError> {
    let mut heads = Heads::new(store, workspace, search);
    let mut found = PageBuilder {
        pool: (pool, workspace),
        limit: search.limit,
        pattern: search.pattern.clone(),
        // Some 200 ms.
        budget: Budget::new(4 * Budget::UNITS),
        batch: Vec::new(),
        batch_bytes: 0,
        tasks: Vec::new(),
        judged: None,
        stopped: false,
    };
    let (mut looked, mut loaded, mut bytes) = (0, 0, 0);
    let oldest = search.since.map_or(TaskId::MIN, TaskId::from_time);
    let mut more = false;
    loop {
        let head = match heads.next().await? {
            Next::Head(head) => *head,
            Next::End => break,
            Next::Stopped(at) => {
                found.judge().await?;
                found.judged = found.judged.filter(|_| found.stopped).or(Some(at));
                more = at > oldest;
                break;
            }
        };
        if head.id < oldest {
            break;
        }
        looked += 1;
        let id = head.id;
        if search.fits(&head) {
            if found.pattern.is_none() {
                found.tasks.push(head);
            } else if let Some(task) = store.load(workspace, id).await?
                && search.fits(&task.head)
            {
                loaded += 1;
                bytes += task.data.len();
                found.take(task).await?;
            }
        }
        if found.is_full() || found.stopped {
            break;
        }
        if looked >= SEARCH_HEADS || loaded >= SEARCH_DATA || bytes >= SEARCH_BYTES {
            found.judge().await?;
            found.judged = found.judged.filter(|_| found.stopped).or(Some(id));
            more = true;
            break;
        }
    }
    found.judge().await?;
    Ok(found.page(more))
}

/// The tasks that fit, as far as they have been looked at.
struct PageBuilder<'p> {
    pool: (Option<&'p dyn BlockingPool>, &'p WorkspaceName),
    limit: usize,
    pattern: Option<Arc<Pattern>>,
    budget: Budget,
    /// Loaded, and not matched yet.
    batch: Vec<StoredTask>,
    batch_bytes: usize,
    tasks: Vec<TaskHead>,
    /// The last one that was matched, whether it fitted or not.
    judged: Option<TaskId>,
    /// The budget is spent.
    stopped: bool,
}

impl PageBuilder<'_> {
    /// One more than a page: then there is a next one.
    fn is_full(&self) -> bool {
        self.tasks.len() > self.limit
    }

    async fn take(&mut self, task: StoredTask) -> Result<(), StoreError> {
        self.batch_bytes += task.data.len();
        self.batch.push(task);
        // A small page is not to wait for a large batch.
        if self.batch.len() >= BATCH || self.batch_bytes >= BATCH_BYTES {
            self.judge().await?;
        }
        Ok(())
    }

    /// Matches the loaded tasks.
    async fn judge(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let Some(pattern) = self.pattern.clone().filter(|_| !batch.is_empty()) else {
            return Ok(());
        };
        let mut budget = self.budget.clone();
        let any_judged = self.judged.is_some();
        let (sender, matched) = oneshot::channel();
        let matching = move || {
            let mut judged = Vec::with_capacity(batch.len());
            for task in batch {
                let data: Value = serde_json::from_str(&task.data).map_err(|error| {
                    let id = task.head.id;
                    StoreError::Damaged(format!("the data of task {id} is not JSON: {error}"))
                })?;
                let matches = pattern.matches_within(&data, &mut budget).unwrap_or(false);
                let alone = !any_judged && judged.is_empty();
                // One that is too much even by itself is passed over, so that the list goes on.
                if !budget.is_spent() || alone {
                    judged.push((task.head, matches));
                }
                if budget.is_spent() {
                    break;
                }
            }
            Ok((judged, budget))
        };
        let work = move || drop(sender.send(matching()));
        match self.pool {
            (Some(pool), workspace) => pool.run(workspace, Box::new(work)).await,
            (None, _) => work(),
        }
        let (judged, budget) = matched.await.map_err(StoreError::unavailable)??;
        self.stopped = budget.is_spent();
        self.budget = budget;
        for (head, matches) in judged {
            self.judged = Some(head.id);
            if matches {
                self.tasks.push(head);
            }
        }
        Ok(())
    }

    /// `more`: a limit was reached, and the tasks behind the last one judged were not looked at.
    fn page(mut self, more: bool) -> Page {
        let next = if self.is_full() {
            self.tasks.truncate(self.limit);
            self.tasks.last().map(|head| head.id)
        } else if more || self.stopped {
            self.judged
        } else {
            None
        };
        Page {
            tasks: self.tasks,
            next,
        }
    }
}

/// Heads of the wanted states, newest first, read as they are needed.
struct Heads<'s> {
    store: &'s dyn Store,
    workspace: &'s WorkspaceName,
    terms: &'s Terms,
    sources: Vec<Source>,
    chunk: usize,
    /// Reads that may still find nothing, beside the first of each source.
    vain: usize,
    /// The last one that was given; one that changes its state may turn up twice.
    last: Option<TaskId>,
}

struct Source {
    state: Option<TaskState>,
    before: Option<TaskId>,
    heads: VecDeque<TaskHead>,
    more: bool,
    /// It has been read from.
    begun: bool,
}

enum Next {
    Head(Box<TaskHead>),
    /// There are no more.
    End,
    /// It took too long; all down to this one, inclusive, have been given.
    Stopped(TaskId),
}

impl<'s> Heads<'s> {
    fn new(store: &'s dyn Store, workspace: &'s WorkspaceName, search: &'s Search) -> Self {
        let mut states: Vec<Option<TaskState>> = TaskState::ALL
            .into_iter()
            .filter(|state| search.states.is_empty() || search.states.contains(state))
            .map(Some)
            .collect();
        // One walk over all states is cheaper than seven, except with an index, which is by state.
        if states.len() == TaskState::ALL.len() && search.terms.is_empty() {
            states = vec![None];
        }
        let source = |state| Source {
            state,
            before: search.first(),
            heads: VecDeque::new(),
            more: true,
            begun: false,
        };
        Self {
            store,
            workspace,
            terms: &search.terms,
            sources: states.into_iter().map(source).collect(),
            chunk: if search.is_plain() {
                search.limit + 1
            } else {
                CHUNK
            },
            vain: VAIN,
            last: search.before,
        }
    }

    async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            self.fill().await?;
            let empty = self.sources.iter().filter(|source| source.heads.is_empty());
            let stopped = empty
                .filter(|source| source.more)
                .map(|source| source.before.unwrap_or(TaskId::MAX))
                .max();
            let newest = self
                .sources
                .iter_mut()
                .filter(|source| !source.heads.is_empty())
                .max_by_key(|source| source.heads.front().map(|head| head.id));
            let id = newest.as_ref().and_then(|source| source.heads.front());
            // What a source has not been looked at for may be newer than all that are known.
            if let Some(at) = stopped
                && id.is_none_or(|head| head.id < at)
            {
                return Ok(Next::Stopped(at));
            }
            let Some(head) = newest.and_then(|source| source.heads.pop_front()) else {
                return Ok(Next::End);
            };
            if self.last.is_none_or(|last| head.id < last) {
                self.last = Some(head.id);
                return Ok(Next::Head(Box::new(head)));
            }
        }
    }

    /// Reads on where nothing is left, as far as that is allowed: each source once, whatever it finds.
    async fn fill(&mut self) -> Result<(), StoreError> {
        for only_new in [true, false] {
            for at in 0..self.sources.len() {
                while self.wants(at, only_new) {
                    self.read_on(at).await?;
                }
            }
        }
        Ok(())
    }

    fn wants(&self, at: usize, only_new: bool) -> bool {
        let source = &self.sources[at];
        let allowed = !source.begun || (!only_new && self.vain > 0);
        source.heads.is_empty() && source.more && allowed
    }

    async fn read_on(&mut self, at: usize) -> Result<(), StoreError> {
        let source = &self.sources[at];
        let query = TaskQuery {
            state: source.state,
            before: source.before,
            limit: self.chunk,
        };
        let part = self.read(&query).await?;
        let source = &mut self.sources[at];
        if source.begun && part.tasks.is_empty() {
            self.vain -= 1;
        }
        source.begun = true;
        source.more = part.next.is_some();
        source.before = part.next;
        source.heads = part.tasks.into();
        Ok(())
    }

    async fn read(&self, query: &TaskQuery) -> Result<Part, StoreError> {
        if !self.terms.is_empty() {
            return self.store.find(self.workspace, query, self.terms).await;
        }
        let tasks = self.store.list(self.workspace, query).await?;
        let is_full = tasks.len() >= query.limit;
        let next = tasks.last().filter(|_| is_full).map(|head| head.id);
        Ok(Part { tasks, next })
    }
}

#[cfg(test)]
mod tests;
