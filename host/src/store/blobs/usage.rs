//! How many bytes the files of a workspace have. They are counted on the disk when this is first asked for, one task's
//! folder after the other. Nothing waits for that but who counts: what comes and goes meanwhile is added to it, so that
//! until the count is at its end a workspace may have more than its bound by what it had before.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

use super::error::BlobError;
use super::folders::{bytes_in, failed, names, remove};
use crate::domain::ids::TaskId;
use crate::store::StoreError;

/// Workspaces whose files are counted at once: the threads for the disk are many more.
const COUNTS_AT_ONCE: usize = 4;

/// The bytes of a workspace's files, those on their way in included.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    /// Those that are counted, and what came since the folders were listed.
    bytes: u64,
    /// Whether the tasks' folders were listed.
    is_listed: bool,
    /// Whether a thread counts.
    is_under_way: bool,
    /// Tasks whose folders are to be counted; some may have been since.
    left: Vec<TaskId>,
    /// Tasks whose folders are not counted yet.
    uncounted: FxHashSet<TaskId>,
}

impl Count {
    /// Counts a task's folder, if that was not done.
    fn count(&mut self, folder: &Path, task: TaskId) -> io::Result<()> {
        if self.uncounted.contains(&task) {
            self.bytes += bytes_in(&folder.join(task.to_string()))?;
            self.uncounted.remove(&task);
        }
        Ok(())
    }
}

impl Usage {
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.0.lock().bytes
    }

    /// Adds bytes that are about to be written. `folder` has the tasks' folders.
    pub(super) fn take(
        &self,
        folder: &Path,
        (bytes, most): (u64, u64),
        counts: &AtomicUsize,
    ) -> Result<(), BlobError> {
        let counted = self.count(folder, counts);
        counted.map_err(failed("the files cannot be counted"))?;
        let mut count = self.0.lock();
        let then = count.bytes.saturating_add(bytes);
        if then > most {
            return Err(BlobError::WorkspaceFull { most });
        }
        count.bytes = then;
        Ok(())
    }

    pub(super) fn give_back(&self, bytes: u64) {
        let mut count = self.0.lock();
        count.bytes = count.bytes.saturating_sub(bytes);
    }

    /// Counts a task's folder, if that was not done: files are about to be moved there that count already.
    pub(super) fn settle(&self, folder: &Path, task: TaskId) -> io::Result<()> {
        self.list(folder)?;
        self.0.lock().count(folder, task)
    }

    /// Removes a task's folder. Only this workspace's files wait for it.
    pub(super) fn remove(&self, folder: &Path, task: TaskId) -> Result<(), StoreError> {
        let mut count = self.0.lock();
        let path = folder.join(task.to_string());
        let bytes = bytes_in(&path).map_err(failed("a file cannot be looked at"))?;
        remove(&path)?;
        let is_counted = count.is_listed && !count.uncounted.remove(&task);
        if is_counted {
            count.bytes = count.bytes.saturating_sub(bytes);
        }
        Ok(())
    }

    /// Lists the tasks' folders, unless that is done.
    fn list(&self, folder: &Path) -> io::Result<()> {
        if !self.0.lock().is_listed {
            let tasks = names(folder)?;
            let tasks: Vec<TaskId> = tasks.iter().filter_map(|name| name.parse().ok()).collect();
            let mut count = self.0.lock();
            if !count.is_listed {
                count.is_listed = true;
                count.uncounted = tasks.iter().copied().collect();
                count.left = tasks;
            }
        }
        Ok(())
    }

    /// Counts what is there, unless that is done or another thread does it.
    fn count(&self, folder: &Path, counts: &AtomicUsize) -> io::Result<()> {
        self.list(folder)?;
        let Some(_turn) = Turn::begin(self, counts) else {
            return Ok(());
        };
        loop {
            // One folder at a time: others of the workspace go on in between.
            let mut count = self.0.lock();
            let Some(task) = count.left.last().copied() else {
                (count.left, count.uncounted) = (Vec::new(), FxHashSet::default());
                return Ok(());
            };
            count.count(folder, task)?;
            count.left.pop();
        }
    }
}

/// A count under way.
struct Turn<'a> {
    of: &'a Usage,
    counts: &'a AtomicUsize,
}

impl<'a> Turn<'a> {
    /// None if there is nothing to count, another thread does it, or as many count as may.
    fn begin(of: &'a Usage, counts: &'a AtomicUsize) -> Option<Self> {
        let mut count = of.0.lock();
        if count.left.is_empty() || count.is_under_way {
            return None;
        }
        let before = counts.fetch_add(1, Ordering::Relaxed);
        if before >= COUNTS_AT_ONCE {
            counts.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        count.is_under_way = true;
        Some(Self { of, counts })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.of.0.lock().is_under_way = false;
        self.counts.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder of tasks' folders with a file of ten bytes each.
    fn folder(tasks: &[TaskId]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for task in tasks {
            let path = folder.path().join(task.to_string());
            fs::create_dir(&path).unwrap();
            fs::write(path.join("f"), [0; 10]).unwrap();
        }
        folder
    }

    fn listed(usage: &Usage, tasks: &[TaskId]) {
        let mut count = usage.0.lock();
        count.is_listed = true;
        count.left = tasks.to_vec();
        count.uncounted = tasks.iter().copied().collect();
    }

    #[test]
    fn what_comes_and_goes_during_a_count_is_counted_once() {
        let tasks: Vec<TaskId> = (0..6).map(|_| TaskId::new()).collect();
        let folder = folder(&tasks);
        let (usage, counts) = (Usage::default(), AtomicUsize::new(0));
        listed(&usage, &tasks);
        {
            // Another thread counts, and has counted one.
            let _turn = Turn::begin(&usage, &counts).unwrap();
            usage.0.lock().count(folder.path(), tasks[5]).unwrap();
            let take = |bytes, most| usage.take(folder.path(), (bytes, most), &counts);
            take(100, 200).unwrap();
            assert!(take(100, 200).is_err());
            // One task is given a file beside its own, one that is counted goes, and so does one that is not.
            usage.settle(folder.path(), tasks[0]).unwrap();
            let given = folder.path().join(tasks[0].to_string()).join("g");
            fs::write(given, [0; 100]).unwrap();
            usage.remove(folder.path(), tasks[5]).unwrap();
            usage.remove(folder.path(), tasks[1]).unwrap();
            assert_eq!(usage.bytes(), 10 + 100);
        }
        usage.take(folder.path(), (1, 1_000), &counts).unwrap();
        assert_eq!(usage.bytes(), 4 * 10 + 100 + 1);
        usage.remove(folder.path(), tasks[0]).unwrap();
        assert_eq!(usage.bytes(), 3 * 10 + 1);
        assert_eq!(counts.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_count_ends_where_it_is_taken_up_again_and_few_are_under_way() {
        let tasks: Vec<TaskId> = (0..3).map(|_| TaskId::new()).collect();
        let folder = folder(&tasks);
        let (usage, counts) = (Usage::default(), AtomicUsize::new(COUNTS_AT_ONCE));
        usage.take(folder.path(), (5, 5), &counts).unwrap();
        assert_eq!(usage.bytes(), 5, "it is not known yet what is there");
        counts.store(0, Ordering::Relaxed);
        assert!(usage.take(folder.path(), (0, 34), &counts).is_err());
        usage.take(folder.path(), (5, 40), &counts).unwrap();
        assert_eq!(usage.bytes(), 3 * 10 + 10);
    }
}
