//! The archive: records of tasks that are done, one behind the other in files that are only appended
//! to. Most tasks end so and are not touched again; a key of the tree for each would cost several
//! times what writing it down takes. Where each record is, [`super::places`] knows.
//!
//! Each day has segments of its own, so that tasks whose retention has ended on one day leave whole files
//! behind, which are removed; [`super::purge`] does it.
//!
//! A segment: 16 bytes of header (magic, version, number), then records, each after its length and
//! CRC-32. Bytes that were appended and never synced may be anything after a crash, and nothing points to them.

mod closed;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::codec::damaged;
use super::failpoint::{FailPoint, Write};
use super::failure::{OpenError, unusable};
use super::files::{segment_name, sync_directory};
use super::marks::Marks;
use super::shapes::record::Record;
use crate::domain::clock::Millis;
use crate::domain::retention::DAY;
use crate::store::StoreError;

const MAGIC: &[u8; 8] = b"stepwarc";
const VERSION: u32 = 1;
/// Bytes before a segment's first record.
pub(super) const SEGMENT_HEADER: usize = 16;
/// Bytes before a record: its length and its checksum.
const HEADER: usize = 8;
/// Bytes that are written in one go, and then synced: the committer's sync waits for what others have written.
const BLOCK: usize = 1024 * 1024;
/// A longer record goes into the tree, in pieces.
pub(super) const LONGEST: usize = 256 * 1024;
/// Segments whose files are kept open to be read.
const OPEN: usize = 64;

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The segment's number, from 1.
    pub segment: u32,
    /// Where the record's header begins in it.
    pub offset: u32,
    /// Bytes of the record.
    pub length: u32,
}

pub(super) struct Archive {
    directory: PathBuf,
    segment_bytes: u64,
    end: Mutex<End>,
    /// The number of the next segment that is begun.
    next: AtomicU32,
    reading: Mutex<HashMap<u32, Arc<File>>>,
    marks: Arc<Marks>,
    /// Bytes of the segments that were appended to since the start, as far as they are durable.
    durable: Mutex<HashMap<u32, u64>>,
    fail: FailPoint,
}

/// A segment that is appended to.
pub(super) struct End {
    number: u32,
    /// The day, counted from 1970, on which its first task came to its end; none if it has no task.
    day: Option<u64>,
    /// None until something is written.
    file: Option<File>,
    /// Bytes of the segment, those in `buffer` included.
    bytes: u64,
    /// Bytes that are not written yet.
    buffer: Vec<u8>,
    /// The segment's name is not durable yet.
    is_new: bool,
}

impl End {
    fn new(number: u32) -> Self {
        Self {
            number,
            day: None,
            file: None,
            bytes: 0,
            buffer: Vec::new(),
            is_new: true,
        }
    }

    /// Whether a record of that day is not to be put in. One of the day before may be: around
    /// midnight tasks do not come in the order in which they ended.
    fn is_of_another(&self, day: u64) -> bool {
        self.day
            .is_some_and(|own| own != day && own != day.saturating_add(1))
    }
}

/// The error for a segment that could not be read: `wrong` if it is not there, or ends too early. That there are too
/// many open files, or that the disk fails, says nothing of the data on it.
fn unread(error: &io::Error, wrong: impl Fn(&str) -> StoreError) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => wrong(&error.to_string()),
        _ => StoreError::unavailable(format!("the archive cannot be read: {error}")),
    }
}

fn failed(error: io::Error) -> StoreError {
    super::failure::io("the archive cannot be written")(error)
}

