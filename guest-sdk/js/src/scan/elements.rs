//! Where the elements of an array begin, without a look into them.

use super::blocks::Inside;
use super::{Scan, nested, string};

/// A place is noted when it is so many bytes behind the last one.
const APART: usize = 2048;

/// The elements of an array.
#[derive(Debug, Default)]
pub struct Elements {
    pub count: u32,
    /// Some of them: the index, and where it begins.
    places: Vec<(u32, usize)>,
    /// The block in which the last of these was found.
    noted: usize,
}

impl Elements {
    /// Of the array that begins at a place.
    pub fn of(bytes: &[u8], from: usize) -> Self {
        Self::passed(bytes, from).1
    }

    /// The same, and what was passed over.
    pub fn passed(bytes: &[u8], from: usize) -> (Scan, Self) {
        let first = blank(bytes, from + 1);
        if matches!(bytes.get(first), None | Some(b']')) {
            return (nested(bytes, from), Self::default());
        }
        let mut found = Self {
            count: 1,
            places: vec![(0, first)],
            noted: from,
        };
        let inside = Inside {
            bytes,
            at: from + 1,
            depth: 1,
            is_usual: true,
        };
        let scan = inside.end::<true>(&mut found);
        (scan, found)
    }

    /// Takes in the commas between elements that stand in a block.
    #[inline(always)]
    pub(super) fn note(&mut self, commas: u64, at: usize) {
        if commas == 0 {
            return;
        }
        self.count += commas.count_ones();
        if at - self.noted >= APART {
            let begin = at + (u64::BITS - commas.leading_zeros()) as usize;
            self.places.push((self.count - 1, begin));
            self.noted = at;
        }
    }

    /// Where an element begins and ends.
    pub fn place(&self, bytes: &[u8], index: u32) -> Option<(usize, usize)> {
        if index >= self.count {
            return None;
        }
        let near = self.places.partition_point(|(other, _)| *other <= index);
        let (mut other, mut from) = *self.places.get(near.checked_sub(1)?)?;
        loop {
            from = blank(bytes, from);
            let end = end(bytes, from);
            if other == index {
                return Some((from, end));
            }
            let comma = blank(bytes, end);
            if bytes.get(comma) != Some(&b',') {
                return None;
            }
            (other, from) = (other + 1, comma + 1);
        }
    }
}

/// The next place without white space.
fn blank(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where the value ends that begins at a place.
fn end(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        Some(b'"') => string(bytes, from).end,
        Some(b'{' | b'[') => nested(bytes, from).end,
        _ => {
            let rest = bytes.get(from..).unwrap_or_default();
            let is_more =
                |byte: &&u8| !matches!(**byte, b',' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            from + rest.iter().take_while(is_more).count()
        }
    }
}
