//! The archive: records of tasks that are done, one behind the other in files that are only appended
//! to. Most tasks end so and are not touched again; a key of the tree for each would cost several
//! times what writing it down takes. Where each record is, [`super::places`] knows.
//!
//! A segment: 16 bytes of header (magic, version, number), then records, each after its length and
//! CRC-32. What was appended and never synced may be anything after a crash, and nothing points to it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::codec::damaged;
use super::disk::sync_directory;
use super::failpoint::{FailPoint, Write};
use super::failure::{OpenError, unusable};
use crate::store::StoreError;

const MAGIC: &[u8; 8] = b"stepwarc";
const VERSION: u32 = 1;
/// Bytes before a segment's first record.
pub(super) const SEGMENT_HEADER: usize = 16;
/// Bytes before a record: its length and its checksum.
const HEADER: usize = 8;
/// Bytes that are written in one go.
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

/// See the module's documentation.
pub(super) struct Archive {
    directory: PathBuf,
    segment_bytes: u64,
    end: Mutex<End>,
    reading: Mutex<HashMap<u32, Arc<File>>>,
    fail: FailPoint,
}

/// The segment that is appended to.
struct End {
    number: u32,
    /// None until something is written.
    file: Option<File>,
    /// Bytes of the segment, those in `buffer` included.
    bytes: u64,
    /// What is not written yet.
    buffer: Vec<u8>,
    /// The segment's name is not durable yet.
    is_new: bool,
}

fn failed(error: io::Error) -> StoreError {
    super::failure::io("the archive cannot be written")(error)
}

impl Archive {
    /// Opens the archive in `directory`; nothing need be there.
    pub(super) fn open(
        directory: PathBuf,
        segment_bytes: u64,
        fail: FailPoint,
    ) -> Result<Self, OpenError> {
        let unusable = |error: io::Error| unusable(&directory, &error);
        let mut last = 0;
        match std::fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry.map_err(unusable)?.path();
                    let number = path
                        .file_stem()
                        .and_then(|name| name.to_str()?.parse().ok());
                    last = last.max(number.unwrap_or(0));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error)),
        }
        let mut end = End {
            number: last + 1,
            file: None,
            bytes: 0,
            buffer: Vec::new(),
            is_new: true,
        };
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
                    number: last,
                    file: Some(file),
                    bytes,
                    buffer: Vec::new(),
                    is_new: false,
                };
            }
        }
        Ok(Self {
            directory,
            segment_bytes: segment_bytes.min(u64::from(u32::MAX) - 2 * LONGEST as u64),
            end: Mutex::new(end),
            reading: Mutex::default(),
            fail,
        })
    }

    /// Appends a record of at most [`LONGEST`] bytes. It can be read and is durable only after
    /// [`Archive::sync`].
    pub(super) fn append(&self, record: &[u8]) -> Result<Place, StoreError> {
        let mut end = self.end.lock();
        let framed = (HEADER + record.len()) as u64;
        if end.bytes > 0 && end.bytes + framed > self.segment_bytes {
            self.sync_end(&mut end)?;
            *end = End {
                number: end.number + 1,
                file: None,
                bytes: 0,
                buffer: std::mem::take(&mut end.buffer),
                is_new: true,
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
            self.write(&mut end)?;
        }
        Ok(place)
    }

    /// Makes durable what was appended.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.sync_end(&mut self.end.lock())
    }

    fn sync_end(&self, end: &mut End) -> Result<(), StoreError> {
        self.write(end)?;
        let Some(file) = &end.file else { return Ok(()) };
        self.fail.before(Write::Archive)?;
        file.sync_data().map_err(failed)?;
        if end.is_new {
            sync_directory(&self.directory).map_err(failed)?;
            if let Some(parent) = self.directory.parent() {
                sync_directory(parent).map_err(failed)?;
            }
            end.is_new = false;
        }
        Ok(())
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
            .map_err(|error| wrong(&error.to_string()))?;
        let record = bytes.split_off(HEADER);
        let sum = crc32fast::hash(&record).to_le_bytes();
        if bytes[..4] != place.length.to_le_bytes() || bytes[4..] != sum {
            return Err(wrong("it is not what was written"));
        }
        Ok(record)
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
        let file = Arc::new(file.map_err(|error| wrong(&error.to_string()))?);
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

fn path(directory: &Path, segment: u32) -> PathBuf {
    directory.join(format!("{segment:08}.tasks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &Path) -> Archive {
        Archive::open(directory.to_owned(), 4096, FailPoint::default()).unwrap()
    }

    #[test]
    fn what_is_appended_is_read_back_also_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("archive");
        let record = |n: u8| vec![n; 1000 + usize::from(n)];
        let mut places = Vec::new();
        for restart in 0..3u8 {
            let archive = open(&directory);
            for n in 0..5 {
                places.push((
                    5 * restart + n,
                    archive.append(&record(5 * restart + n)).unwrap(),
                ));
            }
            archive.sync().unwrap();
            for (n, place) in &places {
                assert_eq!(archive.read(*place).unwrap(), record(*n));
            }
        }
        let segments = places.iter().map(|(_, place)| place.segment);
        // Four of them fit into one.
        assert_eq!(segments.max(), Some(4));
    }

    #[test]
    fn what_was_never_synced_is_written_over_by_nobody_and_does_no_harm() {
        let home = tempfile::tempdir().unwrap();
        let archive = open(home.path());
        let first = archive.append(b"first").unwrap();
        archive.sync().unwrap();
        // A crash in the middle of a write.
        let file = path(home.path(), 1);
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, [&whole[..], &[7; 11]].concat()).unwrap();
        let archive = open(home.path());
        let second = archive.append(b"second").unwrap();
        archive.sync().unwrap();
        assert_eq!(archive.read(first).unwrap(), b"first");
        assert_eq!(archive.read(second).unwrap(), b"second");
        // One that has not even a header begins anew.
        std::fs::write(path(home.path(), 2), b"ste").unwrap();
        let archive = open(home.path());
        let third = archive.append(b"third").unwrap();
        archive.sync().unwrap();
        assert_eq!(third.segment, 3);
        assert_eq!(archive.read(third).unwrap(), b"third");
        assert_eq!(archive.read(second).unwrap(), b"second");
    }

    #[test]
    fn a_flipped_byte_is_damage() {
        let home = tempfile::tempdir().unwrap();
        let archive = open(home.path());
        let place = archive.append(b"a record").unwrap();
        archive.sync().unwrap();
        let file = path(home.path(), 1);
        let whole = std::fs::read(&file).unwrap();
        for at in SEGMENT_HEADER..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            let read = archive.read(place);
            assert!(matches!(read, Err(StoreError::Damaged(_))), "{at}");
        }
        std::fs::remove_file(&file).unwrap();
        let error = open(home.path()).read(place).unwrap_err().to_string();
        assert!(error.contains("at byte 16 of segment 1"), "{error}");
    }
}
