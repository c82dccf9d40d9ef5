//! Reads a damaged store: the values that can be read, and a list of the damages.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::super::catalog_copy::{CopyContent, Entries};
use super::super::codec::damaged;
use super::super::dedup::block::KeyBlock;
use super::super::failure::io as failed;
use super::super::files::{CATALOG_COPY, MARKS};
use super::super::marks::{Acknowledged, StoreMarks};
use super::super::scan::generation::Tag;
use super::super::scan::pages::{self, Gap, Values};
use super::super::shapes::journal::pull_entries;
use super::super::{checked, key_names, keys, presence};
use super::bodies::Bodies;
use super::catalog;
use super::files::{Groups, Segments};
use super::replay::{self, Replayed};
use super::report::Damage;
use super::tasks::{Reader, Tasks};
use crate::store::StoreError;

/// The values of a store that can be read, and its damages.
pub(super) struct Salvage {
    pub seed: [u8; 32],
    pub revision: u64,
    /// The setup.
    pub catalog: Entries,
    /// The tree's other values, e.g. keys of deliveries.
    pub others: Entries,
    pub tasks: Tasks,
    pub log: Replayed,
    /// The greatest number of a group that there may have been.
    pub last_group: u64,
    /// The generation of tree or marks.
    pub generation: u64,
    /// The marks, if they can be read.
    pub noted: Option<StoreMarks>,
    /// The fingerprint of the tree's values, as its file has them.
    pub tree: [u8; 32],
    /// Files that an earlier repair could not salvage.
    pub lost: BTreeSet<PathBuf>,
    pub damages: Vec<Damage>,
}

/// The file of a store that lists what was lost before: one path a line.
pub(super) const LOST: &str = "lost";

impl Salvage {
    /// Reads the store at `path`. Changes nothing.
    ///
    /// # Errors
    /// A file that is there and that the system does not let read; a newer version; or there is nothing to
    /// read it with.
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let unreadable = failed("the store cannot be read");
        let mut damages = Vec::new();
        let noted = read_marks(path, &mut damages)?;
        for missing in presence::missing(path, noted.as_ref()) {
            let damage = Damage::new(missing.part, missing.file, "a file", missing.why);
            damages.push(match missing.part {
                "the tree" => damage.losing(
                    "what only the tree had: tasks that wait or ended other than done, keys of deliveries",
                ),
                _ => damage,
            });
        }
        let copied = match CopyContent::read(path) {
            Ok(copied) => copied,
            Err(StoreError::Damaged(why)) => {
                damages.push(Damage::new(
                    "the copy of the catalog",
                    CATALOG_COPY,
                    "a frame",
                    why,
                ));
                None
            }
            Err(error) => return Err(error),
        };
        let tag = noted.as_ref().map(|noted| noted.tag);
        let tag = tag.or(copied.as_ref().map(|copied| Tag::of(&copied.seed)));
        let mut values = read_tree(path, noted.as_ref(), tag, &mut damages).map_err(&unreadable)?;
        let tree = values.fingerprint();
        let lost = read_lost(path).map_err(&unreadable)?;
        let seed = values
            .values
            .get(keys::SEED)
            .and_then(|seed| seed[..].try_into().ok());
        let seed = seed.or(copied.as_ref().map(|copied| copied.seed)).ok_or_else(|| {
            let why = "it is neither in the tree nor in the copy of the catalog, so that nothing can be salvaged; restore a backup";
            damaged("the store's seed", why)
        })?;
        let is_expected = noted.is_some();
        let (revision, catalog) = catalog::choose(&mut values, copied, is_expected, &mut damages)?;
        catalog::check_components(path, &catalog, &lost, &mut damages);
        let reader = Reader {
            path,
            values: &values,
            segments: &mut Segments::of(path.join("archive")),
            lost: &lost,
            damages: &mut damages,
        };
        let tasks = reader.read()?;
        let groups = Groups::read(&path.join("log"), &seed, &mut damages).map_err(&unreadable)?;
        let acknowledged = Acknowledged::read(path);
        let last_group = groups.payloads.keys().next_back().copied().unwrap_or(0);
        let log = replay::replay(
            &values,
            &catalog,
            groups,
            acknowledged,
            &tasks,
            &mut damages,
        )?;
        check_bodies(path, &log, &lost, &mut damages)?;
        let generation = values.generation.map_or(0, |(generation, _)| generation);
        let generation = generation.max(noted.as_ref().map_or(0, |noted| noted.generation));
        let others = others(values, &mut damages)?;
        Ok(Self {
            seed,
            revision,
            catalog,
            others,
            lost,
            tasks,
            last_group: last_group.max(log.last),
            log,
            generation,
            noted,
            tree,
            damages,
        })
    }
}

