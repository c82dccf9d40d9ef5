//! The tasks of tree and archive.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::path::{Path, PathBuf};

use super::super::archive::Place;
use super::super::catalog_copy::Entries;
use super::super::codec::damaged;
use super::super::files::segment_name;
use super::super::fold::index_keys;
use super::super::puts::Changes;
use super::super::scan::pages::{Gap, Values};
use super::super::shapes::journal::{Piece, pull_entries};
use super::super::shapes::read;
use super::super::shapes::record::{Record, encode_record};
use super::super::terms::{DigestList, Digests};
use super::super::{checked, key_names, keys, long, places};
use super::bodies::Bodies;
use super::catalog::whole;
use super::files::Segments;
use super::report::Damage;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::StoreError;

/// A task's name.
pub(super) type Key = (WorkspaceName, TaskId);

/// A task as tree or archive has it.
#[derive(Debug, Clone)]
pub(super) struct FoundTask {
    pub version: u64,
    /// Journal entries.
    pub count: u32,
    pub state: TaskState,
    pub wake_at: Option<Millis>,
    pub digests: Digests,
    /// Where it is in the archive; none if the tree has it.
    pub place: Option<Place>,
}

impl FoundTask {
    fn of(head: &TaskHead, count: u32, place: Option<Place>) -> Self {
        Self {
            version: head.version,
            count,
            state: head.state(),
            wake_at: head.wake_at(),
            digests: Digests::of(head),
            place,
        }
    }
}

/// The tasks of tree and archive that can be read.
#[derive(Default)]
pub(super) struct Tasks {
    pub all: BTreeMap<Key, FoundTask>,
    /// What the tree has of them, as it is stored, without index keys.
    pub stored: Entries,
}

/// The store that is read, and the list of damages.
pub(super) struct Reader<'a> {
    pub path: &'a Path,
    pub values: &'a Values,
    pub segments: &'a mut Segments,
    pub lost: &'a BTreeSet<PathBuf>,
    pub damages: &'a mut Vec<Damage>,
}

