//! What is long, 64 bytes at a time.

use super::{ESCAPES, Elements, Scan, is_needed, string};
use crate::lanes::{Lanes, WIDTH};

/// Bytes that are looked at together: a bit of a mask each.
const BLOCK: usize = 64;
/// What a block is filled up with: it means nothing, in a string or elsewhere.
const FILL: u8 = b'z';

/// The inside of an object or array, from a place on that is outside of its strings.
pub(super) struct Inside<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    /// Brackets that are open.
    pub depth: u32,
    pub is_usual: bool,
}

/// What is carried from a block to the next one.
#[derive(Default)]
struct Carried {
    /// All bits are set if the block ended in a string.
    in_string: u64,
    /// 1 if the last byte was a backslash that the next byte belongs to.
    escape: u64,
    /// 1 if a string began with the last byte.
    begins: u64,
}

/// A block's lanes.
struct Block([Lanes; BLOCK / WIDTH]);

impl Block {
    #[inline(always)]
    fn of(bytes: &[u8; BLOCK]) -> Self {
        let (lanes, _) = bytes.as_chunks::<WIDTH>();
        Self(std::array::from_fn(|at| Lanes::of(&lanes[at])))
    }

    /// The bytes that a test of lanes is true of.
    #[inline(always)]
    fn mask(&self, test: impl Fn(Lanes) -> Lanes) -> u64 {
        let [a, b, c, d] = self.0.map(|lanes| u64::from(test(lanes).high_bits()));
        a | b << 16 | c << 32 | d << 48
    }

    #[inline(always)]
    fn has(&self, byte: u8) -> bool {
        let [a, b, c, d] = self.0.map(|lanes| lanes.is(byte));
        a.or(b).or(c.or(d)).any()
    }
}

impl Inside<'_> {
    /// Passes over the rest of it. With `COUNT`, notes where elements begin.
    pub fn end<const COUNT: bool>(mut self, elements: &mut Elements) -> Scan {
        let mut carried = Carried::default();
        while self.at < self.bytes.len() {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let block = match rest.first_chunk() {
                Some(block) => Block::of(block),
                None => {
                    let mut filled = [FILL; BLOCK];
                    filled[..rest.len()].copy_from_slice(rest);
                    Block::of(&filled)
                }
            };
            if let Some(end) = self.block::<COUNT>(&block, &mut carried, elements) {
                let is_usual = self.is_usual;
                return Scan { end, is_usual };
            }
            self.at += BLOCK;
        }
        let end = self.bytes.len();
        let is_usual = false;
        Scan { end, is_usual }
    }

    /// Passes over a block; where the value ends, if that is here.
    #[inline(always)]
    fn block<const COUNT: bool>(
        &mut self,
        block: &Block,
        carried: &mut Carried,
        elements: &mut Elements,
    ) -> Option<usize> {
        let mut quotes = block.mask(|lanes| lanes.is(b'"'));
        let mut escapes = 0;
        if carried.escape != 0 || block.has(b'\\') {
            let backslashes = block.mask(|lanes| lanes.is(b'\\'));
            let escaped = escaped(backslashes, &mut carried.escape);
            quotes &= !escaped;
            escapes = backslashes & !escaped;
        }
        // A string with the quote that it begins with.
        let inside = odd(quotes) ^ carried.in_string;
        carried.in_string = ((inside as i64) >> (BLOCK - 1)) as u64;
        let open = block.mask(|lanes| lanes.with_bits(0x20).is(b'{')) & !inside;
        let close = block.mask(|lanes| lanes.with_bits(0x20).is(b'}')) & !inside;
        // `{}` and `[]` do not change the depth.
        let empty = open << 1 & close;
        let (open, close) = (open & !(empty >> 1), close & !empty);

        let mut here = u64::MAX;
        let is_end_near = close.count_ones() >= self.depth;
        if COUNT && (is_end_near || self.depth <= 1 + close.count_ones()) {
            let commas = block.mask(|lanes| lanes.is(b',')) & !inside;
            let (own, end) = at_depth_one(commas, open, close, &mut self.depth);
            elements.note(own, self.at);
            here = end.map_or(here, below);
        } else if is_end_near {
            here = at_depth_one(0, open, close, &mut self.depth)
                .1
                .map_or(here, below);
        } else {
            self.depth = self.depth + open.count_ones() - close.count_ones();
        }

        if self.is_usual {
            let space = block.mask(|lanes| lanes.is_below(0x21)) & !inside;
            let begins = quotes & inside;
            let digits = block.mask(Lanes::is_digit);
            let numbers = (begins << 1 | carried.begins) & digits & here;
            carried.begins = begins >> (BLOCK - 1);
            self.is_usual = space & here == 0
                && (escapes == 0 || self.are_usual(escapes & here))
                && (numbers == 0 || self.are_values(numbers, quotes & !inside));
        }
        (here != u64::MAX).then(|| self.at + here.count_ones() as usize + 1)
    }

    /// Whether escapes are such as `JSON.stringify` writes.
    fn are_usual(&self, mut escapes: u64) -> bool {
        while escapes != 0 {
            let at = self.at + escapes.trailing_zeros() as usize + 1;
            let next = self.bytes.get(at).copied().unwrap_or_default();
            if !ESCAPES[usize::from(next)]
                && !(next == b'u' && is_needed(self.bytes.get(at + 1..at + 5)))
            {
                return false;
            }
            escapes &= escapes - 1;
        }
        true
    }

    /// Whether no string is a name of those that have their first character, a digit, at these places. `ends` are the
    /// quotes that strings of the block end with.
    fn are_values(&self, mut numbers: u64, ends: u64) -> bool {
        while numbers != 0 {
            let first = numbers.trailing_zeros();
            let ends = ends & (u64::MAX << first);
            let behind = match ends {
                0 => string(self.bytes, (self.at + first as usize).saturating_sub(1)).end,
                _ => self.at + ends.trailing_zeros() as usize + 1,
            };
            if self.bytes.get(behind) == Some(&b':') {
                return false;
            }
            numbers &= numbers - 1;
        }
        true
    }
}

