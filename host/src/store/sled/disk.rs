//! The sled tree: opening it, values longer than one key takes, making it durable.
//!
//! Two things that sled 0.34 does not do are done here. On Linux its `flush` ends in
//! `sync_file_range`, which leaves the device's cache and the file's length alone: an `fdatasync`
//! follows. And a tree node above 128 KiB (a quarter of a segment) goes to a file of its own that
//! is never synced, so no value here is longer than [`PIECE`]: a leaf has at most 20 of them, also
//! right after a merge, and stays below.

use std::fs::File;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use parking_lot::Mutex;
use sled::{Batch, IVec};

use super::archive::Archive;
use super::codec::{Parts, damaged};
use super::failpoint::{FailPoint, Write};
use super::failure::{OpenError, failed, io, unusable};
use super::files::sync_directory;
use super::keys;
use super::repair;
use super::settings::SledSettings;
use super::shapes::kind::kind;
use super::shapes::{Kind, Shape, read};
use crate::store::StoreError;

/// The longest value of one key, in bytes.
pub(super) const PIECE: usize = 6000;
/// See [`Disk::note`].
pub(super) const LOOKS: usize = 8;
/// How long a flush may take before it is looked after, see [`Disk::flush`].
const NUDGE: Duration = Duration::from_secs(1);
/// The format that this build writes, and the newest it reads. 1 had no archive, 2 no digests of terms,
/// 3 kept bodies by workspace alone.
pub(super) const FORMAT: u32 = 4;

/// The open tree, and the archive beside it.
pub(super) struct Disk {
    pub db: Tree,
    pub archive: Archive,
    /// sled's flush waits for its own I/O threads and hangs with many callers; here it has one.
    flushing: Mutex<()>,
    fail: FailPoint,
}

/// Takes the directory for this process.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    std::fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("lock"))
        .map_err(|error| unusable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(OpenError::Locked(path.display().to_string()))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

impl Disk {
    /// Opens or creates the tree in `settings.path` and returns it with the store's seed. The caller
    /// has the directory's [`lock`].
    pub(super) fn open(settings: &SledSettings) -> Result<(Self, [u8; 32]), OpenError> {
        let (path, fail) = (settings.path.as_path(), settings.fail.clone());
        let tree = path.join("tree");
        repair::before_open(path, &tree).map_err(|error| unusable(&tree, &error))?;
        let db = open_tree(&tree, settings.cache_bytes)?;
        let found = db.get(keys::FORMAT).map_err(failed)?;
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
                    .map_err(failed)?;
            }
        } else {
            if !db.is_empty() {
                return Err(damaged("the format number", "it is missing").into());
            }
            let mut batch = Batch::default();
            batch.insert(keys::FORMAT, &FORMAT.to_le_bytes());
            batch.insert(keys::SEED, &rand::random::<[u8; 32]>());
            batch.insert(keys::UPGRADED, &[]);
            db.apply_batch(batch).map_err(failed)?;
        }
        let seed = db.get(keys::SEED).map_err(failed)?;
        let seed = seed
            .as_ref()
            .and_then(|seed| seed.as_ref().try_into().ok())
            .ok_or_else(|| damaged("the seed", "it is missing or not 32 bytes"))?;
        let archive = path.join("archive");
        let disk = Self {
            db,
            archive: Archive::open(archive, settings.segment_bytes, fail.clone())?,
            flushing: Mutex::new(()),
            fail,
        };
        disk.flush()?;
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

    /// Makes everything in the tree durable.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let _one = self.flushing.lock();
        self.fail.before(Write::Flush)?;
        self.flush_tree()?;
        self.db
            .file
            .sync_data()
            .map_err(io("the tree cannot be synced"))
    }

    /// sled's own flush. If a write fails on a thread of sled's, sled notes it and leaves a flush that
    /// waits for it asleep; the next write finds the note and wakes all who wait.
    fn flush_tree(&self) -> Result<(), StoreError> {
        std::thread::scope(|scope| {
            let (over, is_over) = std::sync::mpsc::channel();
            scope.spawn(move || over.send(self.db.flush()));
            loop {
                match is_over.recv_timeout(NUDGE) {
                    Ok(flushed) => return flushed.map(|_| ()).map_err(failed),
                    Err(RecvTimeoutError::Timeout) => {
                        let _ = self.db.insert(keys::FORMAT, &FORMAT.to_le_bytes());
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(StoreError::unavailable("sled gave up flushing"));
                    }
                }
            }
        })
    }

    /// Tells sled that the page of `key` was looked at. Its cache takes note of pages only when
    /// 64 looks have come together in one of 256 shards: pages that are looked at once each, as a
    /// scan does, would fill gigabytes before it lets go of any.
    /// With [`LOOKS`] looks a page, 2,048 pages are not noted at most.
    pub(super) fn note(&self, key: &[u8], looks: usize) -> Result<(), StoreError> {
        for _ in 0..looks {
            self.db.get(key).map_err(failed)?;
        }
        Ok(())
    }

    /// The whole value at `key`, however many pieces it has.
    pub(super) fn get_long(&self, key: &[u8]) -> Result<Option<Long>, StoreError> {
        match self.db.get(key).map_err(failed)? {
            Some(first) => self.gather(key, first).map(Some),
            None => Ok(None),
        }
    }

    /// The whole value at `key` whose first piece is `first`.
    pub(super) fn gather(&self, key: &[u8], first: IVec) -> Result<Long, StoreError> {
        let pieces = pieces(&first)?;
        if pieces == 0 {
            return Ok(Long::Inline(first));
        }
        // A damaged count must not become an allocation.
        let mut bytes = Vec::with_capacity(PIECE * (1 + pieces.min(4096) as usize));
        bytes.extend_from_slice(&first);
        for piece in 1..=pieces {
            let next = self.db.get(keys::piece(key, piece)).map_err(failed)?;
            bytes.extend_from_slice(&next.ok_or_else(|| {
                damaged(
                    "a long value",
                    &format!("piece {piece} of {pieces} is gone"),
                )
            })?);
        }
        Ok(Long::Gathered(bytes))
    }

    /// Puts `bytes` at `key` in place of a value of `old` further pieces.
    pub(super) fn put_long(
        batch: &mut Batch,
        key: &[u8],
        bytes: &[u8],
        old: u32,
    ) -> Result<(), StoreError> {
        let (first, rest) = bytes.split_at(bytes.len().min(PIECE - HEADER));
        let further = u32::try_from(rest.len().div_ceil(PIECE))
            .map_err(|_| StoreError::Refused("a value of 4 GiB or more is not stored".into()))?;
        batch.insert(key, [&envelope(further), first].concat());
        for (piece, bytes) in (1..).zip(rest.chunks(PIECE)) {
            batch.insert(keys::piece(key, piece), bytes);
        }
        for piece in further + 1..=old {
            batch.remove(keys::piece(key, piece));
        }
        Ok(())
    }

    /// Removes the value at `key` with its `old` further pieces.
    pub(super) fn remove_long(batch: &mut Batch, key: &[u8], old: u32) {
        batch.remove(key);
        for piece in 1..=old {
            batch.remove(keys::piece(key, piece));
        }
    }

    /// How many further pieces the value at `key` has; 0 if there is no value.
    pub(super) fn pieces_at(&self, key: &[u8]) -> Result<u32, StoreError> {
        match self.db.get(key).map_err(failed)? {
            Some(first) => pieces(&first),
            None => Ok(0),
        }
    }
}

