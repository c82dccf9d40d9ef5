//! One change of one task, as it waits to be written. It is encoded by who asks for it.

use std::sync::Arc;

use super::values::{Term, digest, number, state_number, time};
use crate::domain::dedup::Dedup;
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::RequestId;
use crate::domain::journal::Entry;
use crate::domain::task::TaskHead;
use crate::store::shapes::StoredValue as _;
use crate::store::shapes::journal::push_entry;
use crate::store::{Claim, Commit, NewTask, StoreError};

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Accept,
    Commit,
    Note,
    Effect,
}

/// A change of one task.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// The claim under which it is written.
    pub(super) claim: Claim,
    /// The newest revision of the setup that this node knew as it was asked for: a new task is not for a workspace that was
    /// set up later under the same name.
    pub(super) revision: u64,
    pub(super) workspace: WorkspaceName,
    pub(super) id: TaskId,
    /// The new head; none for an effect.
    pub(super) head: Option<Head>,
    pub(super) data: Option<Arc<str>>,
    /// Entries for the journal, as they are stored.
    pub(super) entries: Vec<u8>,
    /// Their size in memory, in bytes.
    pub(super) bytes: i64,
    pub(super) dedup: Option<Dedup>,
    /// Another node's request that is answered with the head.
    pub(super) answers: Option<RequestId>,
}

/// A head as it is stored, with the columns that queries use.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) state: i16,
    pub(super) due: Option<i64>,
    pub(super) rests: Option<i64>,
    pub(super) webhook: Option<i64>,
    pub(super) name: Option<i64>,
    /// Digests with commas between them: an array of arrays is flattened on its way.
    pub(super) tags: Option<String>,
    pub(super) value: Vec<u8>,
    /// Whether no other node makes a task with this id: it is drawn by chance for a webhook's task. That of a subtask, or of a
    /// schedule's planned time, is the same on each node that makes it.
    pub(super) has_own_id: bool,
}

impl Head {
    fn of(head: &TaskHead) -> Result<Self, StoreError> {
        let mut value = Vec::with_capacity(256);
        head.write(&mut value)?;
        let may_go = head.state().is_final() && !head.kept;
        let tags: Vec<String> = (head.tags.iter())
            .map(|tag| digest(Term::Tag, tag).to_string())
            .collect();
        let webhook = head.webhook.as_ref();
        Ok(Self {
            version: head.version,
            state: state_number(head.state()),
            due: head.due_at().map(time),
            rests: may_go.then(|| time(head.updated)),
            webhook: webhook.map(|name| digest(Term::Webhook, name.as_str())),
            name: head.name.as_ref().map(|name| digest(Term::Name, name)),
            tags: (!tags.is_empty()).then(|| tags.join(",")),
            value,
            has_own_id: head.webhook.is_some() && head.parent.is_none(),
        })
    }
}

fn entries<'a>(all: impl IntoIterator<Item = &'a Entry>) -> Result<(Vec<u8>, i64), StoreError> {
    let (mut encoded, mut bytes) = (Vec::new(), 0);
    for entry in all {
        push_entry(&mut encoded, entry)?;
        bytes += number(entry.bytes() as u64);
    }
    Ok((encoded, bytes))
}

impl Part {
    /// See [`crate::store::Store::accept`].
    pub(super) fn accept(claim: Claim, task: NewTask) -> Result<Self, StoreError> {
        let at = task.head.created;
        let first = Entry::Accepted { at };
        let (entries, bytes) = entries(std::iter::once(&first).chain(&task.entries))?;
        Ok(Self {
            kind: Kind::Accept,
            claim,
            revision: u64::MAX,
            head: Some(Head::of(&task.head)?),
            workspace: task.head.workspace,
            id: task.head.id,
            data: Some(task.data),
            entries,
            bytes,
            dedup: task.dedup,
            answers: None,
        })
    }

    /// See [`crate::store::Store::commit`].
    pub(super) fn commit(claim: Claim, commit: Commit) -> Result<Self, StoreError> {
        let (entries, bytes) = entries(&commit.entries)?;
        Ok(Self {
            kind: Kind::Commit,
            claim,
            revision: u64::MAX,
            head: Some(Head::of(&commit.head)?),
            workspace: commit.head.workspace,
            id: commit.head.id,
            data: commit.data,
            entries,
            bytes,
            dedup: None,
            answers: None,
        })
    }

    /// See [`crate::store::Transaction::notes`].
    pub(super) fn note(claim: Claim, head: TaskHead) -> Result<Self, StoreError> {
        let commit = Commit {
            head,
            data: None,
            entries: Vec::new(),
        };
        Ok(Self {
            kind: Kind::Note,
            ..Self::commit(claim, commit)?
        })
    }

    /// See [`crate::store::Store::record_effect`].
    pub(super) fn effect(
        claim: Claim,
        workspace: &WorkspaceName,
        id: TaskId,
        effect: Effect,
    ) -> Result<Self, StoreError> {
        let (entries, bytes) = entries(&[Entry::Effect(effect)])?;
        Ok(Self {
            kind: Kind::Effect,
            claim,
            revision: u64::MAX,
            workspace: workspace.clone(),
            id,
            head: None,
            data: None,
            entries,
            bytes,
            dedup: None,
            answers: None,
        })
    }

    /// Bytes that are sent for it, about.
    pub(super) fn size(&self) -> usize {
        let head = self.head.as_ref().map_or(0, |head| head.value.len());
        let data = self.data.as_ref().map_or(0, |data| data.len());
        head + data + self.entries.len()
    }
}
