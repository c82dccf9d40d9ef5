//! Opening the log: every group that is there, in order, whatever of the last one reached the disk.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::super::codec::damaged;
use super::super::failpoint::FailPoint;
use super::super::failure::{OpenError, io, unusable};
use super::super::frame::{self, HEADER, SLOT_HEADER};
use super::super::marks::Marks;
use super::LogWriter;
use super::file::number_of;
use super::slots::{ClosedSlot, Slots};
use crate::store::StoreError;

/// Opens the log in `directory` and hands every group from `low` on to `replay`, in order. Groups
/// up to `last` must be there; later ones were appended since.
pub(in super::super) fn open(
    directory: &Path,
    slot_bytes: u64,
    seed: &[u8; 32],
    (low, last): (u64, u64),
    marks: Arc<Marks>,
    fail: FailPoint,
    mut replay: impl FnMut(u64, &[u8]) -> Result<(), StoreError>,
) -> Result<(Arc<Slots>, LogWriter), OpenError> {
    let failed = |error: std::io::Error| unusable(directory, &error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut found = Vec::new();
    let mut next_name = 0;
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(number) = number_of(&path) else {
            continue;
        };
        next_name = next_name.max(number + 1);
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut header = [0; SLOT_HEADER];
        let read = file.read_exact_at(&mut header, 0);
        let first = match read {
            Ok(()) => frame::first_of_header(&header, directory)?,
            Err(_) => None,
        };
        found.push((first, path, file, bytes));
    }
    found.sort_by_key(|(first, ..)| *first);
    let slots = Arc::new(Slots {
        directory: directory.to_owned(),
        slot_bytes,
        closed: Mutex::default(),
        spares: Mutex::default(),
        next_name: AtomicU64::new(next_name),
        close: Mutex::default(),
        key: frame::key(seed),
        bytes: AtomicU64::new(0),
        marks,
        fail,
        making: Mutex::default(),
        is_used: Mutex::default(),
        used: Condvar::new(),
    });
    // None until the first slot that matters tells where the log begins.
    let mut next: Option<u64> = None;
    let mut newest = None;
    for (first, path, file, bytes) in found {
        let groups = match first {
            None if frame::begins_at(&file, &slots.key, low) => {
                let name = path.file_name().unwrap_or_default().display();
                let why = format!("the beginning of log/{name} is not what was written");
                return Err(damaged("the log", &why).into());
            }
            Some(first) => {
                let mut whole = vec![0; bytes as usize];
                file.read_exact_at(&mut whole, 0)
                    .map_err(io("the log cannot be read"))?;
                frame::read_slot(&whole, &slots.key, first)?
            }
            None => Vec::new(),
        };
        let first = first.unwrap_or(0);
        let end = first + groups.len() as u64;
        if groups.is_empty() || end <= low {
            slots.recycle(path, file, bytes)?;
            continue;
        }
        match next {
            None if first > low => {
                return Err(missing(low, first - 1).into());
            }
            Some(next) if first != next => {
                return Err(missing(next, first.saturating_sub(1)).into());
            }
            _ => {}
        }
        newest = groups.last().copied();
        let mut payload = Vec::new();
        for (number, (offset, length)) in (first..).zip(groups) {
            if number >= low {
                payload.resize(length, 0);
                file.read_exact_at(&mut payload, offset)
                    .map_err(io("the log cannot be read"))?;
                replay(number, &payload)?;
            }
        }
        next = Some(end);
        slots.bytes.fetch_add(bytes, Ordering::Relaxed);
        slots.closed.lock().push_back(ClosedSlot {
            path,
            file,
            last: end - 1,
            bytes,
        });
    }
    if let (Some((offset, length)), Some(slot)) = (newest, slots.closed.lock().back()) {
        // If its sync failed, it is whole in the page cache and may not be on the disk; the kernel
        // takes it for clean then. What follows stands on it, so it is written once more.
        let mut framed = vec![0; HEADER + length];
        let at = offset - HEADER as u64;
        let file = &slot.file;
        file.read_exact_at(&mut framed, at)
            .and_then(|()| file.write_all_at(&framed, at))
            .and_then(|()| file.sync_data())
            .map_err(io("the log cannot be written"))?;
    }
    let next = next.unwrap_or(low.max(1));
    if next <= last && low <= last {
        return Err(missing(next, last).into());
    }
    match slots.prepare().and_then(|()| slots.note_all()) {
        Ok(()) | Err(StoreError::Full) => {}
        Err(error) => return Err(error.into()),
    }
    let writer = LogWriter {
        slots: slots.clone(),
        current: None,
        next,
        torn: false,
        buffer: Vec::new(),
    };
    Ok((slots, writer))
}

fn missing(from: u64, to: u64) -> StoreError {
    damaged("the log", &format!("groups {from} to {to} are missing"))
}
