//! Writes a sound store of the salvaged values.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sled::Batch;

use super::super::catalog_copy;
use super::super::change::{self, Change, Mark};
use super::super::disk::FORMAT;
use super::super::failure::{OpenError, from_sled, io};
use super::super::files::{CATALOG_COPY, MARKS, slot_name, sync_directory};
use super::super::fold::index_keys;
use super::super::frame::{self, HEADER, SLOT_HEADER};
use super::super::group;
use super::super::marks::{Acknowledged, StoreMarks};
use super::super::scan::generation::Tag;
use super::super::terms;
use super::super::tree::Tree;
use super::super::{checked, keys, places};
use super::read::{LOST, Salvage};
use crate::domain::task::TaskState;
use crate::store::StoreError;

/// Values that are put into the tree at once.
const AT_ONCE: usize = 256;
/// Places under one key.
const PLACES: usize = 200;
/// Bytes of the tree that are held in memory while it is written.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// How often the tree is written again if it does not open.
const TRIES: u32 = 3;
/// Bytes of a file of the log, roughly.
const SLOT: usize = 8 * 1024 * 1024;

/// Writes a store at `path`, where nothing is, with the values salvaged from the one at `from`. Files that are not
/// changed are the same in both.
pub(super) fn write(salvage: &Salvage, from: &Path, path: &Path) -> Result<(), OpenError> {
    let failed = io("the repaired store cannot be written");
    fs::create_dir(path).map_err(&failed)?;
    let lost: BTreeSet<PathBuf> = lost_files(salvage);
    link_all(from, path, Path::new(""), &lost).map_err(&failed)?;
    let mut noted = StoreMarks {
        tag: Tag::of(&salvage.seed),
        generation: salvage.generation + 1,
        ..StoreMarks::default()
    };
    let mark = write_log(salvage, path, &mut noted)?;
    write_tree_that_opens(salvage, path, mark, noted.generation)?;
    noted.tree_bytes = fs::metadata(path.join("tree/db")).map_err(&failed)?.len();
    for segment in super::super::archive::numbers(&path.join("archive")).map_err(&failed)? {
        let file = path
            .join("archive")
            .join(super::super::files::segment_name(segment));
        let bytes = fs::metadata(file).map_err(&failed)?.len();
        noted.segments.insert(segment, bytes);
    }
    catalog_copy::write_whole(path, &salvage.catalog, salvage.revision, salvage.seed)?;
    if !lost.is_empty() {
        let lines = lost.iter().map(|file| format!("{}\n", file.display()));
        fs::write(path.join(LOST), lines.collect::<String>()).map_err(&failed)?;
    }
    // The last one: a store without marks is not whole.
    Ok(noted.write(path)?)
}

/// The files that cannot be salvaged, now or before.
fn lost_files(salvage: &Salvage) -> BTreeSet<PathBuf> {
    let now = salvage
        .damages
        .iter()
        .filter(|damage| matches!(damage.part, "the bodies" | "the components"));
    let now = now.map(|damage| PathBuf::from(&damage.file));
    now.chain(salvage.lost.iter().cloned()).collect()
}

/// Files that are written anew, and files that would be of no use beside them.
const ANEW: [&str; 8] = [
    "tree",
    "log",
    CATALOG_COPY,
    MARKS,
    Acknowledged::NAME,
    LOST,
    "reserve",
    "lock",
];

/// Gives a directory's files a second name, or copies them.
fn link_all(
    from: &Path,
    to: &Path,
    inside: &Path,
    lost: &BTreeSet<PathBuf>,
) -> std::io::Result<()> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let inside = inside.join(entry.file_name());
        if ANEW.iter().any(|name| inside == Path::new(name)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            link_all(&from, &to, &inside, lost)?;
        } else if !lost.contains(&inside) && fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to)?;
            fs::File::open(&to)?.sync_all()?;
        }
    }
    sync_directory(to)
}

/// Writes the log anew, under numbers that it never had. Returns its mark.
fn write_log(salvage: &Salvage, path: &Path, noted: &mut StoreMarks) -> Result<Mark, StoreError> {
    let failed = io("the repaired log cannot be written");
    let directory = path.join("log");
    fs::create_dir(&directory).map_err(&failed)?;
    let key = frame::key(&salvage.seed);
    let first = salvage.last_group + 1;
    let (mut number, mut name) = (first, 0);
    let mut groups = salvage.log.groups.iter().peekable();
    while groups.peek().is_some() {
        let mut slot = frame::slot_header(number).to_vec();
        while slot.len() < SLOT
            && let Some(changes) = groups.next()
        {
            let mut group = vec![0; SLOT_HEADER + HEADER];
            write_group(changes, &mut group)?;
            frame::authenticate_group(&mut group, &key, number)?;
            slot.extend_from_slice(&group[SLOT_HEADER..]);
            number += 1;
        }
        let mut file = fs::File::create(directory.join(slot_name(name))).map_err(&failed)?;
        file.write_all(&slot)
            .and_then(|()| file.sync_all())
            .map_err(&failed)?;
        noted.slots.insert(name, slot.len() as u64);
        name += 1;
    }
    sync_directory(&directory).map_err(&failed)?;
    Ok(Mark {
        low: first,
        last: number - 1,
    })
}

