//! The audit log of the model.

use std::collections::BTreeSet;

use super::model::Model;
use crate::domain::audit::{AuditBounds, AuditEntry, AuditId, AuditPage, AuditQuery};
use crate::domain::clock::Millis;
use crate::domain::retention::DAY;
use crate::store::StoreError;

impl Model {
    /// See [`crate::store::Store::record_audit`].
    pub fn record_audit(&mut self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        for workspace in entries.iter().filter_map(|entry| entry.workspace.as_ref()) {
            self.check(workspace)?;
        }
        let mut logs = BTreeSet::new();
        for entry in entries {
            let least = AuditId::from_time(entry.at);
            let next = self.audit.keys().next_back();
            let id = next.map_or(least, |last| least.max(AuditId(last.0 + 1)));
            logs.insert((entry.workspace.clone(), entry.is_done()));
            self.audit.insert(id, entry);
        }
        let bounds = AuditBounds::default();
        for (workspace, is_done) in logs {
            let most = if is_done { bounds.done } else { bounds.refused };
            let is_of =
                |entry: &AuditEntry| entry.workspace == workspace && entry.is_done() == is_done;
            let there = self.audit.iter().filter(|(_, entry)| is_of(entry));
            let there: Vec<AuditId> = there.map(|(id, _)| *id).collect();
            for old in there.iter().take(there.len().saturating_sub(most)) {
                self.audit.remove(old);
            }
        }
        Ok(())
    }

    /// See [`crate::store::Store::audit`].
    pub fn audit(&self, query: &AuditQuery) -> AuditPage {
        let (from, to) = query.ids();
        let mut page = AuditPage::default();
        if from >= to {
            return page;
        }
        for (id, entry) in self.audit.range(from..to).rev() {
            let is_of = query.workspace.is_none() || query.workspace == entry.workspace;
            if is_of && query.fits(entry) {
                if page.entries.len() == query.limit {
                    page.next = page.entries.last().map(|(id, _)| *id);
                    break;
                }
                page.entries.push((*id, entry.clone()));
            }
        }
        page
    }

    /// Removes entries that are too old.
    pub(super) fn expire_audit(&mut self, now: Millis) {
        let oldest = now.saturating_sub(u64::from(AuditBounds::default().days) * DAY);
        self.audit.retain(|id, _| id.time() >= oldest);
    }
}