/// The bits below a place.
fn below(place: u32) -> u64 {
    (1 << place) - 1
}

/// The bytes that an odd number of backslashes stands before.
fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslashes = backslashes & !*carry;
    let follow = backslashes << 1 | *carry;
    let odd_starts = backslashes & !EVEN & !follow;
    let (from_even, is_over) = odd_starts.overflowing_add(backslashes);
    *carry = is_over.into();
    (EVEN ^ from_even << 1) & follow
}

/// Each bit becomes whether the bits up to it are an odd number.
#[inline(always)]
fn odd(bits: u64) -> u64 {
    let bits = bits ^ bits << 1;
    let bits = bits ^ bits << 2;
    let bits = bits ^ bits << 4;
    let bits = bits ^ bits << 8;
    let bits = bits ^ bits << 16;
    bits ^ bits << 32
}

/// The commas that stand outside of what is nested, and where the bracket is that closes the value, if it is here.
///
/// Brackets that follow each other without one of the other kind between them are taken together: what is nested deeply
/// costs no more than what is not. Where each bracket but the last is followed by one of the other kind, as in an array
/// of small objects, none is looked at by itself.
#[inline(always)]
fn at_depth_one(commas: u64, mut open: u64, mut close: u64, depth: &mut u32) -> (u64, Option<u32>) {
    if *depth <= 2 {
        let nested = odd(open | close) ^ if *depth == 2 { u64::MAX } else { 0 };
        if (open & !nested) | (close & nested) == 0 {
            *depth = 1 + (nested >> (BLOCK - 1)) as u32;
            return (commas & !nested, None);
        }
    }
    let (mut own, mut from) = (0, u64::MAX);
    loop {
        let opened = open & below_lowest(close);
        if opened != 0 {
            if *depth == 1 {
                own |= commas & from & below_lowest(opened);
            }
            *depth += opened.count_ones();
            open ^= opened;
        }
        let mut closed = close & below_lowest(open);
        if closed == 0 {
            if *depth == 1 {
                own |= commas & from;
            }
            return (own, None);
        }
        close ^= closed;
        if closed.count_ones() >= *depth {
            while *depth > 1 {
                from = !below_or_at_lowest(closed);
                closed &= closed - 1;
                *depth -= 1;
            }
            *depth = 0;
            own |= commas & from & below_lowest(closed);
            return (own, Some(closed.trailing_zeros()));
        }
        *depth -= closed.count_ones();
        from = u64::MAX << 1 << (u64::BITS - 1 - closed.leading_zeros());
    }
}

/// The bits below the lowest one of a mask; all if it has none.
#[inline(always)]
fn below_lowest(mask: u64) -> u64 {
    mask.wrapping_sub(1) & !mask
}

/// The same and the lowest one.
#[inline(always)]
fn below_or_at_lowest(mask: u64) -> u64 {
    mask.wrapping_sub(1) ^ mask
}
