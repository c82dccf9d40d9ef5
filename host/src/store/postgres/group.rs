//! Applies a group of changes to the stored tasks: decides which changes are refused, and which rows the others write.
//!
//! It is a function of the rows that were read: no I/O. Changes are taken in their order, as if each were a transaction of its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::part::{Head, Kind, Part};
use crate::domain::clock::Millis;
use crate::domain::dedup::{Dedup, DedupKey};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::RequestId;
use crate::domain::partition::Partition;
use crate::store::{Claim, StoreError};

/// A task's place.
pub(super) type TaskKey<'a> = (&'a WorkspaceName, TaskId);
/// A delivery's key in its workspace.
pub(super) type Delivered<'a> = (&'a WorkspaceName, DedupKey);

/// Why a request of another node is not done.
const WITHDRAWN: &str = "the server that asked for it has taken it back";
/// Rows of the journal that one group may write: the numbers of the next group's begin behind them.
pub(super) const ROWS: i64 = 1 << 20;

/// New tasks that are evidence: one is enough, unless its workspace was deleted.
const SPACES: usize = 8;

/// A task as it is stored, as far as writes need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) version: u64,
    pub(super) settled: i64,
    /// The size of the settled part of its journal, in bytes.
    pub(super) journal_bytes: i64,
    /// The size of its unsettled effects, in bytes.
    pub(super) pending_bytes: i64,
}

/// A head that is written.
#[derive(Debug)]
pub(super) struct HeadWrite<'a> {
    /// The stored version that is replaced; none for a new task.
    pub(super) expected: Option<u64>,
    pub(super) head: &'a Head,
    pub(super) data: Option<&'a str>,
    /// The journal that a new task comes with.
    pub(super) entries: &'a [u8],
    /// Of a new task: see [`Part::revision`].
    pub(super) revision: u64,
    pub(super) settled: i64,
    pub(super) journal_bytes: i64,
}

/// A row of the journal.
#[derive(Debug)]
pub(super) struct JournalRow<'a> {
    pub(super) task: TaskKey<'a>,
    pub(super) seq: i64,
    pub(super) bytes: i64,
    pub(super) entries: &'a [u8],
}

/// Tells whether a transaction was committed, when its connection was lost before the answer: a row that is there if so.
#[derive(Debug, Clone)]
pub(super) struct CommitEvidence {
    pub(super) row: EvidenceRow,
    /// The claim under which this node writes the task. Another node that takes the partition over can write the same. None
    /// for a new task that no other node can make.
    pub(super) claim: Option<Claim>,
    /// A revision of the setup, from before the transaction. A workspace that was set up later has none of its rows.
    pub(super) revision: u64,
}

/// The row of a [`CommitEvidence`].
#[derive(Debug, Clone)]
pub(super) enum EvidenceRow {
    /// A task at this version, or a later one.
    Head {
        workspace: WorkspaceName,
        task: TaskId,
        version: u64,
        settled: i64,
    },
    /// A row of a task's journal.
    Journal {
        workspace: WorkspaceName,
        task: TaskId,
        seq: i64,
    },
}

impl EvidenceRow {
    fn workspace(&self) -> &WorkspaceName {
        match self {
            Self::Head { workspace, .. } | Self::Journal { workspace, .. } => workspace,
        }
    }
}

/// A group of changes: the rows as they are stored, and then with the accepted changes.
#[derive(Debug, Default)]
pub(super) struct Group<'a> {
    /// This node, and the owner and epoch of each partition.
    pub(super) node: i64,
    pub(super) partitions: HashMap<Partition, (Option<i64>, u64)>,
    /// A revision of the setup that this node knew before the transaction.
    pub(super) revision: u64,
    pub(super) erasing: HashSet<WorkspaceName>,
    /// The revisions in which workspaces were set up, as far as they were looked for.
    pub(super) born: HashMap<WorkspaceName, u64>,
    pub(super) tasks: HashMap<TaskKey<'a>, Stored>,
    /// The task that a delivery's key belongs to, and until when.
    pub(super) keys: HashMap<Delivered<'a>, (TaskId, Millis)>,
    /// The number of the next row of the journal.
    pub(super) next: i64,
    pub(super) heads: HashMap<TaskKey<'a>, HeadWrite<'a>>,
    pub(super) journal: Vec<JournalRow<'a>>,
    pub(super) new_keys: HashMap<Delivered<'a>, (TaskId, Dedup)>,
    /// Requests of other nodes that have no answer.
    pub(super) requests: HashSet<RequestId>,
    /// Those that get one, with the head.
    pub(super) answers: Vec<(RequestId, &'a Head)>,
}

impl<'a> Group<'a> {
    /// Takes changes that belong together, all of them or none.
    ///
    /// # Errors
    /// Why the first one that is refused is.
    pub(super) fn take(&mut self, parts: &'a [Part]) -> Result<(), StoreError> {
        let mut own = HashMap::new();
        for part in parts {
            self.check(part, &mut own)?;
        }
        for part in parts {
            self.apply(part);
        }
        Ok(())
    }

