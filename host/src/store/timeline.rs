//! Which part of a task's history is shown at once.

use std::collections::VecDeque;

use crate::domain::journal::Entry;
use crate::domain::limits;
use crate::domain::task::StoredTask;

/// A task with all that has happened to it, as both were at one moment.
#[derive(Debug, Clone)]
pub struct History {
    /// The task.
    pub task: StoredTask,
    /// Its journal from its beginning.
    pub journal: Vec<Entry>,
}

/// A task with a part of its journal, both as they were at one moment.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The task.
    pub task: StoredTask,
    /// Entries of its journal, each with its place from 0, and without what its calls were answered.
    pub journal: Vec<(u64, Entry)>,
    /// Whether there are older ones.
    pub is_cut: bool,
}

impl Timeline {
    /// Of a whole history: see [`Page::new`].
    pub fn of(history: History, before: Option<u64>) -> Self {
        let mut page = Page::new(before);
        for (place, entry) in (0..).zip(history.journal) {
            page.push(place, entry);
        }
        page.of(history.task)
    }
}

/// A part of a journal that is being read: the newest entries that fit.
#[derive(Debug)]
pub struct Page {
    before: u64,
    entries: VecDeque<(u64, Entry)>,
    bytes: usize,
    is_cut: bool,
}

impl Page {
    /// Of the entries before that place, or of all.
    pub fn new(before: Option<u64>) -> Self {
        Self {
            before: before.unwrap_or(u64::MAX),
            entries: VecDeque::new(),
            bytes: 0,
            is_cut: false,
        }
    }

    /// Takes the next entry of the journal.
    pub fn push(&mut self, place: u64, entry: Entry) {
        if place >= self.before {
            return;
        }
        let entry = match entry {
            Entry::Effect(effect) => Entry::Effect(effect.without_answer()),
            other => other,
        };
        self.bytes += entry.bytes();
        self.entries.push_back((place, entry));
        while self.bytes > limits::TIMELINE_BYTES && self.entries.len() > 1 {
            self.drop_oldest();
        }
    }

    /// Drops the oldest entry, with its run's other calls and the run itself: they are shown together.
    fn drop_oldest(&mut self) {
        while let Some((_, entry)) = self.entries.pop_front() {
            self.bytes -= entry.bytes();
            self.is_cut = true;
            if !matches!(entry, Entry::Effect(_)) {
                return;
            }
        }
    }

    /// The entries that were read, with the task.
    pub fn of(self, task: StoredTask) -> Timeline {
        Timeline {
            task,
            journal: self.entries.into(),
            is_cut: self.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::TaskState;

    fn state(bytes: usize) -> Entry {
        Entry::State {
            at: 0,
            state: TaskState::Ready,
            reason: "x".repeat(bytes),
        }
    }

    #[test]
    fn the_newest_entries_are_kept_and_older_ones_can_be_asked_for() {
        let places = |before: Option<u64>| {
            let mut page = Page::new(before);
            for place in 0..10 {
                page.push(place, state(limits::TIMELINE_BYTES / 3));
            }
            let places: Vec<u64> = page.entries.iter().map(|(place, _)| *place).collect();
            (places, page.is_cut)
        };
        assert_eq!(places(None), (vec![8, 9], true));
        assert_eq!(places(Some(8)), (vec![6, 7], true));
        assert_eq!(places(Some(2)), (vec![0, 1], false));
        assert_eq!(places(Some(0)), (vec![], false));
        let mut one = Page::new(None);
        one.push(0, state(2 * limits::TIMELINE_BYTES));
        assert_eq!(
            (one.entries.len(), one.is_cut),
            (1, false),
            "it is shown alone"
        );
    }
}
