//! Reads the files of log and archive without opening them as a store does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::archive::{LONGEST, Place, SEGMENT_HEADER, numbers};
use super::super::files::segment_name;
use super::super::frame;
use super::report::Damage;

/// Bytes before a record in the archive: its length and its checksum.
const RECORD_HEADER: usize = 8;

/// The archive of a store, to be read.
pub(super) struct Segments {
    directory: PathBuf,
    open: BTreeMap<u32, Option<File>>,
}

impl Segments {
    pub(super) fn of(directory: PathBuf) -> Self {
        Self {
            directory,
            open: BTreeMap::new(),
        }
    }

    /// The record at a place, if it is there as it was written.
    pub(super) fn read(&mut self, place: Place) -> Option<Vec<u8>> {
        if self.open.len() > 64 {
            self.open.clear();
        }
        let path = self.directory.join(segment_name(place.segment));
        let file = self
            .open
            .entry(place.segment)
            .or_insert_with(|| File::open(path).ok());
        if place.length as usize > LONGEST {
            return None;
        }
        let mut bytes = vec![0; RECORD_HEADER + place.length as usize];
        let file = file.as_ref()?;
        file.read_exact_at(&mut bytes, u64::from(place.offset))
            .ok()?;
        let record = bytes.split_off(RECORD_HEADER);
        let sound = bytes[..4] == place.length.to_le_bytes()
            && bytes[4..] == crc32fast::hash(&record).to_le_bytes();
        sound.then_some(record)
    }

    /// Every sound record of the archive, with its place, in the order in which they were written.
    pub(super) fn all(&self, mut visit: impl FnMut(Place, &[u8])) -> io::Result<()> {
        let mut segments = numbers(&self.directory)?;
        segments.sort_unstable();
        for segment in segments {
            let bytes = std::fs::read(self.directory.join(segment_name(segment)))?;
            let mut at = SEGMENT_HEADER;
            while at + RECORD_HEADER < bytes.len() {
                match record_at(&bytes, at) {
                    Some(record) => {
                        let place = Place {
                            segment,
                            offset: at as u32,
                            length: record.len() as u32,
                        };
                        visit(place, record);
                        at += RECORD_HEADER + record.len();
                    }
                    // What a crash left, or damage: the next one is somewhere behind.
                    None => at += 1,
                }
            }
        }
        Ok(())
    }
}

fn record_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if length == 0 || length > LONGEST {
        return None;
    }
    let record = rest.get(..length)?;
    (crc32fast::hash(record).to_le_bytes() == *sum).then_some(record)
}

/// The groups of a store's log: the payload of every sound one.
#[derive(Default)]
pub(super) struct Groups {
    pub payloads: BTreeMap<u64, Vec<u8>>,
}

impl Groups {
    /// Reads the log in `directory` of the store with that seed. A file that cannot be read is added to `damages`.
    pub(super) fn read(
        directory: &Path,
        seed: &[u8; 32],
        damages: &mut Vec<Damage>,
    ) -> io::Result<Self> {
        let key = frame::key(seed);
        let mut groups = Self::default();
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(groups),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if !name.ends_with(".log") {
                continue;
            }
            match std::fs::read(&path) {
                Ok(bytes) => {
                    for (number, payload) in frame::every_group(&bytes, &key) {
                        groups.payloads.insert(number, payload.to_vec());
                    }
                }
                Err(error) => damages.push(Damage::new(
                    "the log",
                    format!("log/{name}"),
                    "a file of the log",
                    error.to_string(),
                )),
            }
        }
        Ok(groups)
    }
}