    fn check(
        &self,
        part: &'a Part,
        own: &mut HashMap<Delivered<'a>, TaskId>,
    ) -> Result<(), StoreError> {
        let partition = Partition::of(part.id);
        let is_owned = part.claim.partition == partition
            && self.partitions.get(&partition) == Some(&(Some(self.node), part.claim.epoch));
        if !is_owned {
            return Err(StoreError::Fenced { partition });
        }
        if self.erasing.contains(&part.workspace) {
            return Err(StoreError::Erasing(part.workspace.clone()));
        }
        let id = part.id;
        let born = self.born.get(&part.workspace);
        if part.kind == Kind::Accept && born.is_some_and(|born| *born > part.revision) {
            return Err(StoreError::Erasing(part.workspace.clone()));
        }
        let stored = self.tasks.get(&(&part.workspace, id));
        match (part.kind, stored) {
            (Kind::Accept, Some(stored)) => {
                return Err(StoreError::Conflict {
                    id,
                    expected: 0,
                    actual: stored.version,
                });
            }
            (Kind::Accept, None) | (Kind::Effect, Some(_)) => {}
            (_, None) => return Err(StoreError::NotFound(format!("task {id}"))),
            (Kind::Commit | Kind::Note, Some(stored)) => {
                let version = part.head.as_ref().map_or(0, |head| head.version);
                let expected = version.saturating_sub(1);
                if stored.version != expected {
                    return Err(StoreError::Conflict {
                        id,
                        expected,
                        actual: stored.version,
                    });
                }
            }
        }
        if part.answers.is_some_and(|id| !self.requests.contains(&id)) {
            return Err(StoreError::Refused(WITHDRAWN.to_owned()));
        }
        let Some(dedup) = part.dedup else {
            return Ok(());
        };
        let key = (&part.workspace, dedup.key);
        let first = self.keys.get(&key).filter(|(_, until)| *until > dedup.at);
        match first.map(|(task, _)| *task).or(own.get(&key).copied()) {
            Some(task) => Err(StoreError::Duplicate { task }),
            None => {
                own.insert(key, id);
                Ok(())
            }
        }
    }

    fn apply(&mut self, part: &'a Part) {
        let task = (&part.workspace, part.id);
        if let Some(dedup) = part.dedup {
            let key = (task.0, dedup.key);
            self.keys.insert(key, (task.1, dedup.until));
            self.new_keys.insert(key, (task.1, dedup));
        }
        if let (Some(id), Some(head)) = (part.answers, &part.head) {
            self.requests.remove(&id);
            self.answers.push((id, head));
        }
        let seq = self.next;
        self.next += 1;
        let stored = self.tasks.get(&task).copied();
        let mut moved = stored.unwrap_or(Stored {
            version: 0,
            settled: seq,
            journal_bytes: 0,
            pending_bytes: 0,
        });
        match part.kind {
            Kind::Accept | Kind::Commit => {
                moved.journal_bytes += moved.pending_bytes + part.bytes;
                moved.pending_bytes = 0;
                moved.settled = seq;
            }
            Kind::Note | Kind::Effect => moved.pending_bytes += part.bytes,
        }
        if let Some(head) = &part.head {
            moved.version = head.version;
            let write = self.heads.entry(task).or_insert(HeadWrite {
                expected: stored.map(|stored| stored.version),
                head,
                data: None,
                entries: &[],
                revision: part.revision,
                settled: 0,
                journal_bytes: 0,
            });
            write.head = head;
            write.settled = moved.settled;
            write.journal_bytes = moved.journal_bytes;
            write.data = part.data.as_deref().or(write.data);
            if part.kind == Kind::Accept {
                write.entries = &part.entries;
            }
        }
        self.tasks.insert(task, moved);
        if part.kind != Kind::Accept && !part.entries.is_empty() {
            self.journal.push(JournalRow {
                task,
                seq,
                bytes: part.bytes,
                entries: &part.entries,
            });
        }
    }

    /// What is there if what was taken was committed, and else is not: new tasks whose ids no other node makes, one of each
    /// workspace, as each can be deleted; else one row of evidence of each workspace in each partition, as that can be lost,
    /// too. Nothing if nothing is written.
    pub(super) fn evidence(&self) -> Vec<CommitEvidence> {
        let is_own = |write: &HeadWrite<'_>| write.expected.is_none() && write.head.has_own_id;
        let head = |(task, write): (&TaskKey<'_>, &HeadWrite<'_>)| CommitEvidence {
            row: EvidenceRow::Head {
                workspace: task.0.clone(),
                task: task.1,
                version: write.head.version,
                settled: write.settled,
            },
            claim: (!is_own(write)).then(|| self.claim(task.1)),
            revision: self.revision,
        };
        let mut own: Vec<CommitEvidence> = Vec::new();
        for new in self.heads.iter().filter(|(_, write)| is_own(write)) {
            let space = new.0.0;
            if own.len() < SPACES && own.iter().all(|row| row.row.workspace() != space) {
                own.push(head(new));
            }
        }
        if !own.is_empty() {
            return own;
        }
        let rows = self.journal.iter().map(|row| CommitEvidence {
            row: EvidenceRow::Journal {
                workspace: row.task.0.clone(),
                task: row.task.1,
                seq: row.seq,
            },
            claim: Some(self.claim(row.task.1)),
            revision: self.revision,
        });
        let all = self.heads.iter().map(head).chain(rows);
        let each: BTreeMap<_, _> = all
            .map(|row| {
                let partition = row.claim.map(|claim| claim.partition);
                ((partition, row.row.workspace().clone()), row)
            })
            .collect();
        each.into_values().collect()
    }

    /// By which a task is written here.
    fn claim(&self, task: TaskId) -> Claim {
        let partition = Partition::of(task);
        let epoch = self
            .partitions
            .get(&partition)
            .map_or(0, |(_, epoch)| *epoch);
        Claim { partition, epoch }
    }
}
