//! The setup: plain keys in the tree, one batch and one flush a change, under a revision
//! that counts the changes.

use std::sync::Arc;

use super::audit_logs::{Appended, Logs};
use super::codec::damaged;
use super::components;
use super::disk::Disk;
use super::failure::from_sled;
use super::puts::{Changes, Puts as _};
use super::setup::Setup;
use super::shapes::{SealedConfig, SealedConnector, StoredValue, read as read_value};
use super::{Shared, erase, keys, long, registry_read};
use crate::domain::audit::AuditEntry;
use crate::domain::clock::Millis;
use crate::domain::ids::{ScheduleName, WorkspaceName};
use crate::domain::step::Step;
use crate::domain::token::Token;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, Registry, StoreError};

/// The setup of the workspaces that were changed after `revision`.
pub(super) fn since(shared: &Shared, revision: u64) -> Result<Registry, StoreError> {
    // No change is made meanwhile.
    let _setup = shared.setup.lock();
    shared.with_disk(|disk| registry_read::since(disk, revision))
}

/// Makes `change` durable, if the setup is at revision `expected`. Returns the next revision.
pub(super) fn manage(
    shared: &Shared,
    change: &Manage,
    audit: Option<&AuditEntry>,
    expected: u64,
) -> Result<u64, StoreError> {
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
    let entries = audit.map(std::slice::from_ref).unwrap_or_default();
    if let Manage::DeleteWorkspace(workspace) = change {
        let Setup {
            components,
            copy,
            audit: logs,
            ..
        } = &mut *setup;
        let appended = append(shared, logs, entries)?;
        let deleted = erase::delete(shared, components, copy, workspace, revision, &appended);
        logs.count_again();
        deleted?;
        let name = WorkspaceName::clone(workspace);
        shared.deleted.lock().insert(name, revision);
        setup.revision = revision;
        setup.names.apply(change);
        return Ok(revision);
    }
    if !change.is_note() {
        for workspace in change.workspaces() {
            shared.erasing.check(workspace)?;
        }
    }
    setup.names.check(change)?;
    let Setup {
        components,
        copy,
        audit: logs,
        ..
    } = &mut *setup;
    if let Manage::SetStep(_, step) = change
        && !components.is_used(&step.digest)
    {
        return Err(StoreError::NotFound(format!("component {}", step.digest)));
    }
    if let Manage::PutStep(_, step, bytes) = change {
        components.write(&shared.settings.fail, &step.digest, bytes)?;
    }
    let appended = append(shared, logs, entries)?;
    let done = shared.with_disk(|disk| {
        let mut batch = Changes::default();
        appended.add_to(&mut batch);
        let number = revision.to_be_bytes();
        for workspace in change.workspaces() {
            batch.put(&keys::workspace_revision(workspace), number.to_vec());
        }
        if change.is_of_server() {
            batch.put(keys::SERVER_REVISION, number.to_vec());
        }
        let mut value = Vec::new();
        let (key, put) = match change {
            Manage::AddWorkspace(workspace) => {
                let key = keys::workspace(workspace);
                if disk.get_long(&key)?.is_some() {
                    copy.commit(disk, revision, &batch)?;
                    return Ok(None);
                }
                forget(disk, &mut batch, workspace)?;
                WorkspaceSettings::default().write(&mut value)?;
                (key, true)
            }
            Manage::NewWorkspace(workspace, settings) => {
                forget(disk, &mut batch, workspace)?;
                settings.write(&mut value)?;
                (keys::workspace(workspace), true)
            }
            Manage::SetWorkspace(workspace, settings) => {
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
                batch.remove_key(&keys::schedule_mark(workspace, name));
                (keys::schedule(workspace, name), true)
            }
            Manage::DeleteSchedule(workspace, name) => {
                batch.remove_key(&keys::schedule_mark(workspace, name.as_str()));
                (keys::schedule(workspace, name.as_str()), false)
            }
            Manage::MarkSchedules(marks) => {
                mark_schedules(disk, &mut batch, marks)?;
                copy.commit(disk, revision, &batch)?;
                return Ok(None);
            }
            Manage::PutToken(token) => {
                token.write(&mut value)?;
                (keys::token(token.workspace.as_ref(), &token.id), true)
            }
            Manage::DeleteToken(workspace, id) => (keys::token(workspace.as_ref(), id), false),
            Manage::UseTokens(uses) => {
                use_tokens(disk, &mut batch, uses)?;
                copy.commit(disk, revision, &batch)?;
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
            long::put(&mut batch, &key, &value, old)?;
        } else {
            long::remove(&mut batch, &key, old);
        }
        copy.commit(disk, revision, &batch)?;
        Ok(replaced)
    });
    let replaced = match done {
        Ok(replaced) => replaced,
        Err(error) => {
            logs.count_again();
            return Err(shared.could_not_fold(error));
        }
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

fn append(
    shared: &Shared,
    logs: &mut Logs,
    entries: &[AuditEntry],
) -> Result<Appended, StoreError> {
    shared.with_disk(|disk| logs.append(disk, shared.settings.audit, entries))
}

/// The marks of those schedules that are there, as far as they grow.
fn mark_schedules(
    disk: &Disk,
    batch: &mut Changes,
    marks: &[(WorkspaceName, ScheduleName, Millis)],
) -> Result<(), StoreError> {
    for (workspace, name, mark) in marks {
        let name = name.as_str();
        let there = disk.db.contains_key(keys::schedule(workspace, name));
        if there.map_err(from_sled)?
            && registry_read::settled_until(disk, workspace, name)? < Some(*mark)
        {
            batch.put(
                &keys::schedule_mark(workspace, name),
                mark.to_be_bytes().to_vec(),
            );
        }
    }
    Ok(())
}

/// The last uses of those tokens that are there, as far as they grow.
fn use_tokens(
    disk: &Disk,
    batch: &mut Changes,
    uses: &[(Option<WorkspaceName>, String, Millis)],
) -> Result<(), StoreError> {
    for (workspace, id, at) in uses {
        let key = keys::token(workspace.as_ref(), id);
        let Some(stored) = disk.get_long(&key)? else {
            continue;
        };
        let mut token: Token = read_value(&stored)?;
        if token.used < Some(*at) {
            token.used = Some(*at);
            let mut value = Vec::new();
            token.write(&mut value)?;
            long::put(batch, &key, &value, disk.pieces_at(&key)?)?;
        }
    }
    Ok(())
}

/// What a version that knew of no tokens and no audit log left behind as it deleted a workspace is not that of
/// a new one with its name.
fn forget(disk: &Disk, batch: &mut Changes, workspace: &WorkspaceName) -> Result<(), StoreError> {
    for entry in disk.db.scan_prefix(keys::all_of(keys::TOKENS, workspace)) {
        let (key, _) = entry.map_err(from_sled)?;
        long::remove(batch, &key, disk.pieces_at(&key)?);
    }
    for key in disk
        .db
        .scan_prefix(keys::all_of(keys::AUDIT, workspace))
        .keys()
    {
        batch.remove_key(&key.map_err(from_sled)?);
    }
    Ok(())
}

/// A component's bytes.
pub(super) fn component(shared: &Shared, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    shared.check_disk()?;
    let directory = shared.setup.lock().components.directory().to_owned();
    let found = components::read(&directory, digest);
    let is_used = || shared.setup.lock().components.is_used(digest);
    match found {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) if is_used() => Err(damaged("a component", &format!("{digest} is missing"))),
        // It was let go of meanwhile.
        Ok(None) => Ok(None),
        Err(StoreError::Damaged(_)) if !is_used() => Ok(None),
        Err(error) => Err(error),
    }
}
