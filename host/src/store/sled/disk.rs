//! The sled tree: opening it, values longer than one key takes, making it durable.
//!
//! Two things that sled 0.34 does not do are done here. On Linux its `flush` ends in
//! `sync_file_range`, which leaves the device's cache and the file's length alone: an `fdatasync`
//! follows. And a tree node above 128 KiB (a quarter of a segment) goes to a file of its own that
//! is never synced, so no value here is longer than [`long::PIECE`]: a leaf has at most 20 of them, also
//! right after a merge, and stays below.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sled::{Batch, IVec};

use super::archive::Archive;
use super::codec::damaged;
use super::failpoint::{FailPoint, Write};
use super::failure::{OpenError, from_sled, io, unusable};
use super::files::sync_directory;
use super::keys;
use super::long::{self, Long};
use super::marks::Marks;
use super::repair;
use super::scan::before_open;
use super::scan::generation::Tag;
use super::settings::SledSettings;
use super::tree::Tree;
use crate::store::StoreError;

/// See [`Disk::note`].
pub(super) const LOOKS: usize = 8;
/// The format that this build writes, and the newest it reads. 1 had no archive, 2 no digests of terms,
/// 3 kept bodies by workspace alone, 4 had no marks ([`super::marks`]) and no copy of the catalog, 5 kept all components
/// whole.
pub(super) const FORMAT: u32 = 6;

/// The open tree, and the archive beside it.
pub(super) struct Disk {
    pub db: Tree,
    pub archive: Archive,
    /// sled's flush waits for its own I/O threads and hangs with many callers; here it has one.
    flushing: Mutex<()>,
    marks: Arc<Marks>,
    /// The tree's, and what it begins with.
    generation: AtomicU64,
    tag: Tag,
    fail: FailPoint,
}

impl Disk {
    /// Opens or creates the tree in `settings.path` and returns it with the store's seed. The caller
    /// has the directory's [`DirectoryLock`](crate::store::directory_lock::DirectoryLock).
    pub(super) fn open(
        settings: &SledSettings,
        marks: &Arc<Marks>,
    ) -> Result<(Self, [u8; 32]), OpenError> {
        let (path, fail) = (settings.path.as_path(), settings.fail.clone());
        let tree = path.join("tree");
        repair::before_open(path, &tree).map_err(|error| unusable(&tree, &error))?;
        let noted = marks.noted();
        before_open::check(&tree, noted.tag, noted.generation, noted.tree_bytes)?;
        let db = Tree::open(&tree, settings.cache_bytes)?;
        let found = db.get(keys::FORMAT).map_err(from_sled)?;
        if let Some(found) = found {
            let found = found
                .as_ref()
                .try_into()
                .map(u32::from_le_bytes)
                .map_err(|_| damaged("the format number", "it has no four bytes"))?;
            if found > FORMAT {
                return Err(OpenError::Newer {
                    path: path.display().to_string(),
                    found,
                    known: FORMAT,
                });
            }
            if found < FORMAT {
                db.insert(keys::FORMAT, &FORMAT.to_le_bytes())
                    .map_err(from_sled)?;
            }
        } else {
            if !db.is_empty() {
                return Err(damaged("the format number", "it is missing").into());
            }
            let mut batch = Batch::default();
            batch.insert(keys::FORMAT, &FORMAT.to_le_bytes());
            batch.insert(keys::SEED, &settings.seed.unwrap_or_else(rand::random));
            batch.insert(keys::UPGRADED, &[]);
            db.apply_batch(batch).map_err(from_sled)?;
        }
        let seed = db.get(keys::SEED).map_err(from_sled)?;
        let seed = seed
            .as_ref()
            .and_then(|seed| seed.as_ref().try_into().ok())
            .ok_or_else(|| damaged("the seed", "it is missing or not 32 bytes"))?;
        let tag = Tag::of(&seed);
        let generation = db.get(keys::GENERATION).map_err(from_sled)?;
        let generation = generation.and_then(|value| tag.find(&value)).unwrap_or(0);
        if generation < noted.generation {
            let why = format!(
                "it is older than what was written last (generation {generation} of {})",
                noted.generation
            );
            return Err(damaged("the tree", &why).into());
        }
        let archive = path.join("archive");
        let disk = Self {
            db,
            archive: Archive::open(archive, settings.segment_bytes, marks.clone(), fail.clone())?,
            flushing: Mutex::new(()),
            marks: marks.clone(),
            generation: AtomicU64::new(generation),
            tag,
            fail,
        };
        disk.flush_catalog()?;
        // The names of new files are durable only with their directories.
        for directory in [&tree, path] {
            sync_directory(directory).map_err(|error| unusable(directory, &error))?;
        }
        Ok((disk, seed))
    }

