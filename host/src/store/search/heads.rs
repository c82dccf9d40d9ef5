//! Heads of tasks as a search looks at them: newest first, read as they are needed.

use std::collections::VecDeque;

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::store::{Store, StoreError, TaskPage, TaskQuery, Terms};

/// Reads for one page that may come to the end of what one read looks at.
const VAIN: usize = 9;

/// The heads that a query is for, newest first. Each is read once, with all others of its part of the ids.
pub(super) struct Heads<'s> {
    store: &'s dyn Store,
    workspace: &'s WorkspaceName,
    terms: &'s Terms,
    /// For the next read.
    query: TaskQuery,
    heads: VecDeque<TaskHead>,
    /// There may be more than was read.
    more: bool,
    /// Reads that may still find nothing.
    vain: usize,
}

pub(super) enum Next {
    Head(Box<TaskHead>),
    /// There are no more.
    End,
    /// It took too long; all down to this one, inclusive, have been given.
    Stopped(TaskId),
}

impl<'s> Heads<'s> {
    /// Those that fit `terms`, too, read as many at a time as the query's limit says.
    pub(super) fn new(
        store: &'s dyn Store,
        workspace: &'s WorkspaceName,
        terms: &'s Terms,
        query: TaskQuery,
    ) -> Self {
        Self {
            store,
            workspace,
            terms,
            query,
            heads: VecDeque::new(),
            more: true,
            vain: VAIN,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            if let Some(head) = self.heads.pop_front() {
                return Ok(Next::Head(Box::new(head)));
            }
            if !self.more {
                return Ok(Next::End);
            }
            if self.vain == 0 {
                return Ok(Next::Stopped(self.query.before.unwrap_or(TaskId::MAX)));
            }
            self.read_on().await?;
        }
    }

    async fn read_on(&mut self) -> Result<(), StoreError> {
        let part = self.read().await?;
        // It has looked at as many as one read may.
        if part.next.is_some() && part.tasks.len() < self.query.limit {
            self.vain -= 1;
        }
        self.more = part.next.is_some();
        self.query.before = part.next;
        self.heads = part.tasks.into();
        Ok(())
    }

    async fn read(&self) -> Result<TaskPage, StoreError> {
        let query = &self.query;
        if !self.terms.is_empty() {
            return self.store.find(self.workspace, query, self.terms).await;
        }
        let tasks = self.store.list(self.workspace, query).await?;
        let is_full = tasks.len() >= query.limit;
        let next = tasks.last().filter(|_| is_full).map(|head| head.id);
        Ok(TaskPage { tasks, next })
    }
}
