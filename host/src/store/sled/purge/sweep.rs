//! Bodies and files whose task is gone: what a crash left, and those of versions that kept them by workspace
//! alone.

use std::collections::VecDeque;
use std::fs::ReadDir;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::super::failure::io;
use super::super::{Shared, bodies, tasks};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::DAY;
use crate::store::StoreError;

/// Files and directories that are looked at in one go: some 10 ms.
pub(super) const AT_ONCE: usize = 512;

/// How far it has come.
pub(super) struct Sweep {
    spaces: VecDeque<WorkspaceName>,
    current: Option<Current>,
}

struct Current {
    workspace: WorkspaceName,
    entries: ReadDir,
    /// The time of the workspace's oldest task, once it is asked for; none if it has no task.
    oldest: Option<Option<Millis>>,
}

impl Sweep {
    pub(super) fn begin(shared: &Shared) -> Result<Self, StoreError> {
        Ok(Self {
            spaces: bodies::workspaces(&shared.settings.path)?.into(),
            current: None,
        })
    }

    /// Goes on for a moment; true at the end.
    pub(super) fn go_on(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        let failed = io("the bodies cannot be listed");
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let Some(workspace) = self.spaces.pop_front() else {
                    return Ok(true);
                };
                let path = bodies::directory(&shared.settings.path, &workspace);
                self.current.insert(Current {
                    workspace,
                    entries: std::fs::read_dir(path).map_err(&failed)?,
                    oldest: None,
                })
            }
        };
        for _ in 0..AT_ONCE {
            let Some(entry) = current.entries.next() else {
                self.current = None;
                return Ok(false);
            };
            current.look(shared, entry.map_err(&failed)?.path())?;
        }
        Ok(false)
    }
}

/// Removes the files of these tasks if they are gone.
pub(super) fn blobs(
    shared: &Shared,
    owners: Vec<(WorkspaceName, TaskId)>,
) -> Result<(), StoreError> {
    for (workspace, task) in owners {
        // In this order: one that is not on its way in any more is there, or has failed.
        if !shared.blobs.is_arriving(task) && !tasks::is_there(shared, &workspace, task)? {
            shared.blobs.remove(&workspace, task)?;
        }
    }
    Ok(())
}

impl Current {
    fn look(&mut self, shared: &Shared, path: PathBuf) -> Result<(), StoreError> {
        let failed = io("a response's body cannot be removed");
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        if let Ok(task) = name.parse::<TaskId>() {
            if !tasks::is_there(shared, &self.workspace, task)? {
                bodies::remove(shared, &self.workspace, task)?;
            }
        } else if name.len() == 64 && self.is_outlived(shared, &path)? {
            std::fs::remove_file(&path).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether the workspace has no task that was there when a body without an owner was written.
    fn is_outlived(&mut self, shared: &Shared, path: &PathBuf) -> Result<bool, StoreError> {
        let oldest = match self.oldest {
            Some(oldest) => oldest,
            None => {
                let oldest = tasks::oldest(shared, &self.workspace)?;
                *self.oldest.insert(oldest.map(|id| id.time()))
            }
        };
        let written = std::fs::metadata(path)
            .and_then(|file| file.modified())
            .map_err(io("a response's body cannot be looked at"))?;
        let written = written.duration_since(UNIX_EPOCH);
        let written = written.map_or(0, |since| since.as_millis() as Millis);
        // A day for clocks that were set.
        Ok(oldest.is_none_or(|oldest| oldest > written.saturating_add(DAY)))
    }
}
