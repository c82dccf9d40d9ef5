//! Failures of files and of the tree, as errors of the store: no room, not available, or why a
//! directory cannot be opened.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::store::StoreError;

/// sled panicked as it opened the tree.
pub(super) const GAVE_UP: &str = "the tree: sled gave up reading it";
/// sled says so itself.
pub(super) const CORRUPT: &str = "the tree: sled finds it corrupt";

/// Why a directory cannot be opened as a store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// Another process has the data directory.
    #[error(
        "the data directory {0} is in use by another process; stop that server, or choose another --data-dir"
    )]
    Locked(String),
    /// The data directory cannot be used.
    #[error("the data directory {path} cannot be used: {reason}")]
    Unusable {
        /// The directory.
        path: String,
        reason: String,
    },
    /// A newer server wrote it.
    #[error(
        "the data directory {path} has format {found}, and this version of stepwell reads up to {known}; use the stepwell that wrote it, or a newer one"
    )]
    Newer {
        /// The directory.
        path: String,
        /// Its format.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// The disk is so full that the store cannot even be opened.
    #[error(
        "the disk of the data directory {path} is full: {free} bytes are free and a start takes up to {needed}; make room and start again, nothing that was acknowledged is lost ({reason})"
    )]
    NoRoom {
        /// The directory.
        path: String,
        /// Bytes that are free.
        free: u64,
        /// Bytes that opening may take.
        needed: u64,
        /// The operation that failed.
        reason: String,
    },
    /// A stored value cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// Whether sled does not open the tree, or does not read it: that may lose nothing.
    pub fn is_of_the_tree(&self) -> bool {
        matches!(self, Self::Store(StoreError::Damaged(why)) if [GAVE_UP, CORRUPT].contains(&why.as_str()))
    }
}

/// Whether an error says that there is no room.
fn is_full(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The machine gave no more of what it has only so much of, open files or memory. It may a moment later.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}; it is tried again")]
struct Short {
    what: &'static str,
    source: io::Error,
}

impl Short {
    /// # Errors
    /// The error, if it is another one.
    fn of(what: &'static str, error: io::Error) -> Result<StoreError, io::Error> {
        let number = error.raw_os_error().map(Errno::from_raw_os_error);
        match number {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Ok(StoreError::unavailable(Self {
                what,
                source: error,
            })),
            _ => Err(error),
        }
    }
}

/// Whether the machine was short of files or memory.
pub(super) fn is_short(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { source } if source.is::<Short>())
}

/// Whether a write that failed with it left nothing that opening the store again does not mend, and may succeed then:
/// the disk was full, or the machine was short of files or memory.
pub(super) fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Full) || is_short(error)
}

/// Whether the process may open some files, as many as opening the store again takes at once.
pub(super) fn has_files(path: &Path) -> bool {
    const FILES: usize = 16;
    let opened: Result<Vec<_>, _> = (0..FILES).map(|_| std::fs::File::open(path)).collect();
    opened.is_ok()
}

/// The error for a file that could not be read or written.
pub(super) fn io(what: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |error| {
        if is_full(error.kind()) {
            return StoreError::Full;
        }
        Short::of(what, error)
            .unwrap_or_else(|error| StoreError::unavailable(format!("{what}: {error}")))
    }
}

/// The error for the tree.
pub(super) fn from_sled(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } => StoreError::Damaged(CORRUPT.to_owned()),
        sled::Error::Io(error) => io("the tree cannot be read or written")(error),
        other => StoreError::unavailable(other.to_string()),
    }
}

/// The error for a file or directory that the store cannot be opened without.
pub(super) fn unusable(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Unusable {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
