//! A journal entry.

use serde::{Deserialize, Serialize};

use super::effect::EffectV1;
use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{Id, ShapeError, Text, text};
use super::run::RunV1;
use super::state::State;
use crate::domain::journal::Entry;
use crate::store::StoreError;

kind!('a, Entry, "a journal entry", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl StoredValue for Entry {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// The stored form of [`Entry`]. postcard stores a variant's position, so the order never changes, and a new variant
/// belongs to a new version.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) enum V1<'a> {
    Accepted {
        at: u64,
    },
    #[serde(borrow)]
    Effect(EffectV1<'a>),
    Run(RunV1<'a>),
    State {
        at: u64,
        state: State,
        reason: Text<'a>,
    },
    Changed {
        at: u64,
        by: Text<'a>,
        changes: Text<'a>,
    },
    Notice {
        at: u64,
        tries: u32,
        error: Option<Text<'a>>,
    },
    Subtask {
        at: u64,
        task: Id,
        changes: Text<'a>,
    },
}

impl<'a> From<&'a Entry> for V1<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::Accepted { at } => Self::Accepted { at: *at },
            Entry::Effect(effect) => Self::Effect(effect.into()),
            Entry::Run(run) => Self::Run(run.as_ref().into()),
            Entry::State { at, state, reason } => Self::State {
                at: *at,
                state: (*state).into(),
                reason: reason.into(),
            },
            Entry::Changed { at, by, changes } => Self::Changed {
                at: *at,
                by: by.into(),
                changes: changes.into(),
            },
            Entry::Notice { at, tries, error } => Self::Notice {
                at: *at,
                tries: *tries,
                error: text(error),
            },
            Entry::Subtask { at, task, changes } => Self::Subtask {
                at: *at,
                task: Id(*task),
                changes: changes.into(),
            },
        }
    }
}

impl TryFrom<V1<'_>> for Entry {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        Ok(match shape {
            V1::Accepted { at } => Self::Accepted { at },
            V1::Effect(effect) => Self::Effect(effect.try_into()?),
            V1::Run(run) => Self::Run(Box::new(run.try_into()?)),
            V1::State { at, state, reason } => Self::State {
                at,
                state: state.into(),
                reason: reason.into(),
            },
            V1::Changed { at, by, changes } => Self::Changed {
                at,
                by: by.into(),
                changes: changes.into(),
            },
            V1::Notice { at, tries, error } => Self::Notice {
                at,
                tries,
                error: error.map(String::from),
            },
            V1::Subtask { at, task, changes } => Self::Subtask {
                at,
                task: task.0,
                changes: changes.into(),
            },
        })
    }
}