/// sled's database, with our own descriptor of its file, for `fdatasync`.
pub(super) struct Tree {
    db: Option<sled::Db>,
    file: File,
}

impl Deref for Tree {
    type Target = sled::Db;

    fn deref(&self) -> &sled::Db {
        match &self.db {
            Some(db) => db,
            None => unreachable!("it is taken out only as the tree is dropped"),
        }
    }
}

impl Drop for Tree {
    /// sled asserts that its file can be synced as it is closed. On a disk that fails it is let go of
    /// with the process instead.
    fn drop(&mut self) {
        let db = self.db.take();
        if let Err(error) = self.file.sync_all() {
            tracing::warn!(%error, "the tree could not be synced as it was closed; the log has it all");
            std::mem::forget(db);
        } else if std::panic::catch_unwind(AssertUnwindSafe(move || drop(db))).is_err() {
            tracing::warn!("the tree could not be closed in order; the log has it all");
        }
    }
}

fn open_tree(path: &Path, cache_bytes: u64) -> Result<Tree, OpenError> {
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(cache_bytes)
        .flush_every_ms(None);
    let mut tries = 0;
    loop {
        // sled asserts its way through a damaged file.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| damaged("the tree", "sled gave up reading it"))?;
        match opened {
            Ok(db) => {
                let file = File::open(path.join("db")).map_err(|error| unusable(path, &error))?;
                let db = Some(db);
                return Ok(Tree { db, file });
            }
            Err(sled::Error::Corruption { .. }) => {
                return Err(damaged("the tree", "sled finds it corrupt").into());
            }
            // The directory is ours, so a busy file is one that sled's threads are still
            // letting go after a close in this process.
            Err(sled::Error::Io(error))
                if error.kind() == std::io::ErrorKind::Other && tries < 50 =>
            {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(unusable(path, &error)),
        }
    }
}

/// Version byte and the number of further pieces.
pub(super) const HEADER: usize = 5;

/// What comes before a value's first piece.
pub(super) fn envelope(further: u32) -> [u8; HEADER] {
    let [a, b, c, d] = further.to_le_bytes();
    [Envelope::NEWEST, a, b, c, d]
}

/// What is in an envelope: the number of further pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope(u32);

kind!('a, Envelope, "a value's envelope", 1 => Envelope);

impl Shape<'_> for Envelope {
    /// The value follows it.
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        Parts::new(bytes, kind).u32().map(Self)
    }
}

/// How many further pieces the value has whose first piece this is.
pub(super) fn pieces(first: &[u8]) -> Result<u32, StoreError> {
    read::<Envelope>(first).map(|Envelope(further)| further)
}

/// A value that was put by [`Disk::put_long`], as it was put, or a record from the archive.
pub(super) enum Long {
    Archived(Vec<u8>),
    Inline(IVec),
    Gathered(Vec<u8>),
}

impl Deref for Long {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Archived(bytes) => bytes,
            Self::Inline(bytes) => &bytes[HEADER..],
            Self::Gathered(bytes) => &bytes[HEADER..],
        }
    }
}

impl Long {
    /// How many further pieces it has.
    pub(super) fn further(&self) -> u32 {
        let whole: &[u8] = match self {
            Self::Archived(_) => return 0,
            Self::Inline(bytes) => bytes,
            Self::Gathered(bytes) => bytes,
        };
        pieces(whole).unwrap_or(0)
    }
}
