//! Reading what tenants have set up.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::disk::Disk;
use super::failure::failed;
use super::shapes::{Kind, SealedConfig, SealedConnector, read as read_value};
use super::{codec, keys};
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::Retention;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Registry, StoreError};

/// What is set up, of the workspaces that were changed after `revision`; everything for 0.
pub(super) fn since(disk: &Disk, revision: u64) -> Result<Registry, StoreError> {
    let mut registry = Registry {
        revision: match disk.db.get(keys::REVISION).map_err(failed)? {
            Some(bytes) => number(&bytes)?,
            None => 0,
        },
        ..Registry::default()
    };
    let all = revision == 0 || revision > registry.revision;
    let mut changed = BTreeSet::new();
    if !all {
        for found in disk.db.scan_prefix(keys::REVISED) {
            let (key, value) = found.map_err(failed)?;
            if number(&value)? > revision {
                changed.insert(workspace_of(&key)?);
            }
        }
    }
    let wanted = |workspace: &WorkspaceName| all || changed.contains(workspace);
    registry.workspaces = workspaces(disk, wanted)?;
    for found in disk.db.scan_prefix(keys::WEBHOOKS) {
        let (key, first) = found.map_err(failed)?;
        if !wanted(&scoped(&key)?.0) {
            continue;
        }
        let value = disk.gather(&key, first)?;
        registry.webhooks.push(read_value(&value)?);
    }
    registry.steps = steps(disk, wanted)?;
    registry.config = sealed(disk, wanted, keys::CONFIG, SealedConfig::NAME, |value| {
        Ok(read_value::<SealedConfig<'_>>(value)?.0.into_owned())
    })?;
    registry.connectors = sealed(
        disk,
        wanted,
        keys::CONNECTORS,
        SealedConnector::NAME,
        |value| Ok(read_value::<SealedConnector<'_>>(value)?.0.into_owned()),
    )?;
    registry.schedules = schedules(disk, wanted)?;
    registry.changed = match all {
        true => registry
            .workspaces
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        false => changed.into_iter().collect(),
    };
    Ok(registry)
}

/// Eight bytes, big-endian.
fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| codec::damaged("a number", "it has not 8 bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn workspace_of(key: &[u8]) -> Result<WorkspaceName, StoreError> {
    keys::workspace_of(key).ok_or_else(|| codec::damaged("a key", "it is no workspace key"))
}

fn schedules(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
) -> Result<Vec<(Schedule, Option<Millis>)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(keys::SCHEDULES) {
        let (key, first) = found.map_err(failed)?;
        if !wanted(&scoped(&key)?.0) {
            continue;
        }
        let value = disk.gather(&key, first)?;
        let schedule: Schedule = read_value(&value)?;
        let mark = mark_of(disk, &schedule.workspace, schedule.name.as_str())?;
        all.push((schedule, mark));
    }
    Ok(all)
}

/// Sealed values by workspace and name.
fn sealed<N: FromStr>(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
    prefix: &[u8],
    what: &'static str,
    open: impl Fn(&[u8]) -> Result<Vec<u8>, StoreError>,
) -> Result<Vec<(WorkspaceName, N, Vec<u8>)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(prefix) {
        let (key, first) = found.map_err(failed)?;
        let (workspace, name) = scoped(&key)?;
        if !wanted(&workspace) {
            continue;
        }
        let value = disk.gather(&key, first)?;
        let name = name
            .parse()
            .map_err(|_| codec::damaged("a key", &format!("it is not that of {what}")))?;
        all.push((workspace, name, open(&value)?));
    }
    Ok(all)
}

fn steps(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
) -> Result<Vec<(WorkspaceName, Step)>, StoreError> {
    let mut steps = Vec::new();
    for found in disk.db.scan_prefix(keys::STEPS) {
        let (key, first) = found.map_err(failed)?;
        let workspace = scoped(&key)?.0;
        if !wanted(&workspace) {
            continue;
        }
        let value = disk.gather(&key, first)?;
        steps.push((workspace, read_value(&value)?));
    }
    Ok(steps)
}

fn scoped(key: &[u8]) -> Result<(WorkspaceName, &str), StoreError> {
    keys::split(key)
        .and_then(|(workspace, rest)| Some((workspace, std::str::from_utf8(rest).ok()?)))
        .ok_or_else(|| codec::damaged("a key", "it names no workspace"))
}

/// The last planned time of a schedule that is settled.
pub(super) fn mark_of(
    disk: &Disk,
    workspace: &WorkspaceName,
    name: &str,
) -> Result<Option<Millis>, StoreError> {
    let mark = disk.db.get(keys::schedule_mark(workspace, name));
    mark.map_err(failed)?.map(|mark| number(&mark)).transpose()
}

/// Every workspace with its retention.
pub(super) fn retentions(disk: &Disk) -> Result<Vec<(WorkspaceName, Retention)>, StoreError> {
    let all = workspaces(disk, |_| true)?.into_iter();
    Ok(all
        .map(|(name, settings)| (name, settings.retention))
        .collect())
}

fn workspaces(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
) -> Result<Vec<(WorkspaceName, WorkspaceSettings)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(keys::WORKSPACES) {
        let (key, first) = found.map_err(failed)?;
        let workspace = workspace_of(&key)?;
        if !wanted(&workspace) {
            continue;
        }
        let value = disk.gather(&key, first)?;
        all.push((workspace, read_value(&value)?));
    }
    Ok(all)
}
