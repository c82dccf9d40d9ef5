//! What tenants have set up: plain keys in the tree, one batch and one flush a change. Components
//! are files of their own, named by digest: sled would keep values of their size as files that it
//! never syncs.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sled::Batch;

use super::disk::{Disk, sync_directory};
use super::failpoint::Write;
use super::failure::{self, OpenError, failed, unusable};
use super::shapes::{Kind, SealedConfig, SealedConnector, Written, read as read_value};
use super::{Shared, codec, erase, keys};
use crate::domain::clock::Millis;
use crate::domain::hex::hex;
use crate::domain::ids::{ScheduleName, WorkspaceName};
use crate::domain::retention::Retention;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, Registry, StoreError};

/// The components and how many steps refer to each, by any of their versions. Whoever changes the registry holds its lock.
pub(super) struct Components {
    directory: PathBuf,
    uses: HashMap<String, usize>,
}

impl Components {
    /// Counts what the steps in the tree refer to, and removes the files that none does: those of
    /// a change that was cut short.
    pub(super) fn open(path: &Path, disk: &Disk) -> Result<Self, OpenError> {
        let directory = path.join("components");
        let unusable = |error: std::io::Error| unusable(&directory, &error);
        std::fs::create_dir_all(&directory).map_err(unusable)?;
        let mut uses = HashMap::new();
        for (_, step) in steps(disk)? {
            for digest in step.digests() {
                *uses.entry(digest.to_owned()).or_insert(0) += 1;
            }
        }
        for entry in std::fs::read_dir(&directory).map_err(unusable)? {
            let path = entry.map_err(unusable)?.path();
            let used = path
                .extension()
                .is_some_and(|extension| extension == "wasm")
                && path
                    .file_stem()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| uses.contains_key(name));
            if !used {
                std::fs::remove_file(&path).map_err(unusable)?;
            }
        }
        Ok(Self { directory, uses })
    }

    /// The file of a component, if `digest` is a digest at all.
    fn path(&self, digest: &str) -> Option<PathBuf> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digest.len() == 64 && digest.bytes().all(hex))
            .then(|| self.directory.join(format!("{digest}.wasm")))
    }

    /// Makes a component's bytes durable before anything refers to them.
    fn write(&self, shared: &Shared, digest: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let failed = failure::io("a component cannot be written");
        let Some(path) = self.path(digest) else {
            return Err(StoreError::Refused(format!(
                "`{digest}` is no digest of a component: 64 lower-case hex digits"
            )));
        };
        if path.exists() {
            return Ok(());
        }
        shared.settings.fail.before(Write::Component)?;
        let unfinished = path.with_extension("tmp");
        let whole = File::create(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let named = whole
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .and_then(|()| sync_directory(&self.directory));
        if let Err(error) = named {
            // What is half made would take the space that is missing, and a name that is not durable
            // would be taken for one that is.
            let _ = std::fs::remove_file(&unfinished);
            let _ = std::fs::remove_file(&path);
            return Err(failed(error));
        }
        Ok(())
    }

    fn add(&mut self, digest: &str) {
        *self.uses.entry(digest.to_owned()).or_insert(0) += 1;
    }

    pub(super) fn release(&mut self, digest: &str) {
        if let Some(uses) = self.uses.get_mut(digest) {
            *uses = uses.saturating_sub(1);
            if *uses == 0 {
                self.uses.remove(digest);
                if let Some(path) = self.path(digest)
                    && let Err(error) = std::fs::remove_file(&path)
                {
                    // It is removed when the store is next opened.
                    tracing::warn!(%error, digest, "a component that nothing uses stays on disk");
                }
            }
        }
    }
}

