//! How large the setup of a workspace is, by which a store refuses a change that makes it too large: bytes of the values as
//! they are stored.

use std::collections::HashMap;

use super::shapes::{SealedConfig, SealedConnector, StoredValue};
use super::{Manage, Registry, StoreError};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// Which of a workspace's values it is: its kind, and its name or id.
type Place = (u8, String);

const WEBHOOK: u8 = 1;
const STEP: u8 = 2;
const CONFIG: u8 = 3;
const CONNECTOR: u8 = 4;
const SCHEDULE: u8 = 5;
const TOKEN: u8 = 6;

/// The sizes of all workspaces' setups.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SetupBytes {
    of: HashMap<WorkspaceName, Sizes>,
    is_unbounded: bool,
}

/// The sizes of a workspace's values, in bytes.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sizes {
    all: usize,
    of: HashMap<Place, usize>,
}

impl Sizes {
    fn set(&mut self, place: Place, bytes: Option<usize>) {
        let before = match bytes {
            Some(bytes) => {
                self.all += bytes;
                self.of.insert(place, bytes)
            }
            None => self.of.remove(&place),
        };
        self.all -= before.unwrap_or_default();
    }
}

/// A value that a change puts or removes.
struct Put<'c> {
    workspace: &'c WorkspaceName,
    place: Place,
    /// None if it is removed.
    bytes: Option<usize>,
}

impl SetupBytes {
    /// Takes in the values of a registry, of which nothing is known yet.
    pub(super) fn take_in(&mut self, registry: &Registry) {
        let all = self;
        for webhook in &registry.webhooks {
            all.set(&webhook.workspace, (WEBHOOK, &webhook.id), bytes(webhook));
        }
        for (workspace, step) in &registry.steps {
            all.set(workspace, (STEP, step.name.as_str()), bytes(step));
        }
        for (workspace, key, sealed) in &registry.config {
            let value = SealedConfig::from(&sealed[..]);
            all.set(workspace, (CONFIG, key.as_str()), bytes(&value));
        }
        for (workspace, name, sealed) in &registry.connectors {
            let value = SealedConnector::from(&sealed[..]);
            all.set(workspace, (CONNECTOR, name.as_str()), bytes(&value));
        }
        for (schedule, _) in &registry.schedules {
            let place = (SCHEDULE, schedule.name.as_str());
            all.set(&schedule.workspace, place, bytes(schedule));
        }
        for token in &registry.tokens {
            if let Some(workspace) = &token.workspace {
                all.set(workspace, (TOKEN, &token.id), bytes(token));
            }
        }
    }

    /// From now on refuses none.
    pub(super) fn lift(&mut self) {
        self.is_unbounded = true;
    }

    fn set(
        &mut self,
        workspace: &WorkspaceName,
        (kind, name): (u8, &str),
        bytes: Result<usize, StoreError>,
    ) {
        // What is in the store could be written.
        let bytes = bytes.unwrap_or_default();
        let sizes = self.of.entry(workspace.clone()).or_default();
        sizes.set((kind, name.to_owned()), Some(bytes));
    }

    /// Refuses a change that makes a setup larger which has then more than [`limits::SETUP_BYTES`]. One that has more
    /// since before there was a bound can be used, and made smaller.
    ///
    /// # Errors
    /// [`StoreError::SetupTooLarge`]; [`StoreError::Refused`] for what cannot be stored at all.
    pub(super) fn check(&self, change: &Manage) -> Result<(), StoreError> {
        let Some(put) = put(change)?.filter(|_| !self.is_unbounded) else {
            return Ok(());
        };
        let none = Sizes::default();
        let sizes = self.of.get(put.workspace).unwrap_or(&none);
        let before = sizes.of.get(&put.place).copied().unwrap_or_default();
        let (new, most) = (put.bytes.unwrap_or_default(), limits::SETUP_BYTES);
        let bytes = sizes.all - before + new;
        match new > before && bytes > most {
            true => Err(StoreError::SetupTooLarge { bytes, most }),
            false => Ok(()),
        }
    }

    /// Takes in a change that was made.
    pub(super) fn apply(&mut self, change: &Manage) {
        if let Manage::DeleteWorkspace(workspace) = change {
            self.of.remove(workspace);
        } else if let Ok(Some(put)) = put(change) {
            let sizes = self.of.entry(put.workspace.clone()).or_default();
            sizes.set(put.place, put.bytes);
        }
    }
}

