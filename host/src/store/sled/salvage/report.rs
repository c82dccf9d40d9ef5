//! The report on a store that was read to its last byte.

use crate::domain::ids::{ConfigKey, TaskId, WorkspaceName};

/// Something in a store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The part of the store, e.g. `the log`.
    pub part: &'static str,
    /// The file, as a path in the store's directory.
    pub file: String,
    /// The byte in the file at which it begins, if that is known.
    pub offset: Option<u64>,
    /// The kind of thing that is damaged, e.g. `a record in the archive`.
    pub kind: String,
    /// The workspace, if it is known.
    pub workspace: Option<String>,
    /// The task, if it is of one.
    pub task: Option<String>,
    /// What is wrong.
    pub what: String,
    /// The values that are lost with it and cannot be salvaged; none if nothing is lost.
    pub loss: Option<String>,
}

impl Damage {
    pub(super) fn new(
        part: &'static str,
        file: impl Into<String>,
        kind: &str,
        what: impl Into<String>,
    ) -> Self {
        Self {
            part,
            file: file.into(),
            offset: None,
            kind: kind.to_owned(),
            workspace: None,
            task: None,
            what: what.into(),
            loss: None,
        }
    }

    pub(super) fn at(self, offset: u64) -> Self {
        let offset = Some(offset);
        Self { offset, ..self }
    }

    pub(super) fn of(self, workspace: &WorkspaceName, task: Option<TaskId>) -> Self {
        Self {
            workspace: Some(workspace.to_string()),
            task: task.map(|task| task.to_string()),
            ..self
        }
    }

    pub(super) fn losing(self, loss: impl Into<String>) -> Self {
        let loss = Some(loss.into());
        Self { loss, ..self }
    }
}

/// The report of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Nothing is damaged.
    pub sound: bool,
    /// Tasks that can be read.
    pub tasks: usize,
    /// Everything that is damaged.
    pub damages: Vec<Damage>,
    /// Config values as the vault sealed them, with their workspaces and keys.
    pub sealed: Vec<(WorkspaceName, ConfigKey, Vec<u8>)>,
}

/// The report of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Where the store is as it was before; none if nothing was damaged and nothing was changed.
    pub kept: Option<String>,
    /// Tasks that are in the repaired store.
    pub tasks: usize,
    /// Every damage. One with a loss means lost values.
    pub damages: Vec<Damage>,
}
