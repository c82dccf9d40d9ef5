//! Where the elements of an array begin, without a look into them.

use crate::lanes::{self, WIDTH};

use super::{below_lowest, nested, string, string_in, strings};

/// A place is noted when it is so many bytes behind the last one.
const APART: usize = 2048;

/// The elements of an array.
#[derive(Debug)]
pub struct Elements {
    pub count: u32,
    /// Some of them: the index, and where it begins.
    places: Vec<(u32, usize)>,
}

impl Elements {
    /// Of the array that begins at a place.
    pub fn of(bytes: &[u8], from: usize) -> Self {
        let first = blank(bytes, from + 1);
        if matches!(bytes.get(first), None | Some(b']')) {
            let places = Vec::new();
            return Self { count: 0, places };
        }
        let mut found = Self {
            count: 1,
            places: vec![(0, first)],
        };
        found.count_all(bytes, first);
        found
    }

    fn count_all(&mut self, bytes: &[u8], from: usize) {
        let (mut at, mut depth, mut is_usual, mut noted) = (from, 1_u32, false, from);
        while let Some(lanes) = lanes::at(bytes, at) {
            let quotes = lanes.is(b'"').high_bits();
            let (outside, next) = match quotes {
                0 => (u32::MAX, at + WIDTH),
                _ if lanes.is(b'\\').high_bits() == 0 => {
                    match strings(bytes, at, lanes, quotes, &mut is_usual) {
                        (_, 0) => (0, string_in(bytes, at, &mut is_usual)),
                        (outside, width) => (outside, at + width),
                    }
                }
                _ => {
                    let first = at + quotes.trailing_zeros() as usize;
                    (below_lowest(quotes), string_in(bytes, first, &mut is_usual))
                }
            };
            let folded = lanes.with_bits(0x20);
            let open = folded.is(b'{').high_bits() & outside;
            let close = folded.is(b'}').high_bits() & outside;
            let mut commas = lanes.is(b',').high_bits() & outside;
            // What closes at once encloses nothing.
            let empty = open << 1 & close;
            let (open, close) = (open & !(empty >> 1), close & !empty);
            if open | close != 0 {
                if depth > 1 + close.count_ones() {
                    depth = depth + open.count_ones() - close.count_ones();
                    commas = 0;
                } else {
                    let (own, is_end) = at_depth_one(commas, open, close, &mut depth);
                    if is_end {
                        self.count += own.count_ones();
                        return;
                    }
                    commas = own;
                }
            } else if depth > 1 {
                commas = 0;
            }
            self.count += commas.count_ones();
            if commas != 0 && at - noted >= APART {
                let begin = at + (32 - commas.leading_zeros()) as usize;
                self.places.push((self.count - 1, begin));
                noted = at;
            }
            at = next;
        }
        self.count_rest(bytes, at, depth);
    }

    /// The same byte by byte, where the text ends.
    fn count_rest(&mut self, bytes: &[u8], mut at: usize, mut depth: u32) {
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    at = string(bytes, at).end;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b',' => self.count += u32::from(depth == 1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
            at += 1;
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

/// The commas that stand outside of what is nested in the array, and whether the array ends here.
#[inline(always)]
fn at_depth_one(commas: u32, open: u32, close: u32, depth: &mut u32) -> (u32, bool) {
    let (mut brackets, mut own, mut from) = (open | close, 0, u32::MAX);
    while brackets != 0 {
        let bracket = brackets & brackets.wrapping_neg();
        if *depth == 1 {
            own |= commas & from & (bracket - 1);
        }
        from = !(bracket | (bracket - 1));
        if open & bracket != 0 {
            *depth += 1;
        } else {
            *depth -= 1;
        }
        if *depth == 0 {
            return (own, true);
        }
        brackets &= brackets - 1;
    }
    if *depth == 1 {
        own |= commas & from;
    }
    (own, false)
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
