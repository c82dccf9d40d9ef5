//! sled's database while its disk may fail: opened, watched and closed so that nothing waits for ever.
//!
//! Where a write fails on one of sled's own threads, sled 0.34 notes the error and does not always wake who waits for
//! the write. The next flush finds the note and wakes all. So a thread looks for the note each second and
//! flushes; and opening and closing, in which there is nothing to call yet or any more, are given up some time after it.

use std::fs::File;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::failure::{CORRUPT, GAVE_UP, OpenError, unusable};
use crate::store::StoreError;

/// Time between two looks for an error.
const LOOK: Duration = Duration::from_secs(1);
/// Looks at which there is an error before what does not return is given up.
const GIVEN_UP: u32 = 3;

/// sled's database, with our own descriptor of its file, for `fdatasync`.
pub(super) struct Tree {
    db: Option<sled::Db>,
    config: sled::Config,
    file: File,
    watch: Option<Watch>,
}

/// The thread that wakes who waits for a write that failed. It holds the database, so it ends before that is closed.
struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// Why there is no result of something that sled did.
#[derive(Debug)]
enum NoResult {
    Panicked,
    /// A write failed, and it did not return.
    Stuck(sled::Error),
}

impl Watch {
    /// Stops the thread. False if it does not end within some seconds.
    fn ends(self) -> bool {
        drop(self.stop);
        let until = Instant::now() + LOOK * GIVEN_UP;
        while !self.thread.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        self.thread.is_finished()
    }
}

impl Tree {
    /// Opens the database at `path`, or makes one. The caller has the directory's lock.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        let db = open_db(path, &config)?;
        let file = File::open(path.join("db")).map_err(|error| unusable(path, &error))?;
        let (stop, stopped) = mpsc::channel();
        let (watched, noted) = (db.clone(), config.clone());
        let watch = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
                if noted.global_error().is_err() {
                    let _ = watched.flush();
                }
            }
        };
        let thread = thread::Builder::new().name("tree-watch".to_owned());
        let thread = thread.spawn(watch);
        let thread = thread.map_err(|error| unusable(path, &error))?;
        Ok(Self {
            db: Some(db),
            config,
            file,
            watch: Some(Watch { stop, thread }),
        })
    }

    /// The file of the database.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
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
        let is_stuck = self.watch.take().is_some_and(|watch| !watch.ends());
        if is_stuck {
            tracing::warn!("the tree does not answer and is not closed; the log has it all");
            std::mem::forget(db);
        } else if let Err(error) = self.file.sync_all() {
            tracing::warn!(%error, "the tree could not be synced as it was closed; the log has it all");
            std::mem::forget(db);
        } else if result_of(&self.config, move || drop(db)).is_err() {
            tracing::warn!("the tree could not be closed in order; the log has it all");
        }
    }
}

fn open_db(path: &Path, config: &sled::Config) -> Result<sled::Db, OpenError> {
    let mut tries = 0;
    loop {
        let opening = config.clone();
        // sled asserts its way through a damaged file.
        let opened = match result_of(config, move || opening.open()) {
            Ok(opened) => opened,
            Err(NoResult::Panicked) => {
                return Err(StoreError::Damaged(GAVE_UP.to_owned()).into());
            }
            Err(NoResult::Stuck(error)) => return Err(unusable(path, &error)),
        };
        match opened {
            Ok(db) => return Ok(db),
            Err(sled::Error::Corruption { .. }) => {
                return Err(StoreError::Damaged(CORRUPT.to_owned()).into());
            }
            // The directory is ours, so a busy file is one that sled's threads are still
            // letting go after a close in this process.
            Err(sled::Error::Io(error))
                if error.kind() == std::io::ErrorKind::Other && tries < 50 =>
            {
                tries += 1;
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(unusable(path, &error)),
        }
    }
}

/// Does `work` on a thread of its own and gives its result. If a write of the database fails and `work` does not return
/// within some seconds of it, that thread is left behind.
fn result_of<T: Send + 'static>(
    config: &sled::Config,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoResult> {
    result_unless(|| config.global_error().err(), LOOK, work)
}

fn result_unless<T: Send + 'static>(
    error: impl Fn() -> Option<sled::Error>,
    look: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoResult> {
    let (ended, end) = mpsc::channel();
    let work = move || {
        let _ = ended.send(catch_unwind(AssertUnwindSafe(work)));
    };
    let thread = thread::Builder::new().name("tree".to_owned()).spawn(work);
    if let Err(error) = thread {
        return Err(NoResult::Stuck(error.into()));
    }
    let mut looks = 0;
    loop {
        match end.recv_timeout(look) {
            Ok(result) => return result.map_err(|_| NoResult::Panicked),
            Err(RecvTimeoutError::Disconnected) => return Err(NoResult::Panicked),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(error) = error() {
            looks += 1;
            if looks == GIVEN_UP {
                return Err(NoResult::Stuck(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn what_takes_its_time_is_waited_for_and_what_is_stuck_is_not() {
        let slow = || thread::sleep(SOON * 50);
        assert!(result_unless(|| None, SOON, slow).is_ok());
        let failed = || Some(sled::Error::Unsupported("a write".into()));
        let (hold, held) = mpsc::channel::<()>();
        let stuck = result_unless(failed, SOON, move || held.recv());
        assert!(matches!(stuck, Err(NoResult::Stuck(_))), "{stuck:?}");
        drop(hold);
        let quick = result_unless(failed, LOOK, || 7);
        assert!(matches!(quick, Ok(7)), "{quick:?}");
        let panics = result_unless(|| None, SOON, || panic!("as on a damaged file"));
        assert!(
            matches!(panics, Err::<(), _>(NoResult::Panicked)),
            "{panics:?}"
        );
    }
}
