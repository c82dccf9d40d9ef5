//! Reads the registry: workspaces, webhooks, steps, config, connectors, schedules, tokens.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::codec::{bad_key, damaged};
use super::disk::Disk;
use super::failure::from_sled;
use super::keys;
use super::shapes::{Kind, SealedConfig, SealedConnector, read as read_value};
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::Retention;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::token::Token;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Registry, StoreError};

/// The registry entries of all workspaces changed after `revision`. Everything if `revision` is 0 or newer
/// than the store's: the store was then replaced by an older backup, and what the caller has read of it since
/// may be wrong.
pub(super) fn since(disk: &Disk, revision: u64) -> Result<Registry, StoreError> {
    let mut registry = Registry {
        revision: match disk.db.get(keys::REGISTRY_REVISION).map_err(from_sled)? {
            Some(bytes) => u64_from_be(&bytes)?,
            None => 0,
        },
        ..Registry::default()
    };
    let all = revision == 0 || revision > registry.revision;
    let mut changed = BTreeSet::new();
    if !all {
        for found in disk.db.scan_prefix(keys::WORKSPACE_REVISIONS) {
            let (key, value) = found.map_err(from_sled)?;
            if u64_from_be(&value)? > revision {
                changed.insert(keys::workspace_of(&key).ok_or_else(|| bad_key("workspace"))?);
            }
        }
    }
    let wanted = |workspace: &WorkspaceName| all || changed.contains(workspace);
    registry.workspaces = workspaces(disk, wanted)?;
    for found in disk.db.scan_prefix(keys::WEBHOOKS) {
        let (key, first_piece) = found.map_err(from_sled)?;
        if !wanted(&split_key(&key)?.0) {
            continue;
        }
        let value = disk.gather(&key, first_piece)?;
        registry.webhooks.push(read_value(&value)?);
    }
    registry.steps = steps(disk, wanted)?;
    registry.config = read_sealed(disk, wanted, keys::CONFIG, SealedConfig::NAME, |value| {
        Ok(read_value::<SealedConfig<'_>>(value)?.0.into_owned())
    })?;
    registry.connectors = read_sealed(
        disk,
        wanted,
        keys::CONNECTORS,
        SealedConnector::NAME,
        |value| Ok(read_value::<SealedConnector<'_>>(value)?.0.into_owned()),
    )?;
    registry.schedules = schedules(disk, wanted)?;
    let known: BTreeSet<_> = registry.workspaces.iter().map(|(name, _)| name).collect();
    // See `forget` in `registry.rs`.
    registry.tokens = tokens(
        disk,
        |key| Ok(known.contains(&split_key(key)?.0)),
        keys::TOKENS,
    )?;
    if all || server_revision(disk)? > revision {
        registry.server_tokens = Some(tokens(disk, |_| Ok(true), keys::SERVER_TOKENS)?);
    }
    registry.changed = if all {
        let names = registry.workspaces.iter().map(|(name, _)| name.clone());
        names.collect()
    } else {
        changed.into_iter().collect()
    };
    Ok(registry)
}

fn u64_from_be(bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| damaged("a number", "it does not have 8 bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn schedules(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
) -> Result<Vec<(Schedule, Option<Millis>)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(keys::SCHEDULES) {
        let (key, first_piece) = found.map_err(from_sled)?;
        if !wanted(&split_key(&key)?.0) {
            continue;
        }
        let value = disk.gather(&key, first_piece)?;
        let schedule: Schedule = read_value(&value)?;
        let mark = settled_until(disk, &schedule.workspace, schedule.name.as_str())?;
        all.push((schedule, mark));
    }
    Ok(all)
}

fn tokens(
    disk: &Disk,
    wanted: impl Fn(&[u8]) -> Result<bool, StoreError>,
    prefix: &[u8],
) -> Result<Vec<Token>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(prefix) {
        let (key, first_piece) = found.map_err(from_sled)?;
        if wanted(&key)? {
            all.push(read_value(&disk.gather(&key, first_piece)?)?);
        }
    }
    Ok(all)
}

fn server_revision(disk: &Disk) -> Result<u64, StoreError> {
    let revision = disk.db.get(keys::SERVER_REVISION).map_err(from_sled)?;
    revision.map_or(Ok(0), |bytes| u64_from_be(&bytes))
}

/// Values by workspace and name. They stay encrypted: `decode` only takes the sealed bytes out of the stored
/// shape.
fn read_sealed<N: FromStr>(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
    prefix: &[u8],
    what: &'static str,
    decode: impl Fn(&[u8]) -> Result<Vec<u8>, StoreError>,
) -> Result<Vec<(WorkspaceName, N, Vec<u8>)>, StoreError> {
    let mut all = Vec::new();
    for found in disk.db.scan_prefix(prefix) {
        let (key, first_piece) = found.map_err(from_sled)?;
        let (workspace, name) = split_key(&key)?;
        if !wanted(&workspace) {
            continue;
        }
        let value = disk.gather(&key, first_piece)?;
        let name = name
            .parse()
            .map_err(|_| damaged("a key", &format!("it is not that of {what}")))?;
        all.push((workspace, name, decode(&value)?));
    }
    Ok(all)
}

fn steps(
    disk: &Disk,
    wanted: impl Fn(&WorkspaceName) -> bool,
) -> Result<Vec<(WorkspaceName, Step)>, StoreError> {
    let mut steps = Vec::new();
    for found in disk.db.scan_prefix(keys::STEPS) {
        let (key, first_piece) = found.map_err(from_sled)?;
        let workspace = split_key(&key)?.0;
        if !wanted(&workspace) {
            continue;
        }
        let value = disk.gather(&key, first_piece)?;
        steps.push((workspace, read_value(&value)?));
    }
    Ok(steps)
}

fn split_key(key: &[u8]) -> Result<(WorkspaceName, &str), StoreError> {
    keys::split(key)
        .and_then(|(workspace, rest)| Some((workspace, std::str::from_utf8(rest).ok()?)))
        .ok_or_else(|| damaged("a key", "it is not a workspace and a name"))
}

/// The last planned time of a schedule whose task is already stored.
pub(super) fn settled_until(
    disk: &Disk,
    workspace: &WorkspaceName,
    name: &str,
) -> Result<Option<Millis>, StoreError> {
    let mark = disk.db.get(keys::schedule_mark(workspace, name));
    mark.map_err(from_sled)?
        .map(|mark| u64_from_be(&mark))
        .transpose()
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
        let (key, first_piece) = found.map_err(from_sled)?;
        let workspace = keys::workspace_of(&key).ok_or_else(|| bad_key("workspace"))?;
        if !wanted(&workspace) {
            continue;
        }
        let value = disk.gather(&key, first_piece)?;
        all.push((workspace, read_value(&value)?));
    }
    Ok(all)
}
