//! Puts a sound store in the place of a damaged one.
//!
//! The new store is written beside the old one and read to its last byte before it takes its place. The old one
//! stays, under another name. Large files that do not change (the archive, components and bodies) are in both,
//! under two names of one file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::super::directory_lock;
use super::super::failure::{OpenError, io as failing, unusable};
use super::super::files::{MARKS, sync_directory};
use super::check::read_and_try;
use super::read::Salvage;
use super::report::Repaired;
use super::trial;
use super::write::write;
use crate::store::StoreError;
use crate::store::directory_lock::DirectoryLock;

/// How often a store is written that is not sound.
const TRIES: u32 = 3;

/// Repairs the store at `path`, if anything in it is damaged. Blocks on the disk.
///
/// # Errors
/// As [`super::check()`]; or the repaired store cannot be written. Then the store is as it was.
pub fn repair(path: &Path) -> Result<Repaired, OpenError> {
    finish(path)?;
    if !path.is_dir() {
        return Err(unusable(path, &"there is no store"));
    }
    let _lock = directory_lock::take(path)?;
    let salvage = read_and_try(path)?;
    if salvage.damages.is_empty() {
        return Ok(Repaired {
            kept: None,
            tasks: salvage.tasks.all.len() + salvage.log.accepted.len(),
            damages: Vec::new(),
        });
    }
    replace(salvage, path)
}

/// Repairs the store at `path` if all of it is read and is sound, and sled does not open its tree all the same: so
/// nothing is lost. None if anything else is wrong, or nothing; then it is as it was. Blocks on the disk.
///
/// # Errors
/// As those of [`repair`].
pub fn repair_unopened(path: &Path) -> Result<Option<Repaired>, OpenError> {
    if !path.is_dir() {
        return Ok(None);
    }
    let _lock = directory_lock::take(path)?;
    let mut salvage = Salvage::read(path)?;
    if !salvage.damages.is_empty() {
        return Ok(None);
    }
    let damage = trial::open_a_copy(path, &salvage)?;
    salvage.damages.extend(damage);
    match salvage.damages.is_empty() {
        true => Ok(None),
        false => replace(salvage, path).map(Some),
    }
}

/// Replaces the store at `path` by one of the values that were read.
fn replace(salvage: Salvage, path: &Path) -> Result<Repaired, OpenError> {
    let failed = failing("the repaired store cannot take its place");
    let new = beside(path, "repaired");
    let mut tries = 0;
    loop {
        if new.exists() {
            fs::remove_dir_all(&new).map_err(&failed)?;
        }
        write(&salvage, path, &new)?;
        let again = read_and_try(&new)?;
        let Some(damage) = again.damages.first() else {
            break;
        };
        let why = format!("{}: {}", damage.kind, damage.what);
        tries += 1;
        if tries == TRIES {
            fs::remove_dir_all(&new).map_err(&failed)?;
            return Err(
                StoreError::Damaged(format!("the repaired store has damage, too: {why}")).into(),
            );
        }
        tracing::warn!(why, "the repaired store is not sound and is written again");
    }
    let kept = (1..).map(|number| beside(path, &format!("damaged-{number}")));
    let kept = kept.take(10_000).find(|kept| !kept.exists());
    let kept = kept.ok_or_else(|| unusable(path, &"there are 10,000 damaged stores beside it"))?;
    take_place(&new, path, &kept).map_err(&failed)?;
    sync_parent(path)?;
    Ok(Repaired {
        kept: Some(kept.display().to_string()),
        tasks: salvage.tasks.all.len() + salvage.log.accepted.len(),
        damages: salvage.damages,
    })
}

/// Has the store at `new` be at `path`, and the one from there at `kept`, where nothing is. There is always one at `path`,
/// if the file system can exchange two directories.
fn take_place(new: &Path, path: &Path, kept: &Path) -> io::Result<()> {
    fs::rename(new, kept)?;
    match renameat_with(CWD, kept, CWD, path, RenameFlags::EXCHANGE) {
        Ok(()) => return Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(kept, new)?,
        Err(error) => return Err(error.into()),
    }
    fs::rename(path, kept)?;
    fs::rename(new, path)
}

/// Whether a repair of the store at `path` was cut short as the new store was to take the old one's place: there is
/// nothing at `path` but the lock of a server that did not start, and the new store is whole. Then [`finish`] ends it.
pub fn is_cut_short(path: &Path) -> bool {
    let is_lock = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name() == DirectoryLock::FILE)
    };
    let is_there = match fs::read_dir(path) {
        Ok(mut entries) => !entries.all(is_lock),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    !is_there && beside(path, "repaired").join(MARKS).exists()
}

/// Ends a repair that was cut short. Says whether one was.
///
/// # Errors
/// The repaired store cannot take its place, or a server has the store open.
pub fn finish(path: &Path) -> Result<bool, OpenError> {
    if !is_cut_short(path) {
        return Ok(false);
    }
    let failed = failing("the repaired store cannot take its place");
    if path.exists() {
        let _lock = directory_lock::take(path)?;
        fs::remove_file(path.join(DirectoryLock::FILE)).map_err(&failed)?;
        fs::remove_dir(path).map_err(&failed)?;
    }
    fs::rename(beside(path, "repaired"), path).map_err(&failed)?;
    sync_parent(path)?;
    Ok(true)
}

/// A path beside the store: its name, a point and `ending`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

fn sync_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            sync_directory(parent).map_err(failing("the data directory cannot be synced"))
        }
        _ => Ok(()),
    }
}
