//! Applies the log's changes one after another, as far as each follows the state before it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::catalog_copy::Entries;
use super::super::change::{Change, Kind, Mark};
use super::super::fragments::{DecodedChange, Fragments};
use super::super::removed::Removed;
use super::super::scan::pages::Values;
use super::super::{checked, key_names, keys};
use super::files::Groups;
use super::report::Damage;
use super::tasks::{Key, Tasks};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// The groups of the log that can be read.
#[derive(Default)]
pub(super) struct Replayed {
    /// Groups of changes that follow each other.
    pub groups: Vec<Vec<Change>>,
    /// Tasks that only the log has.
    pub accepted: BTreeSet<Key>,
    /// The last group that was known of.
    pub last: u64,
}

/// Goes through the log. `acknowledged` is the last group that must be there, as far as that is known.
pub(super) fn replay(
    values: &Values,
    catalog: &Entries,
    groups: Groups,
    acknowledged: u64,
    tasks: &Tasks,
    damages: &mut Vec<Damage>,
) -> Result<Replayed, StoreError> {
    let mark = of_tree(values, keys::MARK, damages, Mark::decode)?;
    let removed = of_tree(values, keys::REMOVED, damages, Removed::decode)?.unwrap_or_default();
    let first = groups.payloads.keys().next().copied().unwrap_or(1);
    let is_whole = values.gaps.is_empty() && values.holes.is_empty() && !values.values.is_empty();
    let low = match mark {
        Some(mark) => mark.low,
        None if is_whole => 1,
        None => first,
    };
    let last = mark.map_or(0, |mark| mark.last).max(acknowledged);
    missing(&groups, low, last, damages);
    let mut standing: BTreeMap<Key, (u64, u32)> = BTreeMap::new();
    let mut stuck = BTreeSet::new();
    let mut left = Replayed {
        last,
        ..Replayed::default()
    };
    let mut fragments = Fragments::default();
    for (number, payload) in groups.payloads.range(low..) {
        let changes = match fragments.changes(*number, payload) {
            Ok(changes) => changes,
            Err(StoreError::Damaged(why)) => {
                let damage = Damage::new("the log", "log", "a group in the log", why);
                damages.push(damage.losing("the changes in it"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut kept = Vec::new();
        for decoded in changes {
            let change = match decoded {
                Ok(DecodedChange { change, .. }) => change,
                Err(StoreError::Damaged(why)) => {
                    let damage = Damage::new("the log", "log", "a long change in the log", why);
                    damages.push(damage.losing("the change"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if catalog.contains_key(&keys::erasing(&change.workspace)) {
                continue;
            }
            let key = (change.workspace.clone(), change.id);
            let there = standing.get(&key).copied().or_else(|| {
                tasks
                    .all
                    .get(&key)
                    .map(|found| (found.version, found.count))
            });
            match follows(&change, there, *number, removed) {
                Step::Removed => {}
                Step::Known => kept.push(change),
                Step::Next(next) if !stuck.contains(&key) => {
                    if there.is_none() {
                        left.accepted.insert(key.clone());
                    }
                    standing.insert(key, next);
                    kept.push(change);
                }
                Step::Next(_) | Step::Gap => {
                    if stuck.insert(key) {
                        damages.push(gap(&change.workspace, change.id, there.is_some()));
                    }
                }
            }
        }
        if !kept.is_empty() {
            left.groups.push(kept);
        }
    }
    Ok(left)
}

fn gap(workspace: &WorkspaceName, id: TaskId, is_there: bool) -> Damage {
    let damage = Damage::new(
        "the log",
        "log",
        "a change of a task",
        "it does not follow what is there",
    );
    let loss = if is_there {
        "the changes of the task from there on: it goes on from an older state, and calls may be made again"
    } else {
        "the task"
    };
    damage.of(workspace, Some(id)).losing(loss)
}

/// How a change relates to the state of its task.
enum Step {
    /// It is of a task that was removed.
    Removed,
    /// It is there already.
    Known,
    /// It leads to this version and number of entries.
    Next((u64, u32)),
    /// Something before it is missing.
    Gap,
}

/// As a start takes a change, see `recovery.rs`.
fn follows(change: &Change, there: Option<(u64, u32)>, number: u64, removed: Removed) -> Step {
    let version = change.head.as_ref().map_or(0, |head| head.version);
    let known = match (change.kind, there) {
        (Kind::Accept, None) if number <= removed.folded => return Step::Removed,
        (Kind::Accept, there) => there.is_some(),
        (Kind::Commit | Kind::Note, Some((at, _))) => version <= at,
        (Kind::Effect, Some((_, count))) => change.index < count,
        (_, None) if number <= removed.last => return Step::Removed,
        (_, None) => return Step::Gap,
    };
    if known {
        return Step::Known;
    }
    let (at, count) = there.unwrap_or((version, change.index));
    let is_next = match change.kind {
        Kind::Commit | Kind::Note => version == at + 1,
        Kind::Accept | Kind::Effect => true,
    };
    match count.checked_add(change.count) {
        Some(next) if is_next && change.index == count => {
            let version = if change.head.is_some() { version } else { at };
            Step::Next((version, next))
        }
        _ => Step::Gap,
    }
}

/// Notes the groups that must be there and are not.
fn missing(groups: &Groups, low: u64, last: u64, damages: &mut Vec<Damage>) {
    let there = groups.payloads.range(low..).map(|(number, _)| *number);
    let mut next = low;
    for number in there.chain(std::iter::once(last + 1)) {
        if number > next {
            let what = format!("groups {next} to {} are missing", number - 1);
            let damage = Damage::new("the log", "log", "a group in the log", what);
            damages.push(damage.losing("the changes in them"));
        }
        next = next.max(number + 1);
    }
}

/// A value of the tree that stands alone.
fn of_tree<T>(
    values: &Values,
    key: &[u8],
    damages: &mut Vec<Damage>,
    decode: impl Fn(&[u8]) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let Some(stored) = values.values.get(key) else {
        return Ok(None);
    };
    match checked::open(key, stored).and_then(decode) {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Damaged(why)) => {
            damages.push(Damage::new(
                "the tree",
                "tree/db",
                &key_names::name_of(key),
                why,
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
