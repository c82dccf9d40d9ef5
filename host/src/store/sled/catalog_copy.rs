//! A second copy of the setup, in a file beside the tree: the keys and values as the tree has
//! them, each change behind the one before, under its revision and a checksum.
//!
//! A change is in this file, durably, before it is in the tree. So a start that finds the tree behind, after a
//! crash or because the end of its file was damaged, has it catch up. If both are at the same revision they are
//! the same, or one is damaged. The file has the store's seed, too, without which the log cannot be read.
//!
//! The file: [`MAGIC`], then frames, each a length, a CRC-32 and a [`Frame`]. The first has all that there was.
//! When the changes behind it take twice as much, the file is written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sled::Batch;

use super::catalog_frame::Frame;
use super::codec::damaged;
use super::disk::Disk;
use super::failpoint::{FailPoint, Write};
use super::failure::{from_sled, io};
use super::files::{CATALOG_COPY, sync_directory, write_durable};
use super::puts::Changes;
use super::shapes::read;
use super::{key_names, keys};
use crate::store::StoreError;

const MAGIC: &[u8; 8] = b"stepwcat";
/// Bytes of changes that are kept whatever the first frame has.
const KEEP: u64 = 256 * 1024;

/// Keys with their values, as the tree has them.
pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The content of the file.
#[derive(Debug)]
pub(super) struct CopyContent {
    pub revision: u64,
    pub seed: [u8; 32],
    pub entries: Entries,
    /// Entries of the audit log that were written or removed with a change, by its revision.
    audit: Vec<(u64, Vec<u8>, Option<Vec<u8>>)>,
    /// Bytes up to the end of the last sound frame.
    pub sound: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes up to the end of the first frame.
    first: u64,
}

impl CopyContent {
    /// Reads the copy of the store at `path`, up to the first frame that is not sound; none if there is no file.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if not even the first frame is sound.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = match std::fs::read(path.join(CATALOG_COPY)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("the copy of the catalog cannot be read")(error)),
        };
        let wrong = |why| damaged("the copy of the catalog", why);
        let mut rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| wrong("its beginning is not what was written"))?;
        let mut copied: Option<Self> = None;
        while let Some((frame, after)) = next(rest) {
            let frame: Frame = read(frame)?;
            let sound = (bytes.len() - after.len()) as u64;
            let copied = match (&mut copied, frame.seed) {
                (Some(copied), None) => copied,
                (none @ None, Some(seed)) => none.insert(Self {
                    revision: 0,
                    seed,
                    entries: Entries::new(),
                    audit: Vec::new(),
                    sound,
                    bytes: bytes.len() as u64,
                    first: sound,
                }),
                _ => return Err(wrong("its frames are out of order")),
            };
            copied.revision = frame.revision;
            copied.sound = sound;
            for (key, value) in frame.changes {
                if keys::is_audit(&key) {
                    copied.audit.push((frame.revision, key, value));
                    continue;
                }
                match value {
                    Some(value) => copied.entries.insert(key, value),
                    None => copied.entries.remove(&key),
                };
            }
            rest = after;
        }
        copied
            .map(Some)
            .ok_or_else(|| wrong("its first frame is not what was written"))
    }
}

/// The value of the first frame, if that is sound, and the bytes behind it.
fn next(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(value).to_le_bytes() == *sum).then_some((value, rest))
}

/// The copy of an open store. It belongs to who may change the catalog.
pub(super) struct CatalogCopy {
    path: PathBuf,
    seed: [u8; 32],
    file: File,
    /// Where the next frame goes.
    end: u64,
    /// Bytes up to the end of the first frame.
    first: u64,
    fail: FailPoint,
}

