//! Finding tasks among many: newest first, over any [`Store`], and never more work for one page than
//! its bounds allow. A page that reached one has a cursor to go on from, though it may be short or
//! empty.

mod heads;

use std::sync::Arc;

use serde_json::Value;
use stepwell_condition::{Budget, Pattern};
use tokio::sync::oneshot;

use self::heads::{Heads, Next};
use super::{Store, StoreError, TaskQuery, Terms};
use crate::domain::blocking::BlockingPool;
use crate::domain::budget as memory;
use crate::domain::clock::Millis;
use crate::domain::data::memory_estimate;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits::{PAGE_RESULT_BYTES, SEARCH_BYTES, SEARCH_DATA, SEARCH_HEADS};
use crate::domain::task::{TaskHead, TaskState};

/// The most heads that are read from the store in one go: some have large results, and most of them may not fit.
const CHUNK: usize = 128;
/// Tasks, and bytes of their data, that are matched in one go on a thread that may block.
const BATCH: usize = 64;
/// See [`BATCH`].
const BATCH_BYTES: usize = 1024 * 1024;
/// Why a search does not go on that finds no memory for the values of data.
/// Why a search ends when there is no memory for the values of a task.
pub const NO_MEMORY: &str = "the server has as much to do as it can hold; try again in a moment";
/// An id is made a moment after its task's `created` is read.
const SLACK: Millis = 60_000;

/// Which tasks are wanted. A member that is `None` matches every task.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// In one of these states.
    pub states: Vec<TaskState>,
    /// With this name, this tag, come in by this webhook.
    pub terms: Terms,
    /// Of this time or later: see [`Search::time`].
    pub since: Option<Millis>,
    /// Of this time or earlier.
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
    /// When a task was accepted; or the time that a schedule has made it for, which a server that was down makes up for later.
    /// Its place in a list goes by that, too.
    fn time(head: &TaskHead) -> Millis {
        head.created.min(head.id.time())
    }

    fn fits(&self, head: &TaskHead) -> bool {
        let at = Self::time(head);
        (self.states.is_empty() || self.states.contains(&head.state()))
            && self.terms.fit(head)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at <= until)
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

/// Where data is matched, and the memory that its values take from.
pub type Matching<'m> = (&'m dyn BlockingPool, &'m Arc<memory::Budget>);

/// A page of the tasks that a search is for. Data is matched in a pool with memory of a budget, or without one on this
/// thread.
///
/// # Errors
/// What the store fails with. [`StoreError::Unavailable`] if there is no memory for the values of data within two seconds.
pub async fn search(
    store: &dyn Store,
    pool: Option<Matching<'_>>,
    workspace: &WorkspaceName,
    search: &Search,
) -> Result<Page, StoreError> {
    let oldest = search.since.map(TaskId::from_time);
    let chunk = match search.is_plain() {
        true => CHUNK.min(search.limit + 1),
        false => CHUNK,
    };
    let query = TaskQuery {
        states: search.states.clone(),
        before: search.first(),
        since: oldest,
        limit: chunk,
    };
    let mut heads = Heads::new(store, workspace, &search.terms, query);
    let mut found = PageBuilder {
        store,
        search,
        pool: (pool, workspace),
        // Some 200 ms.
        budget: Budget::new(4 * Budget::UNITS),
        wanted: Vec::new(),
        bytes: 0,
        tasks: Vec::new(),
        results: 0,
        judged: None,
        stopped: false,
    };
    let (mut looked, mut loaded) = (0, 0);
    let oldest = oldest.unwrap_or(TaskId::MIN);
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
            if search.pattern.is_none() {
                found.push(head);
            } else {
                loaded += 1;
                found.wanted.push(id);
                // A small page is not to wait for a large batch.
                if found.wanted.len() >= BATCH {
                    found.judge().await?;
                }
            }
        }
        if found.is_full() || found.stopped {
            break;
        }
        let too_many = looked >= SEARCH_HEADS || loaded >= SEARCH_DATA;
        if too_many || found.results >= PAGE_RESULT_BYTES {
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
    store: &'p dyn Store,
    search: &'p Search,
    pool: (Option<Matching<'p>>, &'p WorkspaceName),
    budget: Budget,
    /// Tasks whose data is to be matched.
    wanted: Vec<TaskId>,
    /// Bytes of data that were loaded.
    bytes: usize,
    tasks: Vec<TaskHead>,
    /// Bytes of their results.
    results: usize,
    /// The last one that was matched, whether it fitted or not.
    judged: Option<TaskId>,
    /// As much was matched as may be, and there is more behind it.
    stopped: bool,
}