impl Archive {
    /// Opens the archive in `directory`; nothing need be there.
    pub(super) fn open(
        directory: PathBuf,
        segment_bytes: u64,
        marks: Arc<Marks>,
        fail: FailPoint,
    ) -> Result<Self, OpenError> {
        let unusable = |error: io::Error| unusable(&directory, &error);
        let last = numbers(&directory).map_err(unusable)?.into_iter().max();
        let last = last.unwrap_or(0);
        let mut end = End::new(last + 1);
        // The last one is gone on with, so that a server that is often restarted does not make
        // many small ones; behind what a crash may have left there.
        if last > 0 {
            let mut options = File::options();
            let file = options.read(true).write(true).open(path(&directory, last));
            let file = file.map_err(unusable)?;
            let mut header = [0; SEGMENT_HEADER];
            if file.read_exact_at(&mut header, 0).is_ok() {
                check_header(&header)?;
            }
            let bytes = file.metadata().map_err(unusable)?.len();
            if (SEGMENT_HEADER as u64..segment_bytes).contains(&bytes) {
                end = End {
                    day: first_day(&file),
                    file: Some(file),
                    bytes,
                    is_new: false,
                    ..End::new(last)
                };
            }
        }
        Ok(Self {
            directory,
            segment_bytes: segment_bytes.min(u64::from(u32::MAX) - 2 * LONGEST as u64),
            next: AtomicU32::new(end.number + 1),
            end: Mutex::new(end),
            reading: Mutex::default(),
            marks,
            durable: Mutex::default(),
            fail,
        })
    }

    /// Appends a record of at most [`LONGEST`] bytes, of a task that ended at `ended`. It can be read
    /// and is durable only after [`Archive::sync`].
    pub(super) fn append(&self, record: &[u8], ended: Millis) -> Result<Place, StoreError> {
        let mut end = self.end.lock();
        let day = ended / DAY;
        if end.bytes > 0 && end.is_of_another(day) {
            self.sync_end(&mut end)?;
            *end = self.begin();
        }
        end.day.get_or_insert(day);
        self.append_to(&mut end, record)
    }