fn write_group(changes: &[Change], into: &mut Vec<u8>) -> Result<(), StoreError> {
    let has_keys = changes.iter().any(|change| change.taken.is_some());
    group::begin_group(into, has_keys, false);
    for change in changes {
        group::push_change(into, &change::encode_change(change)?)?;
    }
    Ok(())
}

/// Writes the tree and opens it once, as a server does: what sled cannot read is written again.
fn write_tree_that_opens(
    salvage: &Salvage,
    path: &Path,
    mark: Mark,
    generation: u64,
) -> Result<(), OpenError> {
    let tree = path.join("tree");
    let mut tries = 0;
    loop {
        write_tree(salvage, path, mark, generation)?;
        match Tree::open(&tree, CACHE_BYTES) {
            Ok(_) => return Ok(()),
            Err(error) if tries == TRIES => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the repaired tree does not open and is written again")
            }
        }
        tries += 1;
        fs::remove_dir_all(&tree).map_err(io("the repaired tree cannot be written again"))?;
    }
}

fn write_tree(
    salvage: &Salvage,
    path: &Path,
    mark: Mark,
    generation: u64,
) -> Result<(), OpenError> {
    let db = Tree::open(&path.join("tree"), CACHE_BYTES)?;
    let mut batch = Batch::default();
    let mut count = 0;
    let mut put = |key: &[u8], value: &[u8]| {
        batch.insert(key, value);
        count += 1;
        if count % AT_ONCE == 0 {
            return db
                .apply_batch(std::mem::take(&mut batch))
                .map_err(from_sled);
        }
        Ok(())
    };
    put(keys::FORMAT, &FORMAT.to_le_bytes())?;
    put(keys::SEED, &salvage.seed)?;
    put(keys::REGISTRY_REVISION, &salvage.revision.to_be_bytes())?;
    put(keys::MARK, &checked::seal(keys::MARK, &mark.encode()))?;
    let stored = [&salvage.catalog, &salvage.others, &salvage.tasks.stored];
    for (key, value) in stored.into_iter().flatten() {
        put(key, value)?;
    }
    let mut archived = Vec::new();
    for ((workspace, id), found) in &salvage.tasks.all {
        if let Some(place) = found.place {
            archived.push((workspace, (*id, place, found.digests)));
            continue;
        }
        if found.state == TaskState::Done {
            put(&keys::done(workspace, *id), &[])?;
        }
        let digests = terms::encode([found.digests]);
        for key in index_keys(workspace, *id, found.state, found.wake_at) {
            match key.starts_with(keys::WAITING) {
                true => put(&key, &[])?,
                false => put(&key, &checked::seal(&key, &digests))?,
            }
        }
    }
    for of_one in archived.chunk_by(|(a, _), (b, _)| a == b) {
        for part in of_one.chunks(PLACES) {
            let Some((workspace, (first, ..))) = part.first() else {
                continue;
            };
            let entries: Vec<_> = part.iter().map(|(_, entry)| *entry).collect();
            let key = keys::places(workspace, *first);
            put(&key, &places::encode(&key, &entries))?;
            let key = keys::terms(workspace, *first);
            let digests = entries.iter().map(|(.., digests)| *digests);
            put(&key, &checked::seal(&key, &terms::encode(digests)))?;
        }
    }
    put(keys::UPGRADED, &[])?;
    db.apply_batch(batch).map_err(from_sled)?;
    db.insert(keys::GENERATION, &Tag::of(&salvage.seed).value(generation))
        .map_err(from_sled)?;
    db.flush().map_err(from_sled)?;
    drop(db);
    let failed = io("the repaired tree cannot be written");
    let file = fs::File::open(path.join("tree/db")).map_err(&failed)?;
    file.sync_all().map_err(&failed)?;
    sync_directory(&path.join("tree"))
        .and_then(|()| sync_directory(path))
        .map_err(&failed)?;
    Ok(())
}
