//! A set of characters as ranges. A character is a code point or a UTF-16 code unit, so that halves
//! of surrogate pairs can be in it, which no `char` can say.

/// Ranges with both ends in them, in order, apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// The set of all that the ranges have.
    pub(super) fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match joined.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }

    /// The set of one character.
    pub(super) fn one(character: u32) -> Self {
        Self(vec![(character, character)])
    }

    pub(super) fn as_slice(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The character, if it is the only one.
    pub(super) fn only(&self) -> Option<u32> {
        match self.0[..] {
            [(from, to)] if from == to => Some(from),
            _ => None,
        }
    }

    pub(super) fn contains(&self, character: u32) -> bool {
        let before = self.0.partition_point(|(from, _)| *from <= character);
        before > 0 && self.0[before - 1].1 >= character
    }

    /// All characters up to `last` that are not in the set.
    pub(super) fn complement(&self, last: u32) -> Self {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        let mut next = 0;
        for (from, to) in &self.0 {
            if next < *from {
                ranges.push((next, from - 1));
            }
            next = to + 1;
        }
        if next <= last {
            ranges.push((next, last));
        }
        Self(ranges)
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let [mut own, mut others] = [self.0.iter().peekable(), other.0.iter().peekable()];
        let mut ranges = Vec::new();
        while let (Some(a), Some(b)) = (own.peek(), others.peek()) {
            let (from, to) = (a.0.max(b.0), a.1.min(b.1));
            if from <= to {
                ranges.push((from, to));
            }
            if a.1 < b.1 {
                own.next();
            } else {
                others.next();
            }
        }
        Self(ranges)
    }
}