impl PageBuilder<'_> {
    /// One more than a page: then there is a next one.
    fn is_full(&self) -> bool {
        self.tasks.len() > self.search.limit
    }

    fn push(&mut self, head: TaskHead) {
        self.results += head.result.as_ref().map_or(0, String::len);
        self.tasks.push(head);
    }

    /// Loads what is wanted and matches it, as far as that is allowed.
    async fn judge(&mut self) -> Result<(), StoreError> {
        let all = std::mem::take(&mut self.wanted);
        let mut wanted = &all[..];
        while !wanted.is_empty() && !self.is_full() && !self.stopped {
            if self.bytes >= SEARCH_BYTES {
                self.stopped = true;
                break;
            }
            let (_, workspace) = self.pool;
            let (mut batch, count) = self.store.load_many(workspace, wanted, BATCH_BYTES).await?;
            let (looked_at, rest) = wanted.split_at(count.clamp(1, wanted.len()));
            self.bytes += batch.iter().map(|(_, data)| data.len()).sum::<usize>();
            // They may have moved on since their heads were listed.
            batch.retain(|(head, _)| self.search.fits(head));
            self.match_data(batch).await?;
            if !self.stopped {
                self.judged = looked_at.last().copied();
            }
            wanted = rest;
        }
        Ok(())
    }

    async fn match_data(&mut self, batch: Vec<(TaskHead, Arc<str>)>) -> Result<(), StoreError> {
        let Some(pattern) = self.search.pattern.clone().filter(|_| !batch.is_empty()) else {
            return Ok(());
        };
        let largest = batch.iter().map(|(_, data)| memory_estimate(data)).max();
        let _memory = match self.pool {
            (Some((_, memory)), workspace) => {
                let taken = memory.wait_briefly_for(workspace, largest.unwrap_or_default(), 0);
                let taken = taken.await;
                Some(taken.ok_or_else(|| StoreError::unavailable(NO_MEMORY))?)
            }
            (None, _) => None,
        };
        let mut budget = self.budget.clone();
        let any_judged = self.judged.is_some();
        let (sender, matched) = oneshot::channel();
        let matching = move || {
            let mut judged = Vec::with_capacity(batch.len());
            for (head, data) in batch {
                let data: Value = serde_json::from_str(&data).map_err(|error| {
                    let id = head.id;
                    StoreError::Damaged(format!("the data of task {id} is not JSON: {error}"))
                })?;
                let matches = pattern.matches_within(&data, &mut budget).unwrap_or(false);
                let alone = !any_judged && judged.is_empty();
                // One that is too much even by itself is passed over, so that the list goes on.
                if !budget.is_spent() || alone {
                    judged.push((head, matches));
                }
                if budget.is_spent() {
                    break;
                }
            }
            Ok((judged, budget))
        };
        let work = move || drop(sender.send(matching()));
        match self.pool {
            (Some((pool, _)), workspace) => pool.run(workspace, Box::new(work)).await,
            (None, _) => work(),
        }
        let (judged, budget) = matched.await.map_err(StoreError::unavailable)??;
        self.stopped = budget.is_spent();
        self.budget = budget;
        for (head, matches) in judged {
            self.judged = Some(head.id);
            if matches {
                self.push(head);
            }
            if self.results >= PAGE_RESULT_BYTES {
                self.stopped = true;
                break;
            }
        }
        Ok(())
    }

    /// `more`: a limit was reached, and the tasks behind the last one judged were not looked at.
    fn page(mut self, more: bool) -> Page {
        let next = if self.is_full() {
            self.tasks.truncate(self.search.limit);
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

#[cfg(test)]
mod tests;
