//! Recorded deliveries: two files for each workspace beside the tree, `deliveries/<workspace>/current` and `previous`.
//! They are appended to without a sync: after a crash of the process they are there, after one of the machine the
//! last ones may be missing. A full file takes the place of `previous`, so that a workspace has twice
//! [`limits::DELIVERIES_BYTES`] at most.
//!
//! A file begins with [`HEADER`]. A record is its length and CRC-32 (u32 each, little-endian), then the value. What
//! follows an incomplete record is not read, and is cut off before the next one is appended.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::shapes::{StoredValue, read};
use super::shared::Shared;
use crate::domain::clock::Millis;
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::store::StoreError;

/// The first bytes of a file; the last of them is the version of the layout.
const HEADER: &[u8; 8] = b"stepdlv\x01";
/// Bytes before a record's value.
const FRAME: usize = 8;
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

fn failed(error: io::Error) -> StoreError {
    super::failure::io("deliveries cannot be recorded")(error)
}

fn unreadable(error: &io::Error) -> StoreError {
    StoreError::unavailable(format!("recorded deliveries cannot be read: {error}"))
}

fn directory(shared: &Shared, workspace: &WorkspaceName) -> PathBuf {
    let all = shared.settings.path.join("deliveries");
    all.join(workspace.as_str())
}

/// Appends deliveries that came at revision `known` of the setup. Blocks on the disk.
pub(super) fn append(
    shared: &Shared,
    workspace: &WorkspaceName,
    known: u64,
    deliveries: &[Delivery],
) -> Result<(), StoreError> {
    let files = shared.deliveries.of(workspace);
    let mut is_sound = files.lock();
    shared.takes_new()?;
    shared.erasing.check(workspace)?;
    let deleted = shared.deleted.lock().get(workspace).copied();
    if deleted.is_some_and(|deleted| deleted > known) {
        return Err(StoreError::Erasing(workspace.clone()));
    }
    let mut frames = Vec::new();
    for delivery in deliveries {
        let at = frames.len();
        frames.extend_from_slice(&[0; FRAME]);
        delivery.write(&mut frames)?;
        let value = &frames[at + FRAME..];
        let length = u32::try_from(value.len()).map_err(StoreError::unavailable)?;
        let sum = crc32fast::hash(value);
        frames[at..at + 4].copy_from_slice(&length.to_le_bytes());
        frames[at + 4..at + FRAME].copy_from_slice(&sum.to_le_bytes());
    }
    let directory = directory(shared, workspace);
    fs::create_dir_all(&directory).map_err(failed)?;
    let path = directory.join(CURRENT);
    if !is_sound.0 {
        cut(&path).map_err(failed)?;
        is_sound.0 = true;
    }
    let size = match fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(error)),
    };
    let is_full = size > 0 && size + frames.len() as u64 > limits::DELIVERIES_BYTES;
    if is_full {
        fs::rename(&path, directory.join(PREVIOUS)).map_err(failed)?;
    }
    let mut file = OpenOptions::new();
    let mut file = file.append(true).create(true).open(&path).map_err(failed)?;
    if is_full || size == 0 {
        frames.splice(..0, HEADER.iter().copied());
    }
    let written = file.write_all(&frames);
    if written.is_err() {
        // It may have an incomplete record at its end now.
        is_sound.0 = false;
    }
    written.map_err(failed)
}

/// Cuts an incomplete record off the end of a file, or all of a file that is none.
fn cut(path: &Path) -> io::Result<()> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let sound = sound(&bytes).last().map_or(HEADER.len(), |(_, end)| end);
    if !bytes.starts_with(HEADER) {
        return fs::remove_file(path);
    }
    if sound < bytes.len() {
        let file: File = OpenOptions::new().write(true).open(path)?;
        file.set_len(sound as u64)?;
    }
    Ok(())
}

/// The values of a file in their order, each with its end.
fn sound(bytes: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = if bytes.starts_with(HEADER) {
        HEADER.len()
    } else {
        bytes.len()
    };
    std::iter::from_fn(move || {
        let number = |from: usize| {
            let bytes = bytes.get(from..from + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes))
        };
        let (length, sum) = (number(at)? as usize, number(at + 4)?);
        let end = at.checked_add(FRAME)?.checked_add(length)?;
        // Zeros would be sound.
        let value = bytes
            .get(at + FRAME..end)
            .filter(|value| !value.is_empty())?;
        at = end;
        (crc32fast::hash(value) == sum).then_some((value, end))
    })
}

/// The files of a workspace, the older one first. They are of one moment, and are what they are when others take their
/// names.
fn open(shared: &Shared, workspace: &WorkspaceName) -> io::Result<Vec<File>> {
    let directory = directory(shared, workspace);
    let files = shared.deliveries.of(workspace);
    let _steady = files.lock();
    let mut opened = Vec::new();
    for name in [PREVIOUS, CURRENT] {
        match File::open(directory.join(name)) {
            Ok(file) => opened.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(opened)
}

/// The recorded deliveries that are wanted, newest first, the newest [`limits::DELIVERIES`] of each webhook. Blocks on
/// the disk.
pub(super) fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &DeliveryQuery,
) -> Result<Vec<Delivery>, StoreError> {
    shared.check_disk()?;
    if shared.erasing.has(workspace) {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for mut file in open(shared, workspace).map_err(|error| unreadable(&error))? {
        let mut bytes = Vec::new();
        // What is appended meanwhile may be there in part, which is not read.
        let read_whole = file.read_to_end(&mut bytes);
        read_whole.map_err(|error| unreadable(&error))?;
        for (value, _) in sound(&bytes) {
            all.push(read::<Delivery>(value)?);
        }
    }
    all.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    let mut of_webhook: HashMap<String, usize> = HashMap::new();
    all.retain(|delivery| {
        let count = of_webhook.entry(delivery.webhook.clone()).or_default();
        *count += 1;
        *count <= limits::DELIVERIES && query.fits(delivery)
    });
    Ok(all)
}

/// Removes files to which nothing was appended for [`limits::DELIVERY_DAYS`]. Blocks on the disk.
pub(super) fn forget_old(shared: &Shared, now: Millis) -> Result<(), StoreError> {
    let all = shared.settings.path.join("deliveries");
    let days = Duration::from_secs(86_400 * limits::DELIVERY_DAYS);
    let oldest = UNIX_EPOCH + Duration::from_millis(now);
    let Some(oldest) = oldest.checked_sub(days) else {
        return Ok(());
    };
    let workspaces = match fs::read_dir(&all) {
        Ok(workspaces) => workspaces,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(&error)),
    };
    for workspace in workspaces {
        let entry = workspace.map_err(|error| unreadable(&error))?;
        let name = entry.file_name();
        let Some(Ok(workspace)) = name.to_str().map(str::parse::<WorkspaceName>) else {
            continue;
        };
        let files = shared.deliveries.of(&workspace);
        let mut is_sound = files.lock();
        is_sound.0 = false;
        for name in [PREVIOUS, CURRENT] {
            let path = entry.path().join(name);
            let appended_at = fs::metadata(&path).and_then(|found| found.modified());
            if appended_at.is_ok_and(|at| at < oldest) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Removes all recorded deliveries of a workspace. Blocks on the disk.
pub(super) fn remove_all(shared: &Shared, workspace: &WorkspaceName) -> Result<(), StoreError> {
    let files = shared.deliveries.of(workspace);
    let mut is_sound = files.lock();
    is_sound.0 = false;
    let removed = match fs::remove_dir_all(directory(shared, workspace)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    };
    drop(is_sound);
    drop(files);
    shared.deliveries.forget(workspace);
    removed
}
