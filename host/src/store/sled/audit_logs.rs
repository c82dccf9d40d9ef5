//! Appends to the audit log. An entry is a key of the tree.
//!
//! Every workspace has two logs, of changes and of refusals, and so has the server. What is more
//! than may be kept of a log is removed by the batch that appends to it. Keys end in ids, which grow with the time.

use std::collections::HashMap;

use super::checked;
use super::codec::bad_key;
use super::disk::Disk;
use super::failure::from_sled;
use super::puts::Puts;
use super::shapes::StoredValue;
use super::{keys, registry_read};
use crate::domain::audit::{AuditBounds, AuditEntry, AuditId};
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// The kinds of logs: of changes, and of refused attempts.
pub(super) const KINDS: [u8; 2] = [1, 2];

/// A workspace or the server, and a kind.
type Log = (Option<WorkspaceName>, u8);

/// The prefix of an entry's key.
pub(super) fn prefix_of(entry: &AuditEntry) -> Vec<u8> {
    let (owner, kind) = log_of(entry);
    keys::audit(owner.as_ref(), kind)
}

fn log_of(entry: &AuditEntry) -> Log {
    let kind = KINDS[usize::from(!entry.is_done())];
    (entry.workspace.clone(), kind)
}

/// The state of the logs in memory, which needs no read of the tree. A change of them holds the lock of the setup.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// How many entries each has that was counted.
    counts: HashMap<Log, usize>,
    last: Option<AuditId>,
}

/// The keys that a batch writes and removes.
#[derive(Debug, Default)]
pub(super) struct Appended {
    put: Vec<(Vec<u8>, Vec<u8>)>,
    removed: Vec<sled::IVec>,
}

impl Appended {
    pub(super) fn add_to(&self, changes: &mut impl Puts) {
        for (key, value) in &self.put {
            changes.put(key, value.clone());
        }
        for key in &self.removed {
            changes.remove_key(key);
        }
    }
}

/// The logs of what is there.
pub(super) fn logs(
    disk: &Disk,
    workspace: Option<&WorkspaceName>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let owners = match workspace {
        Some(workspace) => vec![Some(workspace.clone())],
        None => {
            let all = registry_read::retentions(disk)?.into_iter();
            let all = all.map(|(workspace, _)| Some(workspace));
            std::iter::once(None).chain(all).collect()
        }
    };
    let of = |owner: &Option<WorkspaceName>| KINDS.map(|kind| keys::audit(owner.as_ref(), kind));
    Ok(owners.iter().flat_map(of).collect())
}

/// The newest id of all logs; none if they are empty.
fn newest(disk: &Disk) -> Result<Option<AuditId>, StoreError> {
    let mut newest = None;
    for prefix in logs(disk, None)? {
        if let Some(key) = disk.db.scan_prefix(prefix).keys().next_back() {
            newest = newest.max(Some(id_of(&key.map_err(from_sled)?)?));
        }
    }
    Ok(newest)
}

impl Logs {
    /// Nothing is known any more of how many there are.
    pub(super) fn count_again(&mut self) {
        self.counts.clear();
    }

    /// What appends entries. The caller writes it, or has them counted again.
    pub(super) fn append(
        &mut self,
        disk: &Disk,
        bounds: AuditBounds,
        entries: &[AuditEntry],
    ) -> Result<Appended, StoreError> {
        let mut appended = Appended::default();
        let mut more: HashMap<Log, usize> = HashMap::new();
        if self.last.is_none() {
            // Ids grow over all logs, also over a restart.
            self.last = newest(disk)?;
        }
        for entry in entries {
            let log = log_of(entry);
            let prefix = keys::audit(log.0.as_ref(), log.1);
            if !self.counts.contains_key(&log) {
                let mut count = 0;
                for key in disk.db.scan_prefix(&prefix).keys() {
                    key.map_err(from_sled)?;
                    count += 1;
                }
                self.counts.insert(log.clone(), count);
            }
            let least = AuditId::from_time(entry.at);
            let id = self
                .last
                .map_or(least, |last| least.max(AuditId(last.0 + 1)));
            self.last = Some(id);
            let mut value = Vec::new();
            entry.write(&mut value)?;
            let key = [&prefix[..], &id.0.to_be_bytes()].concat();
            let value = checked::seal(&key, &value);
            appended.put.push((key, value));
            *more.entry(log).or_default() += 1;
        }
        for (log, more) in more {
            let most = match log.1 == KINDS[0] {
                true => bounds.done,
                false => bounds.refused,
            };
            let prefix = keys::audit(log.0.as_ref(), log.1);
            let count = self.counts.entry(log).or_default();
            *count += more;
            let over = count.saturating_sub(most);
            // Those that are appended now are not among them: a batch is far smaller than a log.
            for key in disk.db.scan_prefix(&prefix).keys().take(over) {
                appended.removed.push(key.map_err(from_sled)?);
                *count -= 1;
            }
        }
        Ok(appended)
    }
}

/// The id at the end of a key.
pub(super) fn id_of(key: &[u8]) -> Result<AuditId, StoreError> {
    let id = key.last_chunk().ok_or_else(|| bad_key("audit"))?;
    Ok(AuditId(u64::from_be_bytes(*id)))
}
