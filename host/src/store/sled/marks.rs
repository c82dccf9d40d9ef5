//! Records which parts must exist: the generation of the tree, the files of the log, the segments of the archive. It
//! stands in a file beside them, so that a start notices a part that is missing, cut, or older than it was.
//!
//! The file is replaced as a whole, and before or after what it speaks of, so that after a crash it never
//! asks for more than there is: a file is noted once it is durable, and forgotten before it is removed; a
//! generation is noted once the tree has it durably. It is written when files come and go, with checkpoints that
//! let go of log, and at a start and an end: never for a task.
//!
//! [`Acknowledged`] is a second file, for the number of the log's last group. It is written beside
//! checkpoints without waiting for the disk; so it may be behind.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::codec::damaged;
use super::failpoint::{FailPoint, Write};
use super::failure::io;
use super::files::{MARKS, UNFINISHED, write_durable};
use super::scan::generation::Tag;
use super::shapes::kind::{kind, postcard_shapes, push};
use super::shapes::read;
use crate::store::StoreError;

const MAGIC: &[u8; 8] = b"stepwmrk";

/// The parts that must exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StoreMarks {
    /// The prefix of the tree's generations.
    pub tag: Tag,
    /// The generation that the tree has at least.
    pub generation: u64,
    /// Bytes of the tree's file at that time.
    pub tree_bytes: u64,
    /// The files of the log, by their numbers, with their bytes.
    pub slots: BTreeMap<u64, u64>,
    /// The segments of the archive, with the bytes that they have at least.
    pub segments: BTreeMap<u32, u64>,
}

/// See [`StoreMarks`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct V1 {
    tag: [u8; 8],
    generation: u64,
    tree_bytes: u64,
    slots: Vec<(u64, u64)>,
    segments: Vec<(u32, u64)>,
}

kind!('a, StoreMarks, "the marks of the store's parts", 1 => V1);
postcard_shapes!('a, V1);

impl From<&StoreMarks> for V1 {
    fn from(noted: &StoreMarks) -> Self {
        Self {
            tag: noted.tag.0,
            generation: noted.generation,
            tree_bytes: noted.tree_bytes,
            slots: noted.slots.clone().into_iter().collect(),
            segments: noted.segments.clone().into_iter().collect(),
        }
    }
}

impl From<V1> for StoreMarks {
    fn from(shape: V1) -> Self {
        Self {
            tag: Tag(shape.tag),
            generation: shape.generation,
            tree_bytes: shape.tree_bytes,
            slots: shape.slots.into_iter().collect(),
            segments: shape.segments.into_iter().collect(),
        }
    }
}

impl StoreMarks {
    /// The bytes of the file.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut value = Vec::new();
        push(&mut value, 1, &V1::from(self))?;
        let sum = crc32fast::hash(&value).to_le_bytes();
        Ok([MAGIC, &sum[..], &value].concat())
    }

    /// Reads the bytes of the file.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let wrong = || {
            damaged(
                "the marks",
                &format!("the file {MARKS} is not what was written"),
            )
        };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
        let (sum, value) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        if crc32fast::hash(value).to_le_bytes() != *sum {
            return Err(wrong());
        }
        read(value)
    }

    /// The marks of the store at `path`; none if it has no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        match std::fs::read(path.join(MARKS)) {
            Ok(bytes) => Self::decode(&bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("the marks cannot be read")(error)),
        }
    }

    /// Writes them for the store at `path`, durably.
    pub(super) fn write(&self, path: &Path) -> Result<(), StoreError> {
        let bytes = self.encode()?;
        // Opened first: who has no more files has written nothing.
        File::open(path)
            .and_then(|directory| {
                write_durable(path, &path.join(MARKS), &bytes)?;
                directory.sync_all()
            })
            .map_err(io("the marks cannot be written"))
    }
}

/// The marks of an open store.
pub(super) struct Marks {
    path: PathBuf,
    durable: Mutex<StoreMarks>,
    fail: FailPoint,
}