fn read_marks(path: &Path, damages: &mut Vec<Damage>) -> Result<Option<StoreMarks>, StoreError> {
    match StoreMarks::read(path) {
        Ok(noted) => Ok(noted),
        Err(StoreError::Damaged(why)) => {
            damages.push(Damage::new("the marks", MARKS, "a mark", why));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn read_tree(
    path: &Path,
    noted: Option<&StoreMarks>,
    tag: Option<Tag>,
    damages: &mut Vec<Damage>,
) -> io::Result<Values> {
    let file = path.join("tree/db");
    if !file.exists() {
        let gaps = vec![Gap {
            from: Vec::new(),
            to: None,
        }];
        return Ok(Values {
            gaps,
            ..Values::default()
        });
    }
    let durable = noted.map(|noted| noted.generation);
    let values = pages::read(&file, tag, durable)?;
    for hole in &values.holes {
        let what = format!("{} bytes are not what was written", hole.bytes);
        let damage = Damage::new("the tree", "tree/db", "a page", what).at(hole.offset);
        damages.push(damage.losing("what was written there: it is missing, or as it was before"));
    }
    for gap in values.gaps.iter().filter(|_| !values.holes.is_empty()) {
        let what = format!(
            "no page has the keys after {}",
            key_names::name_of(&gap.from)
        );
        damages.push(Damage::new("the tree", "tree/db", "a page", what));
    }
    if values.holes.is_empty() && !values.gaps.is_empty() {
        let damage = Damage::new("the tree", "tree/db", "a page", "it is missing");
        damages.push(damage.losing("what the page had"));
    }
    let found = values.generation.map_or(0, |(generation, _)| generation);
    match durable {
        Some(durable) if found < durable => {
            let what =
                format!("it is older than what was written last (generation {found} of {durable})");
            let damage = Damage::new("the tree", "tree/db", "a file", what);
            damages.push(damage.losing("what was written to it since, unless the log has it"));
        }
        None if values.values.contains_key(keys::GENERATION)
            && !damages.iter().any(|damage| damage.file == MARKS) =>
        {
            damages.push(Damage::new(
                "the marks",
                MARKS,
                "a file",
                format!("the file {MARKS} is missing"),
            ));
        }
        _ => {}
    }
    Ok(values)
}

/// The files that an earlier repair could not salvage.
fn read_lost(path: &Path) -> io::Result<BTreeSet<PathBuf>> {
    match std::fs::read_to_string(path.join(LOST)) {
        Ok(lines) => Ok(lines.lines().map(PathBuf::from).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Looks whether the bodies are there that the log's changes name.
fn check_bodies(
    path: &Path,
    log: &Replayed,
    lost: &BTreeSet<PathBuf>,
    damages: &mut Vec<Damage>,
) -> Result<(), StoreError> {
    let bodies = Bodies { path, lost };
    for change in log.groups.iter().flatten() {
        let mut entries = Vec::new();
        pull_entries(&change.entries, 0, &mut entries)?;
        bodies.check(&change.workspace, change.id, &entries, damages);
    }
    Ok(())
}

/// The prefixes of keys whose values a repair writes anew: tasks with their index, and marks.
const WRITTEN: [&[u8]; 16] = [
    keys::TASKS,
    b"x/t/",
    b"j/",
    b"r/",
    b"s/",
    b"d/",
    keys::WAITING,
    keys::PLACES,
    b"b/",
    keys::FORMAT,
    keys::GENERATION,
    keys::SEED,
    keys::MARK,
    keys::UPGRADED,
    keys::REMOVED,
    keys::REGISTRY_REVISION,
];

/// The other values of the tree that can be read: keys of deliveries, and values of unknown kinds.
fn others(values: Values, damages: &mut Vec<Damage>) -> Result<Entries, StoreError> {
    let mut sound = Entries::new();
    let is_other = |key: &[u8]| !WRITTEN.iter().any(|prefix| key.starts_with(prefix));
    for (key, stored) in values.values.into_iter().filter(|(key, _)| is_other(key)) {
        let value = checked::open(&key, &stored);
        let read = if key.starts_with(keys::DEDUP) {
            value.and_then(KeyBlock::decode).map(drop)
        } else {
            value.map(drop)
        };
        match read {
            Ok(()) => drop(sound.insert(key, stored)),
            Err(StoreError::Damaged(why)) => {
                let name = key_names::name_of(&key);
                let loss = if key.starts_with(keys::DEDUP) {
                    format!("{name}: a delivery that comes again may make a second task")
                } else {
                    name.clone()
                };
                let damage = Damage::new("the tree", "tree/db", &name, why);
                damages.push(damage.losing(loss));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(sound)
}