/// Makes `change` durable.
pub(super) fn manage(shared: &Shared, change: &Manage) -> Result<(), StoreError> {
    let mut components = shared.components.lock();
    if let Manage::DeleteWorkspace(workspace) = change {
        // Also on a disk that is nearly full: it makes room.
        shared.takes_writes()?;
        return erase::delete(shared, &mut components, workspace);
    }
    shared.takes_new()?;
    if let Some(workspace) = change.workspace() {
        shared.erasing.check(workspace)?;
    }
    if let Manage::SetStep(_, step) = change
        && !components.uses.contains_key(&step.digest)
    {
        return Err(StoreError::NotFound(format!("component {}", step.digest)));
    }
    if let Manage::PutStep(_, step, bytes) = change {
        components.write(shared, &step.digest, bytes)?;
    }
    let done = shared.with_disk(|disk| {
        let mut batch = Batch::default();
        let mut value = Vec::new();
        let (key, put) = match change {
            Manage::AddWorkspace(workspace) => {
                let key = keys::workspace(workspace);
                if disk.get_long(&key)?.is_some() {
                    return Ok(None);
                }
                WorkspaceSettings::default().write(&mut value)?;
                (key, true)
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
                batch.remove(keys::schedule_mark(workspace, name));
                (keys::schedule(workspace, name), true)
            }
            Manage::DeleteSchedule(workspace, name) => {
                batch.remove(keys::schedule_mark(workspace, name.as_str()));
                (keys::schedule(workspace, name.as_str()), false)
            }
            Manage::MarkSchedules(marks) => {
                mark_schedules(disk, &mut batch, marks)?;
                shared.settings.fail.before(Write::Registry)?;
                disk.db.apply_batch(batch).map_err(failed)?;
                disk.flush()?;
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
        shared.settings.fail.before(Write::Registry)?;
        disk.db.apply_batch(batch).map_err(failed)?;
        disk.flush()?;
        Ok(replaced)
    });
    let replaced = match done {
        Ok(replaced) => replaced,
        Err(error) => return Err(shared.could_not_fold(error)),
    };
    if let Manage::PutStep(_, step, _) | Manage::SetStep(_, step) = change {
        step.digests().for_each(|digest| components.add(digest));
    }
    if let Some(old) = replaced {
        old.digests().for_each(|digest| components.release(digest));
    }
    Ok(())
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
        if there.map_err(failed)? && mark_of(disk, workspace, name)? < Some(*mark) {
            batch.insert(
                keys::schedule_mark(workspace, name),
                &mark.to_be_bytes()[..],
            );
        }
    }
    Ok(())
}

/// Everything that is registered.
pub(super) fn read(disk: &Disk) -> Result<Registry, StoreError> {
    let mut registry = Registry::default();
    registry.workspaces = workspaces(disk)?;
    for found in disk.db.scan_prefix(keys::WEBHOOKS) {
        let (key, first) = found.map_err(failed)?;
        let value = disk.gather(&key, first)?;
        registry.webhooks.push(read_value(&value)?);
    }
    registry.steps = steps(disk)?;
    registry.config = sealed(disk, keys::CONFIG, SealedConfig::NAME, |value| {
        Ok(read_value::<SealedConfig<'_>>(value)?.0.into_owned())
    })?;
    registry.connectors = sealed(disk, keys::CONNECTORS, SealedConnector::NAME, |value| {
        Ok(read_value::<SealedConnector<'_>>(value)?.0.into_owned())
    })?;
    registry.schedules = schedules(disk)?;
    Ok(registry)
}

fn workspaces(disk: &Disk) -> Result<Vec<(WorkspaceName, WorkspaceSettings)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(keys::WORKSPACES) {
        let (key, first) = found.map_err(failed)?;
        let value = disk.gather(&key, first)?;
        let workspace = keys::workspace_of(&key)
            .ok_or_else(|| codec::damaged("a key", "it is no workspace key"))?;
        all.push((workspace, read_value(&value)?));
    }
    Ok(all)
}

/// Every workspace with its retention.
pub(super) fn retentions(disk: &Disk) -> Result<Vec<(WorkspaceName, Retention)>, StoreError> {
    let all = workspaces(disk)?.into_iter();
    Ok(all
        .map(|(name, settings)| (name, settings.retention))
        .collect())
}

fn schedules(disk: &Disk) -> Result<Vec<(Schedule, Option<Millis>)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(keys::SCHEDULES) {
        let (key, first) = found.map_err(failed)?;
        let value = disk.gather(&key, first)?;
        let schedule: Schedule = read_value(&value)?;
        let mark = mark_of(disk, &schedule.workspace, schedule.name.as_str())?;
        all.push((schedule, mark));
    }
    Ok(all)
}

fn mark_of(
    disk: &Disk,
    workspace: &WorkspaceName,
    name: &str,
) -> Result<Option<Millis>, StoreError> {
    let mark = disk.db.get(keys::schedule_mark(workspace, name));
    let Some(mark) = mark.map_err(failed)? else {
        return Ok(None);
    };
    match mark.as_ref().try_into() {
        Ok(bytes) => Ok(Some(Millis::from_be_bytes(bytes))),
        Err(_) => Err(codec::damaged("a mark", "it has not 8 bytes")),
    }
}

/// Sealed values by workspace and name.
fn sealed<N: FromStr>(
    disk: &Disk,
    prefix: &[u8],
    what: &'static str,
    open: impl Fn(&[u8]) -> Result<Vec<u8>, StoreError>,
) -> Result<Vec<(WorkspaceName, N, Vec<u8>)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(prefix) {
        let (key, first) = found.map_err(failed)?;
        let value = disk.gather(&key, first)?;
        let (workspace, name) = scoped(&key)?;
        let name = name
            .parse()
            .map_err(|_| codec::damaged("a key", &format!("it is not that of {what}")))?;
        all.push((workspace, name, open(&value)?));
    }
    Ok(all)
}

fn steps(disk: &Disk) -> Result<Vec<(WorkspaceName, Step)>, StoreError> {
    let mut steps = Vec::new();
    for found in disk.db.scan_prefix(keys::STEPS) {
        let (key, first) = found.map_err(failed)?;
        let value = disk.gather(&key, first)?;
        steps.push((scoped(&key)?.0, read_value(&value)?));
    }
    Ok(steps)
}

fn scoped(key: &[u8]) -> Result<(WorkspaceName, &str), StoreError> {
    keys::split(key)
        .and_then(|(workspace, rest)| Some((workspace, std::str::from_utf8(rest).ok()?)))
        .ok_or_else(|| codec::damaged("a key", "it names no workspace"))
}

/// A component's bytes.
pub(super) fn component(shared: &Shared, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    shared.with_disk(|_| Ok(()))?;
    let Some(path) = shared.components.lock().path(digest) else {
        return Ok(None);
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let error = format!("component {digest} cannot be read: {error}");
            return Err(StoreError::unavailable(error));
        }
    };
    let found = hex(&Sha256::digest(&bytes));
    if found != digest {
        return Err(codec::damaged(
            "a component",
            &format!("{digest} has the digest {found}"),
        ));
    }
    Ok(Some(Arc::from(bytes)))
}