impl Marks {
    /// `noted` is what the file has.
    pub(super) fn new(path: &Path, noted: StoreMarks, fail: FailPoint) -> Self {
        Self {
            path: path.to_owned(),
            durable: Mutex::new(noted),
            fail,
        }
    }

    pub(super) fn noted(&self) -> StoreMarks {
        self.durable.lock().clone()
    }

    /// Changes them, durably. After an error they are as they were.
    pub(super) fn change(&self, change: impl FnOnce(&mut StoreMarks)) -> Result<(), StoreError> {
        let mut durable = self.durable.lock();
        let mut noted = durable.clone();
        change(&mut noted);
        if noted == *durable {
            return Ok(());
        }
        self.fail.before(Write::Marks)?;
        noted.write(&self.path)?;
        *durable = noted;
        Ok(())
    }
}

/// Removes what a crash left of a file that was being written in the store's directory itself.
pub(super) fn tidy(path: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == UNFINISHED) && path.is_file() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The number of the last group of the log that was durable, as a checkpoint last saw it.
pub(super) struct Acknowledged {
    file: File,
    last: Mutex<u64>,
}

/// A number and its checksum. Two are in the file, apart, so that one that is torn leaves the other.
const ENTRY: usize = 12;
const APART: u64 = 512;

impl Acknowledged {
    /// The file's name.
    pub(super) const NAME: &'static str = "acknowledged";

    /// Opens the file of the store at `path`, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(path.join(Self::NAME));
        let file = file.map_err(io("the log's last number cannot be opened"))?;
        let last = Self::last_in(&file);
        Ok(Self {
            file,
            last: Mutex::new(last),
        })
    }

    /// The number in the file of the store at `path`; 0 if there is none.
    pub(super) fn read(path: &Path) -> u64 {
        File::open(path.join(Self::NAME)).map_or(0, |file| Self::last_in(&file))
    }

    fn last_in(file: &File) -> u64 {
        let entry = |at: u64| {
            let mut entry = [0; ENTRY];
            file.read_exact_at(&mut entry, at * APART).ok()?;
            let (number, sum) = entry.split_first_chunk::<8>()?;
            let sound = crc32fast::hash(number).to_le_bytes() == *sum;
            sound.then(|| u64::from_le_bytes(*number))
        };
        entry(0).max(entry(1)).unwrap_or(0)
    }

    /// Notes that the log is durable up to that group. An error is no harm: it is then known of fewer groups
    /// that they must be there.
    pub(super) fn note(&self, group: u64) {
        let mut last = self.last.lock();
        if *last >= group {
            return;
        }
        let number = group.to_le_bytes();
        let sum = crc32fast::hash(&number).to_le_bytes();
        let entry = [&number[..], &sum].concat();
        if self.file.write_all_at(&entry, group % 2 * APART).is_ok() {
            *last = group;
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::super::failure::is_short;
    use super::*;

    /// In a process of its own, as others need files meanwhile.
    #[test]
    fn marks_that_get_no_file_are_short_of_it_and_are_written_later() {
        const ALONE: &str = "STEPWELL_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let module = module_path!().split_once("::").unwrap().1;
            let name = "marks_that_get_no_file_are_short_of_it_and_are_written_later";
            let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
            alone.args(["--exact", &format!("{module}::{name}")]);
            let ended = alone.env(ALONE, "1").output().unwrap();
            let text = String::from_utf8_lossy(&ended.stdout).into_owned();
            assert!(
                ended.status.success() && text.contains("1 passed"),
                "{text}"
            );
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let marks = Marks::new(
            directory.path(),
            StoreMarks::default(),
            FailPoint::default(),
        );
        let change = || marks.change(|noted| noted.generation += 1);
        change().unwrap();
        let few = Rlimit {
            current: Some(64),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, few).unwrap();
        let mut open = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            open.push(file);
        }
        // For none, and for the directory but not for the file in it.
        for _ in 0..2 {
            let error = change().unwrap_err();
            assert!(is_short(&error), "{error}");
            open.pop();
        }
        drop(open);
        change().unwrap();
        let noted = StoreMarks::read(directory.path()).unwrap().unwrap();
        assert_eq!(noted.generation, 2);
    }
}