    /// Has sled write down what it has in memory, durable or not.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let _one = self.flushing.lock();
        self.flush_tree()
    }

    /// Makes everything in the tree durable, and marks it: no start takes an older tree for this one.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let _one = self.flushing.lock();
        let generation = 1 + self.generation.load(Ordering::Relaxed);
        self.fail.before(Write::Flush)?;
        self.db
            .insert(keys::GENERATION, &self.tag.value(generation))
            .map_err(from_sled)?;
        self.generation.store(generation, Ordering::Relaxed);
        self.sync_tree()?;
        let bytes = self.db.file().metadata();
        let bytes = bytes.map_err(io("the tree cannot be looked at"))?.len();
        let segments = self.archive.durable();
        self.marks.change(|noted| {
            noted.tag = self.tag;
            noted.generation = generation;
            noted.tree_bytes = bytes;
            for (number, bytes) in segments {
                if let Some(noted) = noted.segments.get_mut(&number) {
                    *noted = bytes.max(*noted);
                }
            }
        })
    }

    /// Makes everything in the tree durable. A value that is lost again is found elsewhere: in the copy of the
    /// catalog, or in the log.
    pub(super) fn flush_catalog(&self) -> Result<(), StoreError> {
        let _one = self.flushing.lock();
        self.fail.before(Write::Flush)?;
        self.sync_tree()
    }

    /// Has the device write the pages that sled has given to the kernel so far: the next sync waits only for later ones.
    pub(super) fn sync_written(&self) -> Result<(), StoreError> {
        self.db
            .file()
            .sync_data()
            .map_err(io("the tree cannot be synced"))
    }

    fn sync_tree(&self) -> Result<(), StoreError> {
        self.flush_tree()?;
        self.sync_written()
    }

    /// The tree's generation.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// sled's own flush.
    fn flush_tree(&self) -> Result<(), StoreError> {
        self.db.flush().map(|_| ()).map_err(from_sled)
    }

    /// Tells sled that the page of `key` was looked at. Its cache takes note of pages only when
    /// 64 looks have gathered in one of 256 shards: pages that are looked at once each, as a
    /// scan does, would fill gigabytes before it lets go of any.
    /// With [`LOOKS`] looks a page, 2,048 pages are not noted at most.
    pub(super) fn note(&self, key: &[u8], looks: usize) -> Result<(), StoreError> {
        for _ in 0..looks {
            self.db.get(key).map_err(from_sled)?;
        }
        Ok(())
    }

    /// The whole value at `key`, however many pieces it has.
    pub(super) fn get_long(&self, key: &[u8]) -> Result<Option<Long>, StoreError> {
        match self.db.get(key).map_err(from_sled)? {
            Some(first) => self.gather(key, first).map(Some),
            None => Ok(None),
        }
    }

    /// The whole value at `key`, whose first piece is stored as `stored`.
    pub(super) fn gather(&self, key: &[u8], stored: IVec) -> Result<Long, StoreError> {
        long::gather(key, stored, |piece| self.db.get(piece).map_err(from_sled))
    }

    /// How many further pieces the value at `key` has; 0 if there is no value.
    pub(super) fn pieces_at(&self, key: &[u8]) -> Result<u32, StoreError> {
        match self.db.get(key).map_err(from_sled)? {
            Some(stored) => Ok(long::first(key, &stored)?.1),
            None => Ok(0),
        }
    }
}
