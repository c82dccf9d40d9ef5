//! What tenants have set up: plain keys in the tree, one batch and one flush a change, under a revision
//! that counts the changes.

use std::sync::Arc;

use sled::Batch;

use super::components;
use super::disk::Disk;
use super::failpoint::Write;
use super::failure::failed;
use super::shapes::{SealedConfig, SealedConnector, Written, read as read_value};
use super::{Shared, erase, keys, registered};
use crate::domain::clock::Millis;
use crate::domain::ids::{ScheduleName, WorkspaceName};
use crate::domain::step::Step;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, Registry, StoreError};

/// What is set up of the workspaces that were changed after `revision`.
pub(super) fn since(shared: &Shared, revision: u64) -> Result<Registry, StoreError> {
    // No change is made meanwhile.
    let _setup = shared.setup.lock();
    shared.with_disk(|disk| registered::since(disk, revision))
}

/// Makes `change` durable, if what is set up is at revision `expected`. Gives the next revision.
pub(super) fn manage(shared: &Shared, change: &Manage, expected: u64) -> Result<u64, StoreError> {
    let mut setup = shared.setup.lock();
    if let Manage::DeleteWorkspace(_) = change {
        // Also on a disk that is nearly full: it makes room.
        shared.takes_writes()?;
    } else {
        shared.takes_new()?;
    }
    let actual = setup.revision;
    if actual != expected {
        return Err(StoreError::Revised { expected, actual });
    }
    let revision = expected + 1;
    if let Manage::DeleteWorkspace(workspace) = change {
        erase::delete(shared, &mut setup.components, workspace, revision)?;
        setup.revision = revision;
        setup.names.apply(change);
        return Ok(revision);
    }
    if !matches!(change, Manage::MarkSchedules(_)) {
        for workspace in change.workspaces() {
            shared.erasing.check(workspace)?;
        }
    }
    setup.names.check(change)?;
    let components = &setup.components;
    if let Manage::SetStep(_, step) = change
        && !components.is_used(&step.digest)
    {
        return Err(StoreError::NotFound(format!("component {}", step.digest)));
    }
    if let Manage::PutStep(_, step, bytes) = change {
        components.write(&shared.settings.fail, &step.digest, bytes)?;
    }
    let done = shared.with_disk(|disk| {
        let mut batch = Batch::default();
        batch.insert(keys::REVISION, &revision.to_be_bytes()[..]);
        for workspace in change.workspaces() {
            batch.insert(keys::revised(workspace), &revision.to_be_bytes()[..]);
        }
        let mut value = Vec::new();
        let (key, put) = match change {
            Manage::AddWorkspace(workspace) => {
                let key = keys::workspace(workspace);
                if disk.get_long(&key)?.is_some() {
                    write(shared, disk, batch)?;
                    return Ok(None);
                }
                WorkspaceSettings::default().write(&mut value)?;
                (key, true)
            }
            Manage::NewWorkspace(workspace, settings)
            | Manage::SetWorkspace(workspace, settings) => {
                settings.write(&mut value)?;
                (keys::workspace(workspace), true)
            }
            Manage::DeleteWorkspace(_) => return Ok(None),
            Manage::PutWebhook(webhook) => {
                webhook.write(&mut value)?;
                (keys::webhook(&webhook.workspace, &webhook.id), true)
            }
            Manage::DeleteWebhook(workspace, id) => (keys::webhook(workspace, id), false),
            Manage::PutStep(workspace, step, _) => {
                step.write(&mut value)?;
                (keys::step(workspace, step.name.as_str()), true)
            }
            Manage::SetStep(workspace, step) => {
                step.write(&mut value)?;
                (keys::step(workspace, step.name.as_str()), true)
            }
            Manage::DeleteStep(workspace, name) => (keys::step(workspace, name.as_str()), false),
            Manage::SetConfig(workspace, key, sealed) => {
                SealedConfig::from(&sealed[..]).write(&mut value)?;
                (keys::config(workspace, key.as_str()), true)
            }
            Manage::DeleteConfig(workspace, key) => (keys::config(workspace, key.as_str()), false),
            Manage::PutConnector(workspace, name, sealed) => {
                SealedConnector::from(&sealed[..]).write(&mut value)?;
                (keys::connector(workspace, name.as_str()), true)
            }
            Manage::DeleteConnector(workspace, name) => {
                (keys::connector(workspace, name.as_str()), false)
            }
            Manage::PutSchedule(schedule) => {
                let (workspace, name) = (&schedule.workspace, schedule.name.as_str());
                schedule.write(&mut value)?;
                batch.remove(keys::schedule_mark(workspace, name));
                (keys::schedule(workspace, name), true)
            }
            Manage::DeleteSchedule(workspace, name) => {
                batch.remove(keys::schedule_mark(workspace, name.as_str()));
                (keys::schedule(workspace, name.as_str()), false)
            }
            Manage::MarkSchedules(marks) => {
                mark_schedules(disk, &mut batch, marks)?;
                write(shared, disk, batch)?;
                return Ok(None);
            }
        };
        let replaced = match change {
            Manage::PutStep(..) | Manage::SetStep(..) | Manage::DeleteStep(..) => {
                match disk.get_long(&key)? {
                    Some(old) => Some(read_value::<Step>(&old)?),
                    None => None,
                }
            }
            _ => None,
        };
        let old = disk.pieces_at(&key)?;
        if put {
            Disk::put_long(&mut batch, &key, &value, old)?;
        } else {
            Disk::remove_long(&mut batch, &key, old);
        }
        write(shared, disk, batch)?;
        Ok(replaced)
    });
    let replaced = match done {
        Ok(replaced) => replaced,
        Err(error) => return Err(shared.could_not_fold(error)),
    };
    setup.revision = revision;
    setup.names.apply(change);
    let components = &mut setup.components;
    if let Manage::PutStep(_, step, _) | Manage::SetStep(_, step) = change {
        step.digests().for_each(|digest| components.add(digest));
    }
    if let Some(old) = replaced {
        old.digests().for_each(|digest| components.release(digest));
    }
    Ok(revision)
}

fn write(shared: &Shared, disk: &Disk, batch: Batch) -> Result<(), StoreError> {
    shared.settings.fail.before(Write::Registry)?;
    disk.db.apply_batch(batch).map_err(failed)?;
    disk.flush()
}

/// The marks of those schedules that are there, as far as they grow.
fn mark_schedules(
    disk: &Disk,
    batch: &mut Batch,
    marks: &[(WorkspaceName, ScheduleName, Millis)],
) -> Result<(), StoreError> {
    for (workspace, name, mark) in marks {
        let name = name.as_str();
        let there = disk.db.contains_key(keys::schedule(workspace, name));
        if there.map_err(failed)? && registered::mark_of(disk, workspace, name)? < Some(*mark) {
            batch.insert(
                keys::schedule_mark(workspace, name),
                &mark.to_be_bytes()[..],
            );
        }
    }
    Ok(())
}

/// A component's bytes.
pub(super) fn component(shared: &Shared, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    shared.with_disk(|_| Ok(()))?;
    let path = shared.setup.lock().components.path(digest);
    match path {
        Some(path) => components::read(&path, digest),
        None => Ok(None),
    }
}