impl CatalogCopy {
    /// Opens the copy of the store at `path` and has tree and copy agree. `is_new` says that no copy is expected.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if both are at the same revision and differ.
    pub(super) fn open(
        path: &Path,
        disk: &Disk,
        seed: [u8; 32],
        fail: FailPoint,
        is_new: bool,
    ) -> Result<Self, StoreError> {
        let (revision, entries) = in_tree(disk)?;
        let copied = match CopyContent::read(path) {
            Err(StoreError::Damaged(error)) => {
                tracing::warn!(
                    error,
                    "the copy of the setup is damaged; it is written anew"
                );
                None
            }
            Ok(None) => {
                if !is_new {
                    tracing::warn!("the copy of the setup is missing; it is written anew");
                }
                None
            }
            Ok(Some(copied)) if copied.seed != seed => {
                let why = format!("it is not that of the file {CATALOG_COPY}");
                return Err(damaged("the store's seed", &why));
            }
            Ok(copied) => copied,
            Err(error) => return Err(error),
        };
        let Some(copied) = copied else {
            return Self::write(path, &entries, revision, seed, fail);
        };
        if copied.revision > revision {
            tracing::warn!(
                revision = copied.revision,
                found = revision,
                "the tree is behind with the setup and catches up with the copy"
            );
            catch_up(disk, revision, &entries, &copied)?;
            return Self::write(path, &copied.entries, copied.revision, seed, fail);
        }
        if copied.revision < revision {
            tracing::warn!(
                revision,
                found = copied.revision,
                "the copy of the setup is older than the tree; it is written anew"
            );
            return Self::write(path, &entries, revision, seed, fail);
        }
        if let Some(key) = difference(&entries, &copied.entries) {
            return Err(damaged(
                "the setup",
                &format!(
                    "{} is not in the tree as it is in the file {CATALOG_COPY}",
                    key_names::name_of(&key)
                ),
            ));
        }
        if copied.sound < copied.bytes || entries != copied.entries {
            return Self::write(path, &entries, revision, seed, fail);
        }
        let file = File::options().write(true).open(path.join(CATALOG_COPY));
        Ok(Self {
            path: path.to_owned(),
            seed,
            file: file.map_err(io("the copy of the catalog cannot be opened"))?,
            end: copied.sound,
            first: copied.first,
            fail,
        })
    }

    /// Writes the whole copy anew.
    fn write(
        path: &Path,
        entries: &Entries,
        revision: u64,
        seed: [u8; 32],
        fail: FailPoint,
    ) -> Result<Self, StoreError> {
        fail.before(Write::Copy)?;
        let end = write_whole(path, entries, revision, seed)?;
        let file = File::options().write(true).open(path.join(CATALOG_COPY));
        Ok(Self {
            path: path.to_owned(),
            seed,
            file: file.map_err(io("the copy of the catalog cannot be opened"))?,
            end,
            first: end,
            fail,
        })
    }

    /// Makes changes durable that lead to `revision`: first in the copy, then in the tree.
    pub(super) fn commit(
        &mut self,
        disk: &Disk,
        revision: u64,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        let before = self.append(disk, revision, changes)?;
        let committed = self.fail.before(Write::Registry).and_then(|()| {
            let mut batch = changes.batch();
            batch.insert(keys::REGISTRY_REVISION, &revision.to_be_bytes()[..]);
            disk.db.apply_batch(batch).map_err(from_sled)?;
            disk.flush_catalog()
        });
        if committed.is_err() {
            // It was refused, so that it is not to be made by the next start.
            let taken_back = self.file.set_len(before);
            if let Err(error) = taken_back.and_then(|()| self.file.sync_data()) {
                tracing::warn!(%error, "a refused change of the setup may be made by the next start");
            }
            self.end = before;
        }
        committed
    }

    /// Writes the whole copy anew, of what the tree has.
    pub(super) fn write_anew(&mut self, disk: &Disk) -> Result<(), StoreError> {
        let (revision, entries) = in_tree(disk)?;
        *self = Self::write(&self.path, &entries, revision, self.seed, self.fail.clone())?;
        Ok(())
    }

