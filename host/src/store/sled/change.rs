//! Changes of tasks as the log carries them, and the mark of how far it is folded.

use std::sync::Arc;

use super::codec::{Parts, push_length, push_sized};
use super::shapes::journal::push_entry;
use super::shapes::kind::kind;
use super::shapes::{Kind as _, Shape, StoredValue, read};
use crate::domain::clock::Millis;
use crate::domain::dedup::{Dedup, DedupKey};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::TaskHead;
use crate::store::{Commit, NewTask, StoreError};

/// What a change does. Never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Accept = 1,
    Commit = 2,
    Effect = 3,
    /// A commit that leaves the effects before it unsettled.
    Note = 4,
}

/// One change of one task: what the log carries and the overlay takes in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub kind: Kind,
    pub workspace: WorkspaceName,
    pub id: TaskId,
    /// Where the entries go in the task's journal, counted from 0. With it a change that is
    /// replayed on a task which already has it is known for what it is.
    pub index: u32,
    /// The new head; none for an effect.
    pub head: Option<TaskHead>,
    /// The new data, if it changed.
    pub data: Option<Arc<str>>,
    /// Journal entries, each encoded by [`push_entry`].
    pub entries: Vec<u8>,
    /// How many.
    pub count: u32,
    /// The key of the delivery that made the change.
    pub taken: Option<DedupClaim>,
}

/// A delivery's key that becomes that of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DedupClaim {
    pub key: DedupKey,
    /// When its time is over.
    pub until: Millis,
}

impl From<Dedup> for DedupClaim {
    fn from(dedup: Dedup) -> Self {
        Self {
            key: dedup.key,
            until: dedup.until,
        }
    }
}

/// Where [`Change::index`] stands in an encoded change: it is only known when the change is put in
/// order, after its encoding.
const INDEX_AT: usize = 1;

/// Encodes a change for the log.
pub(super) fn encode_change(change: &Change) -> Result<Vec<u8>, StoreError> {
    let data_length = change.data.as_ref().map_or(0, |data| data.len());
    let mut out = Vec::with_capacity(256 + data_length + change.entries.len());
    out.push(change.kind as u8);
    out.extend_from_slice(&change.index.to_le_bytes());
    out.extend_from_slice(&change.count.to_le_bytes());
    out.extend_from_slice(change.id.as_bytes());
    push_length(&mut out, change.workspace.as_str().len())?;
    out.extend_from_slice(change.workspace.as_str().as_bytes());
    push_sized(&mut out, |out| match &change.head {
        Some(head) => head.write(out),
        None => Ok(()),
    })?;
    out.push(u8::from(change.data.is_some()));
    push_length(&mut out, data_length)?;
    if let Some(data) = &change.data {
        out.extend_from_slice(data.as_bytes());
    }
    push_length(&mut out, change.entries.len())?;
    out.extend_from_slice(&change.entries);
    if let Some(taken) = &change.taken {
        out.extend_from_slice(taken.key.as_bytes());
        out.extend_from_slice(&taken.until.to_le_bytes());
    }
    Ok(out)
}

/// Puts the now known index into an encoded change.
pub(super) fn set_index(encoded: &mut [u8], index: u32) {
    encoded[INDEX_AT..INDEX_AT + 4].copy_from_slice(&index.to_le_bytes());
}

/// A change without a key has nothing in its place, as all have in the first version of a group.
pub(super) fn decode_change(bytes: &[u8], may_have_key: bool) -> Result<Change, StoreError> {
    let mut parts = Parts::new(bytes, "a change in the log");
    let kind = match parts.byte()? {
        1 => Kind::Accept,
        2 => Kind::Commit,
        3 => Kind::Effect,
        4 => Kind::Note,
        other => return Err(parts.wrong(&format!("unknown kind {other}"))),
    };
    let index = parts.u32()?;
    let count = parts.u32()?;
    let id = TaskId::from_bytes(parts.array()?);
    let workspace = parts.text()?.parse::<WorkspaceName>();
    let workspace = workspace.map_err(|error| parts.wrong(&error.to_string()))?;
    let head = parts.sized()?;
    let head: Option<TaskHead> = match kind {
        Kind::Effect => None,
        Kind::Accept | Kind::Commit | Kind::Note => Some(read(head)?),
    };
    let changed = parts.byte()? == 1;
    let data = parts.text()?;
    let data = changed.then(|| Arc::from(data));
    let entries = parts.sized()?.to_vec();
    let taken = if may_have_key && !parts.is_empty() {
        let key = DedupKey::from_bytes(parts.array()?);
        let until = parts.u64()?;
        Some(DedupClaim { key, until })
    } else {
        None
    };
    parts.end()?;
    Ok(Change {
        kind,
        workspace,
        id,
        index,
        head,
        data,
        entries,
        count,
        taken,
    })
}

/// How far the log is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The least group that is still needed; those before it may be gone.
    pub low: u64,
    /// The last group there was when this was written; those from `low` to it must be there.
    pub last: u64,
}

impl Mark {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = vec![Self::NEWEST];
        out.extend_from_slice(&self.low.to_le_bytes());
        out.extend_from_slice(&self.last.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        read(bytes)
    }
}

kind!('a, Mark, "the log's low-water mark", 1 => Mark);

impl Shape<'_> for Mark {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, kind);
        let mark = Self {
            low: parts.u64()?,
            last: parts.u64()?,
        };
        parts.end()?;
        Ok(mark)
    }
}

/// A task's acceptance as the log carries it.
pub(super) fn accepted(task: NewTask) -> Result<Change, StoreError> {
    let mut entries = Vec::with_capacity(16 + 256 * task.entries.len());
    let (at, taken) = (task.head.created, task.dedup.map(DedupClaim::from));
    push_entry(&mut entries, &Entry::Accepted { at })?;
    for entry in &task.entries {
        push_entry(&mut entries, entry)?;
    }
    Ok(Change {
        kind: Kind::Accept,
        workspace: task.head.workspace.clone(),
        id: task.head.id,
        index: 0,
        head: Some(task.head),
        data: Some(task.data),
        entries,
        count: u32::try_from(1 + task.entries.len()).unwrap_or(u32::MAX),
        taken,
    })
}

/// A task's step forward as the log carries it.
pub(super) fn moved(kind: Kind, commit: Commit) -> Result<Change, StoreError> {
    let mut entries = Vec::with_capacity(256 * commit.entries.len());
    for entry in &commit.entries {
        push_entry(&mut entries, entry)?;
    }
    Ok(Change {
        kind,
        workspace: commit.head.workspace.clone(),
        id: commit.head.id,
        index: 0,
        head: Some(commit.head),
        data: commit.data,
        entries,
        count: u32::try_from(commit.entries.len()).unwrap_or(u32::MAX),
        taken: None,
    })
}
