//! How the store is laid out and what memory it may use.

use std::path::PathBuf;
use std::time::Duration;

use super::failpoint::FailPoint;
use crate::domain::audit::AuditBounds;

/// How the store is laid out and what memory it may use.
#[derive(Debug, Clone)]
pub struct SledSettings {
    /// The store's own directory; made if it is not there.
    pub path: PathBuf,
    /// sled's page cache, in bytes as it counts them; it takes up to eight times as much. Pages
    /// are found again in the kernel's cache, so it is small.
    pub cache_bytes: u64,
    /// Memory for tasks that are not folded, in bytes. Past it ready tasks are folded too; at
    /// twice as much, accepting waits, and at four times as much for workspaces with little of it, too.
    pub overlay_bytes: usize,
    /// Log that may wait to be folded, in bytes. Past it the tasks that hold it are folded; at
    /// four times as much, accepting waits, and at eight times as much for workspaces with little in memory, too. It bounds
    /// the time to open.
    pub log_bytes: u64,
    /// The size of one file of the log, in bytes.
    pub slot_bytes: u64,
    /// The size of one file of the archive, in bytes.
    pub segment_bytes: u64,
    /// Free bytes of the disk below which nothing new is taken in; see `room.rs`. With none, no reserve is kept for a start either.
    pub reserve_bytes: u64,
    /// How often tasks that came to rest are folded; `None` leaves it to memory and log alone.
    pub checkpoint_every: Option<Duration>,
    /// How much of the audit log is kept.
    pub audit: AuditBounds,
    /// The seed of a new store, from which run seeds are derived; none takes random bytes.
    pub seed: Option<[u8; 32]>,
    /// How keys of deliveries are kept.
    pub(super) dedup: DedupSettings,
    /// How much one search for tasks by their terms may cost, see [`super::lists`].
    pub(super) look_cost: usize,
    pub(super) fail: FailPoint,
}

/// How keys of deliveries are kept, see [`super::dedup`].
#[derive(Debug, Clone, Copy)]
pub(super) struct DedupSettings {
    /// Keys in memory that are worth a fold. Each takes some 90 bytes.
    pub fold: usize,
    /// Keys in one value of the tree.
    pub block: usize,
    /// Memory for filters of keys that are in the tree, in bytes: two a key, so this is for 16 million.
    pub filter_bytes: usize,
}

impl DedupSettings {
    /// The most keys that one value of the tree has.
    pub const BLOCK: usize = 144;
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self {
            fold: 16 * 1024,
            block: Self::BLOCK,
            filter_bytes: 32 * 1024 * 1024,
        }
    }
}

impl Default for SledSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("store"),
            cache_bytes: 8 * 1024 * 1024,
            overlay_bytes: 32 * 1024 * 1024,
            log_bytes: 64 * 1024 * 1024,
            slot_bytes: 8 * 1024 * 1024,
            segment_bytes: 128 * 1024 * 1024,
            reserve_bytes: 16 * 1024 * 1024,
            checkpoint_every: Some(Duration::from_millis(500)),
            audit: AuditBounds::default(),
            seed: None,
            dedup: DedupSettings::default(),
            // Some 50 ms.
            look_cost: 40_000,
            fail: FailPoint::default(),
        }
    }
}

impl SledSettings {
    /// The defaults, in the directory `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }
}