    /// Begins a segment for records that are moved.
    pub(super) fn begin(&self) -> End {
        End::new(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// [`Archive::append`] to a segment of one's own; [`Archive::sync_end`] makes it durable.
    pub(super) fn append_to(&self, end: &mut End, record: &[u8]) -> Result<Place, StoreError> {
        let framed = (HEADER + record.len()) as u64;
        if end.bytes > 0 && end.bytes + framed > self.segment_bytes {
            self.sync_end(end)?;
            *end = End {
                day: end.day,
                buffer: std::mem::take(&mut end.buffer),
                ..self.begin()
            };
        }
        if end.bytes == 0 {
            let header = segment_header(end.number);
            end.buffer.extend_from_slice(&header);
            end.bytes = SEGMENT_HEADER as u64;
        }
        // Both bounds are far below 4 GiB.
        let place = Place {
            segment: end.number,
            offset: end.bytes as u32,
            length: record.len() as u32,
        };
        end.buffer.extend_from_slice(&place.length.to_le_bytes());
        let sum = crc32fast::hash(record);
        end.buffer.extend_from_slice(&sum.to_le_bytes());
        end.buffer.extend_from_slice(record);
        end.bytes += framed;
        if end.buffer.len() >= BLOCK {
            self.write(end)?;
            if let Some(file) = &end.file {
                file.sync_data().map_err(failed)?;
            }
        }
        Ok(place)
    }

    /// Makes the appended bytes durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.sync_end(&mut self.end.lock())
    }

    /// Makes the bytes durable that were appended to a segment of the caller's own.
    pub(super) fn sync_end(&self, end: &mut End) -> Result<(), StoreError> {
        self.write(end)?;
        let Some(file) = &end.file else { return Ok(()) };
        self.fail.before(Write::Archive)?;
        file.sync_data().map_err(failed)?;
        if end.is_new {
            sync_directory(&self.directory).map_err(failed)?;
            if let Some(parent) = self.directory.parent() {
                sync_directory(parent).map_err(failed)?;
            }
            self.marks.change(|noted| {
                noted.segments.insert(end.number, end.bytes);
            })?;
            end.is_new = false;
        }
        self.durable.lock().insert(end.number, end.bytes);
        Ok(())
    }

    /// Bytes of the segments that were appended to since the start, as far as they are durable.
    pub(super) fn durable(&self) -> Vec<(u32, u64)> {
        self.durable
            .lock()
            .iter()
            .map(|(number, bytes)| (*number, *bytes))
            .collect()
    }

    fn write(&self, end: &mut End) -> Result<(), StoreError> {
        if end.buffer.is_empty() {
            return Ok(());
        }
        self.fail.before(Write::Archive)?;
        if end.file.is_none() {
            std::fs::create_dir_all(&self.directory).map_err(failed)?;
            let mut options = File::options();
            // One that is there has not even a header.
            options.create(true).truncate(true).write(true);
            let file = options.open(path(&self.directory, end.number));
            end.file = Some(file.map_err(failed)?);
        }
        if let Some(file) = &end.file {
            let at = end.bytes - end.buffer.len() as u64;
            file.write_all_at(&end.buffer, at).map_err(failed)?;
        }
        end.buffer.clear();
        Ok(())
    }

    /// A record.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not there as it was appended.
    pub(super) fn read(&self, place: Place) -> Result<Vec<u8>, StoreError> {
        let wrong = |why: &str| {
            let Place {
                segment, offset, ..
            } = place;
            let why = format!("at byte {offset} of segment {segment}: {why}");
            damaged("a record in the archive", &why)
        };
        let file = self.file(place.segment, wrong)?;
        if place.length as usize > LONGEST {
            return Err(wrong("it is said to be longer than any"));
        }
        let mut bytes = vec![0; HEADER + place.length as usize];
        file.read_exact_at(&mut bytes, u64::from(place.offset))
            .map_err(|error| unread(&error, wrong))?;
        let record = bytes.split_off(HEADER);
        let sum = crc32fast::hash(&record).to_le_bytes();
        if bytes[..4] != place.length.to_le_bytes() || bytes[4..] != sum {
            return Err(wrong("it is not what was written"));
        }
        Ok(record)
    }

    /// Closes the segment that is appended to, if its tasks ended before the day of `now`.
    pub(super) fn close_before(&self, now: Millis) -> Result<(), StoreError> {
        let mut end = self.end.lock();
        if end.bytes > 0 && end.day.is_none_or(|day| day < now / DAY) {
            self.sync_end(&mut end)?;
            *end = self.begin();
        }
        Ok(())
    }

    /// A segment's file, to be read; `wrong` says that it cannot be.
    fn file(
        &self,
        segment: u32,
        wrong: impl Fn(&str) -> StoreError,
    ) -> Result<Arc<File>, StoreError> {
        let mut reading = self.reading.lock();
        if let Some(file) = reading.get(&segment) {
            return Ok(file.clone());
        }
        let file = File::open(path(&self.directory, segment));
        let file = Arc::new(file.map_err(|error| unread(&error, &wrong))?);
        let mut header = [0; SEGMENT_HEADER];
        if file.read_exact_at(&mut header, 0).is_ok() {
            check_header(&header)?;
        }
        if reading.len() >= OPEN {
            reading.clear();
        }
        reading.insert(segment, file.clone());
        Ok(file)
    }
}

/// The first bytes of a segment.
pub(super) fn segment_header(number: u32) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..].copy_from_slice(&number.to_le_bytes());
    header
}

/// Refuses a segment of a newer version. One without a header was left by a crash, and what was
/// appended to it since is sound.
pub(super) fn check_header(header: &[u8; SEGMENT_HEADER]) -> Result<(), StoreError> {
    let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *header;
    let found = u32::from_le_bytes([a, b, c, d]);
    if header.starts_with(MAGIC) && found > VERSION {
        return Err(StoreError::NewerValue {
            kind: "a segment of the archive",
            found,
            known: VERSION,
        });
    }
    Ok(())
}

/// The day on which the task of a segment's first record came to its end, if there is one.
fn first_day(file: &File) -> Option<u64> {
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, SEGMENT_HEADER as u64)
        .ok()?;
    let length = u32::from_le_bytes(*header.first_chunk()?) as usize;
    if length > LONGEST {
        return None;
    }
    let mut record = vec![0; length];
    file.read_exact_at(&mut record, (SEGMENT_HEADER + HEADER) as u64)
        .ok()?;
    Some(Record::decode(&record).ok()?.head().ok()?.updated / DAY)
}

/// The numbers of the segments in a directory, which need not be there.
pub(super) fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let number = path.file_stem().and_then(|name| name.to_str());
        numbers.extend(number.and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(numbers)
}

fn path(directory: &Path, segment: u32) -> PathBuf {
    directory.join(segment_name(segment))
}
