//! Counts the tasks that need a group of the log, so that it is kept.

use std::collections::VecDeque;

/// How many tasks need the log from which group on.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// The group of the first count.
    from: u64,
    counts: VecDeque<u32>,
}

impl Pins {
    pub(super) fn pin(&mut self, group: u64) {
        if self.counts.is_empty() {
            self.from = group;
        }
        while group < self.from {
            self.counts.push_front(0);
            self.from -= 1;
        }
        let at = (group - self.from) as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    pub(super) fn release(&mut self, group: u64) {
        if let Some(count) = group
            .checked_sub(self.from)
            .and_then(|at| self.counts.get_mut(at as usize))
        {
            *count = count.saturating_sub(1);
        }
        while self.counts.front() == Some(&0) {
            self.counts.pop_front();
            self.from += 1;
        }
    }

    pub(super) fn least(&self) -> Option<u64> {
        (!self.counts.is_empty()).then_some(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_know_the_least_group_that_is_needed() {
        let mut pins = Pins::default();
        assert_eq!(pins.least(), None);
        for group in [5, 5, 7, 9] {
            pins.pin(group);
        }
        assert_eq!(pins.least(), Some(5));
        pins.release(5);
        assert_eq!(pins.least(), Some(5));
        pins.release(5);
        assert_eq!(pins.least(), Some(7));
        pins.release(9);
        assert_eq!(pins.least(), Some(7));
        pins.pin(6);
        assert_eq!(pins.least(), Some(6));
        pins.release(6);
        pins.release(7);
        assert_eq!(pins.least(), None);
        pins.pin(20);
        assert_eq!(pins.least(), Some(20));
    }
}
