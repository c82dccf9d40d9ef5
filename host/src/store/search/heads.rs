//! Heads of tasks as a search looks at them: of several states, newest first, read as they are needed.

use std::collections::VecDeque;

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{Store, StoreError, TaskPage as Part, TaskQuery, Terms};

/// Reads of an index for one page that may find nothing.
const VAIN: usize = 8;

/// Heads of the wanted states, newest first, read as they are needed.
pub(super) struct Heads<'s> {
    store: &'s dyn Store,
    workspace: &'s WorkspaceName,
    terms: &'s Terms,
    since: Option<TaskId>,
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

pub(super) enum Next {
    Head(Box<TaskHead>),
    /// There are no more.
    End,
    /// It took too long; all down to this one, inclusive, have been given.
    Stopped(TaskId),
}

impl<'s> Heads<'s> {
    /// Heads in one of the states (in any, if none is named) that fit `terms`, from `since` on and before `before`, read
    /// `chunk` at a time.
    pub(super) fn new(
        store: &'s dyn Store,
        workspace: &'s WorkspaceName,
        terms: &'s Terms,
        states: &[TaskState],
        (since, before): (Option<TaskId>, Option<TaskId>),
        chunk: usize,
    ) -> Self {
        let mut states: Vec<Option<TaskState>> = TaskState::ALL
            .into_iter()
            .filter(|state| states.is_empty() || states.contains(state))
            .map(Some)
            .collect();
        // One walk over all is cheaper than seven, but for what is found by indexes, which are by state.
        if states.len() == TaskState::ALL.len() && terms.is_empty() {
            states = vec![None];
        }
        let source = |state| Source {
            state,
            before,
            heads: VecDeque::new(),
            more: true,
            begun: false,
        };
        Self {
            store,
            workspace,
            terms,
            since,
            sources: states.into_iter().map(source).collect(),
            chunk,
            vain: VAIN,
            last: before,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Next, StoreError> {
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
            since: self.since,
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
