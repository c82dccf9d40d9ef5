//! The members of an object, without a look into them.

use super::{nested, string};
use crate::lanes::{self, WIDTH};

/// Where a member's name stands, between its quotes, and its value, with white space that may stand behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: (usize, usize),
    pub value: (usize, usize),
}

/// The members of the object that begins at a place. Ends early at a name that has escapes, and says so.
pub struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
    pub has_escapes: bool,
}

impl<'a> Members<'a> {
    pub fn of(bytes: &'a [u8], from: usize) -> Self {
        Self {
            bytes,
            at: from + 1,
            has_escapes: false,
        }
    }

    fn blank(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }
}

impl Iterator for Members<'_> {
    type Item = Place;

    #[inline]
    fn next(&mut self) -> Option<Place> {
        if self.blank()? != b'"' {
            return None;
        }
        let from = self.at + 1;
        let end = first_of(self.bytes, from, [b'"', b'\\']);
        if self.bytes.get(end) != Some(&b'"') {
            self.has_escapes = true;
            return None;
        }
        let name = (from, end);
        self.at = end + 1;
        if self.blank()? != b':' {
            return None;
        }
        self.at += 1;
        let first = self.blank()?;
        let from = self.at;
        self.at = match first {
            b'"' => string(self.bytes, from).end,
            b'{' | b'[' => nested(self.bytes, from).end,
            _ => first_of(self.bytes, from, [b',', b'}']),
        };
        let value = (from, self.at);
        if self.blank()? == b',' {
            self.at += 1;
        }
        Some(Place { name, value })
    }
}

/// Where the first of two bytes is, from a place on.
#[inline(always)]
fn first_of(bytes: &[u8], from: usize, [a, b]: [u8; 2]) -> usize {
    let mut at = from;
    while let Some(lanes) = lanes::at(bytes, at) {
        let found = lanes.is(a).or(lanes.is(b)).high_bits();
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
    while let Some(byte) = bytes.get(at)
        && *byte != a
        && *byte != b
    {
        at += 1;
    }
    at
}
