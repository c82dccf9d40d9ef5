//! The audit log: how it is written by itself, read, and cut by age. [`super::registry`] writes an entry in the
//! batch of the change that it tells of.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sled::Batch;

use super::audit_logs::{id_of, logs};
use super::checked;
use super::failpoint::Write;
use super::failure::from_sled;
use super::shapes::read;
use super::shared::Shared;
use crate::domain::audit::{AuditEntry, AuditId, AuditPage, AuditQuery};
use crate::domain::clock::Millis;
use crate::domain::limits;
use crate::domain::retention::DAY;
use crate::store::StoreError;

/// Entries that are removed in one go for their age.
const AT_ONCE: usize = 1_000;
/// See [`crate::store::Store::record_audit`].
pub(super) fn record(shared: &Shared, entries: &[AuditEntry]) -> Result<(), StoreError> {
    let mut setup = shared.setup.lock();
    shared.takes_writes()?;
    for workspace in entries.iter().filter_map(|entry| entry.workspace.as_ref()) {
        shared.erasing.check(workspace)?;
    }
    let written = shared.with_disk(|disk| {
        let appended = setup.audit.append(disk, shared.settings.audit, entries)?;
        let mut batch = Batch::default();
        appended.add_to(&mut batch);
        shared.settings.fail.before(Write::Registry)?;
        disk.db.apply_batch(batch).map_err(from_sled)?;
        disk.flush()
    });
    written.map_err(|error| {
        setup.audit.count_again();
        shared.could_not_fold(error)
    })
}

/// See [`crate::store::Store::audit`].
pub(super) fn page(shared: &Shared, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let (from, to) = query.ids();
    let mut page = AuditPage::default();
    if from >= to
        || query
            .workspace
            .as_ref()
            .is_some_and(|of| shared.erasing.has(of))
    {
        return Ok(page);
    }
    shared.with_disk(|disk| {
        let mut logs: Vec<_> = logs(disk, query.workspace.as_ref())?
            .into_iter()
            .map(|prefix| {
                let key = |id: AuditId| [&prefix[..], &id.0.to_be_bytes()].concat();
                disk.db.range(key(from)..key(to))
            })
            .collect();
        // The newest of each log, the newest of them all first.
        let mut newest = BinaryHeap::new();
        let take = |logs: &mut Vec<sled::Iter>, log: usize| match logs[log].next_back() {
            Some(found) => {
                let (key, value) = found.map_err(from_sled)?;
                let value = checked::open(&key, &value)?.to_vec();
                Ok::<_, StoreError>(Some((id_of(&key)?, Reverse(log), value)))
            }
            None => Ok(None),
        };
        for log in 0..logs.len() {
            newest.extend(take(&mut logs, log)?);
        }
        let mut looked_at = 0;
        let mut last = None;
        while let Some((id, Reverse(log), value)) = newest.pop() {
            // The next page begins below an id. Where two logs have the same one, as servers of before could write it after a
            // start, both are of one page.
            let is_full = page.entries.len() >= query.limit || looked_at >= limits::AUDIT_LOOKED_AT;
            if is_full && last != Some(id) {
                page.next = last;
                break;
            }
            looked_at += 1;
            last = Some(id);
            let entry: AuditEntry = read(&value)?;
            if query.fits(&entry) {
                page.entries.push((id, entry));
            }
            newest.extend(take(&mut logs, log)?);
        }
        Ok(page)
    })
}

/// Removes entries that are too old, some of them; true if there are no more.
pub(super) fn expire(shared: &Shared, now: Millis) -> Result<bool, StoreError> {
    let oldest = now.saturating_sub(u64::from(shared.settings.audit.days) * DAY);
    let mut setup = shared.setup.lock();
    let removed = shared.with_disk(|disk| {
        let mut batch = Batch::default();
        let mut count = 0;
        for prefix in logs(disk, None)? {
            for key in disk.db.scan_prefix(prefix).keys() {
                let key = key.map_err(from_sled)?;
                if id_of(&key)?.time() >= oldest || count == AT_ONCE {
                    break;
                }
                batch.remove(key);
                count += 1;
            }
        }
        if count > 0 {
            shared.settings.fail.before(Write::Registry)?;
            disk.db.apply_batch(batch).map_err(from_sled)?;
        }
        Ok(count)
    })?;
    if removed > 0 {
        setup.audit.count_again();
    }
    Ok(removed < AT_ONCE)
}