impl Reader<'_> {
    /// Reads all tasks.
    pub(super) fn read(mut self) -> Result<Tasks, StoreError> {
        let mut tasks = Tasks::default();
        let values = &self.values.values;
        for (key, stored) in values
            .range(keys::TASKS.to_vec()..)
            .take_while(|(key, _)| key.starts_with(keys::TASKS))
        {
            let Some((workspace, id)) = name(key) else {
                continue;
            };
            match self.of_tree(&mut tasks, &workspace, id, key, stored) {
                Err(StoreError::Damaged(why)) => {
                    let damage = Damage::new("the tree", "tree/db", "the record of a task", why);
                    let loss = "the task, unless the log has it whole";
                    self.damages
                        .push(damage.of(&workspace, Some(id)).losing(loss));
                }
                other => other?,
            }
        }
        if self.values.holes.is_empty() && self.values.gaps.is_empty() {
            self.check_index(&tasks)?;
        }
        let unread = self.of_archive(&mut tasks)?;
        self.rebuild(&mut tasks, &unread)?;
        Ok(tasks)
    }

    fn of_tree(
        &mut self,
        tasks: &mut Tasks,
        workspace: &WorkspaceName,
        id: TaskId,
        key: &[u8],
        stored: &[u8],
    ) -> Result<(), StoreError> {
        let values = &self.values.values;
        let value = whole(values, key, stored)?;
        let record = Record::decode(&value)?;
        let head = record.head()?;
        let data = record.data()?;
        if head.id != id || head.workspace != *workspace {
            return Err(damaged(
                &key_names::name_of(key),
                "it is that of another task",
            ));
        }
        let mut pieces = Vec::new();
        let journal = journal_of(values, workspace, id, &record, &mut pieces);
        let count = match journal
            .and_then(|journal| self.entries(workspace, id, &journal, record.fixed.count))
        {
            Ok(()) => {
                let own = [key.to_vec()].into_iter().chain(pieces);
                let further = (1..=value.further()).map(|piece| keys::piece(key, piece));
                for key in own.chain(further) {
                    if let Some(stored) = values.get(&key) {
                        tasks.stored.insert(key, stored.clone());
                    }
                }
                record.fixed.count
            }
            Err(StoreError::Damaged(why)) => {
                let damage = Damage::new("the tree", "tree/db", "the journal of a task", why);
                self.damages.push(
                    damage
                        .of(workspace, Some(id))
                        .losing("the history of the task"),
                );
                let mut whole = Vec::new();
                encode_record(&mut whole, &head, (0, 0, 0), data)?;
                let mut changes = Changes::default();
                long::put(&mut changes, key, &whole, 0)?;
                let put = changes.iter().cloned();
                tasks
                    .stored
                    .extend(put.filter_map(|(key, value)| Some((key, value?))));
                0
            }
            Err(error) => return Err(error),
        };
        tasks
            .all
            .insert((workspace.clone(), id), FoundTask::of(&head, count, None));
        Ok(())
    }

    /// Reads a journal of `count` entries, and looks whether the bodies are there that it names.
    fn entries(
        &mut self,
        workspace: &WorkspaceName,
        id: TaskId,
        journal: &[u8],
        count: u32,
    ) -> Result<(), StoreError> {
        let mut entries: Vec<Entry> = Vec::new();
        pull_entries(journal, 0, &mut entries)?;
        if entries.len() != count as usize {
            let why = format!("it has {} entries of {count}", entries.len());
            return Err(damaged("a journal", &why));
        }
        let bodies = Bodies {
            path: self.path,
            lost: self.lost,
        };
        bodies.check(workspace, id, &entries, self.damages);
        Ok(())
    }

    /// Looks whether the index of the tree is that of its tasks.
    fn check_index(&mut self, tasks: &Tasks) -> Result<(), StoreError> {
        let mut expected = BTreeSet::new();
        let in_tree = tasks.all.iter().filter(|(_, found)| found.place.is_none());
        for ((workspace, id), found) in in_tree {
            expected.extend(index_keys(workspace, *id, found.state, found.wake_at));
        }
        for prefix in [&b"r/"[..], b"s/", keys::WAITING] {
            let there = self.values.values.range(prefix.to_vec()..);
            for (key, stored) in there.take_while(|(key, _)| key.starts_with(prefix)) {
                let is_read = match checked::open(key, stored) {
                    Ok(value) => value.is_empty() || read::<DigestList>(value).is_ok(),
                    Err(_) => false,
                };
                if !expected.remove(key) || !is_read {
                    self.index_is_wrong(key, "it is not that of the task");
                }
            }
        }
        // A record that cannot be read has been noted, and so its index is not expected.
        for key in expected {
            self.index_is_wrong(&key, "it is missing");
        }
        Ok(())
    }

    fn index_is_wrong(&mut self, key: &[u8], why: &str) {
        let name = key_names::name_of(key);
        self.damages.push(Damage::new(
            "the tree",
            "tree/db",
            "an index key",
            format!("{name}: {why}"),
        ));
    }

    /// Reads what the tree points to in the archive. Returns the parts of the keys whose places cannot be read.
    fn of_archive(&mut self, tasks: &mut Tasks) -> Result<Vec<Gap>, StoreError> {
        let mut unread = self.values.gaps.clone();
        let all = self.values.values.range(keys::PLACES.to_vec()..);
        let mut all = all
            .take_while(|(key, _)| key.starts_with(keys::PLACES))
            .peekable();
        while let Some((key, stored)) = all.next() {
            let Some((workspace, first)) = name(key) else {
                continue;
            };
            let entries = match places::decode(key, stored) {
                Ok(entries) => entries,
                Err(StoreError::Damaged(why)) => {
                    self.damages.push(Damage::new(
                        "the tree",
                        "tree/db",
                        "places in the archive",
                        why,
                    ));
                    let to = all.peek().map(|(next, _)| (*next).clone());
                    let from = key.clone();
                    unread.push(Gap { from, to });
                    continue;
                }
                Err(error) => return Err(error),
            };
            let terms = keys::terms(&workspace, first);
            if let Some(stored) = self.values.values.get(&terms) {
                let digests = checked::open(&terms, stored).and_then(|value| match value {
                    [] => Ok(()),
                    value => read::<DigestList>(value).map(drop),
                });
                if let Err(StoreError::Damaged(why)) = digests {
                    self.damages
                        .push(Damage::new("the tree", "tree/db", "digests of terms", why));
                }
            }
            for (id, place) in entries {
                let free = tasks.all.entry((workspace.clone(), id));
                let btree_map::Entry::Vacant(free) = free else {
                    continue;
                };
                match self.archived(free.key(), place) {
                    Ok(found) => {
                        free.insert(found);
                    }
                    Err(StoreError::Damaged(why)) => self.is_lost(&workspace, id, place, why),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(unread)
    }

    fn is_lost(&mut self, workspace: &WorkspaceName, id: TaskId, place: Place, why: String) {
        let file = format!("archive/{}", segment_name(place.segment));
        let damage = Damage::new("the archive", file, "a record in the archive", why);
        let damage = damage.at(u64::from(place.offset)).of(workspace, Some(id));
        self.damages.push(damage.losing("the task"));
    }

    fn archived(&mut self, (workspace, id): &Key, place: Place) -> Result<FoundTask, StoreError> {
        let record = self.segments.read(place);
        let record = record
            .ok_or_else(|| damaged("a record in the archive", "it is not what was written"))?;
        let record = Record::decode(&record)?;
        let head = record.head()?;
        record.data()?;
        if head.id != *id || head.workspace != *workspace {
            return Err(damaged(
                "a record in the archive",
                "it is that of another task",
            ));
        }
        self.entries(workspace, *id, record.journal, record.fixed.count)?;
        Ok(FoundTask::of(&head, record.fixed.count, Some(place)))
    }

    /// Finds the archive's records of those tasks whose places cannot be read.
    fn rebuild(&mut self, tasks: &mut Tasks, unread: &[Gap]) -> Result<(), StoreError> {
        if unread.is_empty() {
            return Ok(());
        }
        let mut found: BTreeMap<Key, FoundTask> = BTreeMap::new();
        let values = &self.values.values;
        let walked = self.segments.all(|place, record| {
            let Ok(record) = Record::decode(record) else {
                return;
            };
            let (Ok(head), Ok(_)) = (record.head(), record.data()) else {
                return;
            };
            let key = keys::places(&head.workspace, head.id);
            let first = keys::places(&head.workspace, TaskId::MIN);
            let before = values.range(first.clone()..=key.clone()).next_back();
            let before = before.map_or(first, |(key, _)| key.clone());
            let is_unread =
                |gap: &Gap| gap.from <= key && gap.to.as_ref().is_none_or(|to| *to > before);
            let task = (head.workspace.clone(), head.id);
            let is_newer = found
                .get(&task)
                .is_none_or(|other| other.version <= head.version);
            if unread.iter().any(is_unread) && !tasks.all.contains_key(&task) && is_newer {
                found.insert(task, FoundTask::of(&head, record.fixed.count, Some(place)));
            }
        });
        walked.map_err(super::super::failure::io("the archive cannot be read"))?;
        tasks.all.extend(found);
        Ok(())
    }
}

/// The workspace and the task of a key that ends in its id.
fn name(key: &[u8]) -> Option<Key> {
    Some((keys::split(key)?.0, keys::id_of(key)?))
}

/// The journal of a task in the tree, and the keys of its pieces.
fn journal_of(
    values: &Entries,
    workspace: &WorkspaceName,
    id: TaskId,
    record: &Record<'_>,
    pieces: &mut Vec<Vec<u8>>,
) -> Result<Vec<u8>, StoreError> {
    let mut journal = Vec::new();
    if record.fixed.streamed > 0 {
        let prefix = keys::journal_prefix(workspace, id);
        let there = values.range(prefix.clone()..);
        for (key, stored) in there.take_while(|(key, _)| key.starts_with(&prefix)) {
            // What a fold that did not come to its end left behind it is nothing.
            if journal.len() as u64 >= record.fixed.streamed {
                break;
            }
            journal.extend_from_slice(read::<Piece<'_>>(checked::open(key, stored)?)?.0);
            pieces.push(key.clone());
        }
        if journal.len() as u64 != record.fixed.streamed {
            return Err(damaged("a journal", "a piece of it is missing"));
        }
    }
    journal.extend_from_slice(record.journal);
    Ok(journal)
}