    /// Appends a change, durably. Returns where it begins.
    fn append(&mut self, disk: &Disk, revision: u64, changes: &Changes) -> Result<u64, StoreError> {
        if self.end - self.first > self.first.max(KEEP) {
            self.write_anew(disk)?;
        }
        // What the tree has to catch up with: the change with its entry of the audit log.
        let is_own = |key: &[u8]| keys::is_catalog(key) || keys::is_audit(key);
        let own = changes.iter().filter(|(key, _)| is_own(key));
        let frame = Frame {
            revision,
            seed: None,
            changes: own.cloned().collect(),
        };
        let bytes = frame.framed()?;
        self.fail.before(Write::Copy)?;
        self.file
            .write_all_at(&bytes, self.end)
            .and_then(|()| self.file.sync_data())
            .map_err(io("the copy of the catalog cannot be written"))?;
        let before = self.end;
        self.end += bytes.len() as u64;
        Ok(before)
    }
}

/// Writes a copy for the store at `path`, durably. Returns its bytes.
pub(super) fn write_whole(
    path: &Path,
    entries: &Entries,
    revision: u64,
    seed: [u8; 32],
) -> Result<u64, StoreError> {
    let changes = entries.iter();
    let frame = Frame {
        revision,
        seed: Some(seed),
        changes: changes
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect(),
    };
    let bytes = [&MAGIC[..], &frame.framed()?].concat();
    write_durable(path, &path.join(CATALOG_COPY), &bytes)
        .and_then(|()| sync_directory(path))
        .map_err(io("the copy of the catalog cannot be written"))?;
    Ok(bytes.len() as u64)
}

/// The catalog as the tree has it, with its revision.
fn in_tree(disk: &Disk) -> Result<(u64, Entries), StoreError> {
    let mut entries = Entries::new();
    for prefix in keys::CATALOG {
        for prefix in [prefix.to_vec(), [&b"x/"[..], prefix].concat()] {
            for entry in disk.db.scan_prefix(prefix) {
                let (key, value) = entry.map_err(from_sled)?;
                entries.insert(key.to_vec(), value.to_vec());
            }
        }
    }
    let revision = disk.db.get(keys::REGISTRY_REVISION).map_err(from_sled)?;
    Ok((revision_of(revision.as_deref())?, entries))
}

fn revision_of(value: Option<&[u8]>) -> Result<u64, StoreError> {
    match value {
        Some(value) => value
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| damaged("the revision of the setup", "it does not have 8 bytes")),
        None => Ok(0),
    }
}

/// The first key that two catalogs have different values of. A workspace whose erasure has come to its end may
/// stand in one.
fn difference(one: &Entries, other: &Entries) -> Option<Vec<u8>> {
    let all: BTreeSet<&Vec<u8>> = one.keys().chain(other.keys()).collect();
    all.into_iter()
        .find(|key| !key.starts_with(keys::ERASING) && one.get(*key) != other.get(*key))
        .cloned()
}

/// Has the tree have what the copy has.
fn catch_up(disk: &Disk, at: u64, there: &Entries, copied: &CopyContent) -> Result<(), StoreError> {
    let wanted = &copied.entries;
    let mut batch = Batch::default();
    let revision = copied.revision.to_be_bytes();
    batch.insert(keys::REGISTRY_REVISION, &revision[..]);
    for key in there.keys().filter(|key| !wanted.contains_key(*key)) {
        batch.remove(&key[..]);
    }
    for (key, value) in wanted {
        if there.get(key) != Some(value) {
            batch.insert(&key[..], &value[..]);
        }
    }
    for (_, key, value) in copied.audit.iter().filter(|(of, ..)| *of > at) {
        match value {
            Some(value) => batch.insert(&key[..], &value[..]),
            None => batch.remove(&key[..]),
        }
    }
    disk.db.apply_batch(batch).map_err(from_sled)?;
    disk.flush_catalog()
}