/// The value of a workspace that a change puts or removes, if it does. Settings of workspaces are small.
fn put(change: &Manage) -> Result<Option<Put<'_>>, StoreError> {
    let (workspace, kind, name, bytes) = match change {
        Manage::PutWebhook(webhook) => {
            let (workspace, id) = (&webhook.workspace, webhook.id.as_str());
            (workspace, WEBHOOK, id, Some(bytes(webhook)?))
        }
        Manage::DeleteWebhook(workspace, id) => (workspace, WEBHOOK, id.as_str(), None),
        Manage::PutStep(workspace, step, _) | Manage::SetStep(workspace, step) => {
            (workspace, STEP, step.name.as_str(), Some(bytes(step)?))
        }
        Manage::DeleteStep(workspace, name) => (workspace, STEP, name.as_str(), None),
        Manage::SetConfig(workspace, key, sealed) => {
            let value = SealedConfig::from(&sealed[..]);
            (workspace, CONFIG, key.as_str(), Some(bytes(&value)?))
        }
        Manage::DeleteConfig(workspace, key) => (workspace, CONFIG, key.as_str(), None),
        Manage::PutConnector(workspace, name, sealed) => {
            let value = SealedConnector::from(&sealed[..]);
            (workspace, CONNECTOR, name.as_str(), Some(bytes(&value)?))
        }
        Manage::DeleteConnector(workspace, name) => (workspace, CONNECTOR, name.as_str(), None),
        Manage::PutSchedule(schedule) => {
            let (workspace, name) = (&schedule.workspace, schedule.name.as_str());
            (workspace, SCHEDULE, name, Some(bytes(schedule)?))
        }
        Manage::DeleteSchedule(workspace, name) => (workspace, SCHEDULE, name.as_str(), None),
        Manage::PutToken(token) => {
            let Some(workspace) = &token.workspace else {
                return Ok(None);
            };
            (workspace, TOKEN, token.id.as_str(), Some(bytes(token)?))
        }
        Manage::DeleteToken(workspace, id) => {
            let Some(workspace) = workspace else {
                return Ok(None);
            };
            (workspace, TOKEN, id.as_str(), None)
        }
        Manage::AddWorkspace(_)
        | Manage::NewWorkspace(..)
        | Manage::SetWorkspace(..)
        | Manage::DeleteWorkspace(_)
        | Manage::MarkSchedules(_)
        | Manage::UseTokens(_) => return Ok(None),
    };
    Ok(Some(Put {
        workspace,
        place: (kind, name.to_owned()),
        bytes,
    }))
}

/// The bytes of a value as it is stored.
fn bytes(value: &impl StoredValue) -> Result<usize, StoreError> {
    let mut stored = Vec::new();
    value.write(&mut stored)?;
    Ok(stored.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(name: &str, bytes: usize) -> Manage {
        let name = name.parse().unwrap();
        Manage::PutConnector("a".parse().unwrap(), name, vec![0; bytes])
    }

    #[test]
    fn what_has_more_since_before_there_was_a_bound_can_only_shrink() {
        let name = |name: &str| name.parse().unwrap();
        let half = limits::SETUP_BYTES / 2;
        let registry = Registry {
            connectors: vec![
                (name_of("a"), name("one"), vec![0; half]),
                (name_of("a"), name("two"), vec![0; half + 100]),
                (name_of("b"), name("one"), vec![0; 100]),
            ],
            ..Registry::default()
        };
        let mut all = SetupBytes::default();
        all.take_in(&registry);
        let refused = |all: &SetupBytes, change: &Manage| match all.check(change) {
            Ok(()) => false,
            Err(StoreError::SetupTooLarge { bytes, most }) => {
                assert!(bytes > most);
                true
            }
            Err(error) => panic!("{error}"),
        };
        for (change, is_refused) in [
            (connector("one", half + 1), true),
            (connector("three", 1), true),
            (connector("one", half), false),
            (connector("one", half - 1), false),
            (Manage::DeleteConnector(name_of("a"), name("one")), false),
            (
                Manage::PutConnector(name_of("b"), name("two"), vec![0; half]),
                false,
            ),
        ] {
            assert_eq!(refused(&all, &change), is_refused, "{change:.40?}");
        }
        all.apply(&Manage::DeleteConnector(name_of("a"), name("one")));
        let change = connector("three", half - 200);
        assert!(!refused(&all, &change));
        all.apply(&change);
        assert!(refused(&all, &connector("four", 200)));
        all.apply(&Manage::DeleteWorkspace(name_of("a")));
        assert_eq!(all.of.len(), 1);
        assert!(!refused(&all, &connector("one", 2 * half - 100)));
        assert!(refused(&all, &connector("one", 2 * half + 1)));
        all.lift();
        assert!(!refused(&all, &connector("one", 2 * half + 1)));
    }

    fn name_of(workspace: &str) -> WorkspaceName {
        workspace.parse().unwrap()
    }
}
