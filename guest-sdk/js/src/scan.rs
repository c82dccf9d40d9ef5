//! Finds the end of JSON values, sixteen bytes at a time. The text is taken to be JSON; text that is not gives wrong ends,
//! never a panic. What is long is looked at 64 bytes at a time ([`blocks`]).

mod blocks;
mod elements;
mod members;

use crate::lanes::{self, Lanes, WIDTH};
use blocks::Inside;

pub use elements::Elements;
pub use members::Members;

/// What was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Where it ends.
    pub end: usize,
    /// It is as `JSON.stringify` would have it, but for its numbers: without white space, strings with no other
    /// escapes than needed, no names that JavaScript would put in another order.
    pub is_usual: bool,
}

/// Bytes of a value that are looked at before it is taken to be a long one.
const SHORT: usize = 256;

/// Passes over the object or array that begins at a place.
pub fn nested(bytes: &[u8], from: usize) -> Scan {
    match short(bytes, from) {
        Ok(scan) => scan,
        Err(inside) => inside.end::<false>(&mut Elements::default()),
    }
}

/// The same of an array, and of a long one where its elements are.
pub fn array(bytes: &[u8], from: usize) -> (Scan, Option<Elements>) {
    match short(bytes, from) {
        Ok(scan) => (scan, None),
        Err(_) => {
            let (scan, elements) = Elements::passed(bytes, from);
            (scan, Some(elements))
        }
    }
}

/// Passes over an object or array, if it is short; otherwise over its beginning.
fn short(bytes: &[u8], from: usize) -> Result<Scan, Inside<'_>> {
    let (mut at, mut depth, mut is_usual) = (from + 1, 1_u32, true);
    while let Some(lanes) = lanes::at(bytes, at) {
        if at - from > SHORT {
            return Err(Inside {
                bytes,
                at,
                depth,
                is_usual,
            });
        }
        let quotes = lanes.is(b'"').high_bits();
        let (outside, next) = match quotes {
            0 => (u32::MAX, at + WIDTH),
            _ if lanes.is(b'\\').high_bits() == 0 => {
                let (outside, width) = strings(bytes, at, lanes, quotes, &mut is_usual);
                match width {
                    // A string that is longer than what is looked at begins here.
                    0 => (0, string_in(bytes, at, &mut is_usual)),
                    _ => (outside, at + width),
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
        // `{}` and `[]` do not change the depth.
        let empty = open << 1 & close;
        let (open, close) = (open & !(empty >> 1), close & !empty);
        is_usual &= lanes.is_below(0x21).high_bits() & outside == 0;
        if close.count_ones() < depth {
            depth = depth + open.count_ones() - close.count_ones();
        } else {
            let (mut left, mut closed) = (close, 0);
            while left != 0 {
                let bracket = left.trailing_zeros();
                let opened = (open & ((1 << bracket) - 1)).count_ones();
                closed += 1;
                if depth + opened == closed {
                    let end = at + bracket as usize + 1;
                    // White space behind it is not its own.
                    let is_usual =
                        is_usual || is_usual_text(bytes.get(from..end).unwrap_or_default());
                    return Ok(Scan { end, is_usual });
                }
                left &= left - 1;
            }
            depth = depth + open.count_ones() - closed;
        }
        at = next;
    }
    Ok(rest(bytes, at, depth, is_usual))
}

/// Looks at a block in which strings without backslashes begin. Returns the bytes that are outside of them, up to the
/// string that does not end here, and how many bytes that is.
#[inline(always)]
fn strings(
    bytes: &[u8],
    at: usize,
    lanes: Lanes,
    quotes: u32,
    is_usual: &mut bool,
) -> (u32, usize) {
    // Each bit becomes whether the quotes up to it are an odd number.
    let mut inside = quotes ^ quotes << 1;
    inside ^= inside << 2;
    inside ^= inside << 4;
    inside ^= inside << 8;
    let width = match inside >> (WIDTH - 1) & 1 {
        0 => WIDTH,
        _ => (31 - (quotes & 0xffff).leading_zeros()) as usize,
    };
    let here = (1 << width) - 1;
    let begins = quotes & inside & here;
    let ends = quotes & !inside & here;
    if *is_usual && begins != 0 {
        let mut colons = (ends << 1) & lanes.is(b':').high_bits();
        if ends >> (WIDTH - 1) == 1 && bytes.get(at + WIDTH) == Some(&b':') {
            colons |= 1 << WIDTH;
        }
        let digits = lanes.is_below(b':').high_bits() & !lanes.is_below(b'0').high_bits();
        if colons != 0 && begins << 1 & digits != 0 {
            *is_usual = no_name_is_number(begins, ends, colons, digits);
        }
    }
    (!inside & here, width)
}

/// Whether none of the names, which are the strings that a colon follows, begins with a digit.
#[cold]
fn no_name_is_number(mut begins: u32, mut ends: u32, colons: u32, digits: u32) -> bool {
    while begins != 0 && ends != 0 {
        let (begin, end) = (begins.trailing_zeros(), ends.trailing_zeros());
        if colons >> (end + 1) & 1 == 1 && digits >> (begin + 1) & 1 == 1 {
            return false;
        }
        begins &= begins - 1;
        ends &= ends - 1;
    }
    true
}

/// Passes over the string that begins at a place.
pub fn string(bytes: &[u8], from: usize) -> Scan {
    let mut is_usual = true;
    let end = string_in(bytes, from, &mut is_usual);
    Scan { end, is_usual }
}

/// The place behind the string that begins at a place.
fn string_in(bytes: &[u8], from: usize, is_usual: &mut bool) -> usize {
    let mut at = from + 1;
    'blocks: while let Some(lanes) = lanes::at(bytes, at) {
        let quotes = lanes.is(b'"').high_bits();
        let escapes = lanes.is(b'\\').high_bits();
        if quotes & below_lowest(escapes) != 0 {
            at += quotes.trailing_zeros() as usize;
            break;
        }
        if escapes == 0 {
            at += WIDTH;
            continue;
        }
        if escapes == EVERY_SECOND && letters(lanes) & !escapes & 0xffff == !EVERY_SECOND & 0xffff {
            at += WIDTH;
            continue;
        }
        let end = at + WIDTH;
        at += escapes.trailing_zeros() as usize;
        while at < end {
            match bytes.get(at) {
                Some(b'"') => break 'blocks,
                Some(b'\\') => at += escape(bytes, at, is_usual),
                _ => at += 1,
            }
        }
    }
    loop {
        match bytes.get(at) {
            Some(b'"') => break,
            Some(b'\\') => at += escape(bytes, at, is_usual),
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
    let is_number = bytes.get(from + 1).is_some_and(u8::is_ascii_digit);
    *is_usual &= !(is_number && bytes.get(at + 1) == Some(&b':'));
    at + 1
}

/// A block in which a backslash stands in front of each second byte.
const EVERY_SECOND: u32 = 0x5555;

/// The bytes that may stand behind a backslash, but for that itself and `u`.
fn letters(lanes: Lanes) -> u32 {
    let all = [b'"', b'b', b'f', b'n', b'r', b't'];
    all.map(|byte| lanes.is(byte).high_bits())
        .iter()
        .fold(0, |all, one| all | one)
}

/// Which bytes come behind a backslash in what `JSON.stringify` writes, but for `u`.
const ESCAPES: [bool; 256] = {
    let (mut escapes, all) = ([false; 256], b"\"\\bfnrt");
    let mut at = 0;
    while at < all.len() {
        escapes[all[at] as usize] = true;
        at += 1;
    }
    escapes
};

/// How long an escape is.
#[inline(always)]
fn escape(bytes: &[u8], at: usize, is_usual: &mut bool) -> usize {
    let next = bytes.get(at + 1).copied().unwrap_or_default();
    if ESCAPES[usize::from(next)] {
        return 2;
    }
    if next == b'u' && is_needed(bytes.get(at + 2..at + 6)) {
        return 6;
    }
    *is_usual = false;
    2
}

/// Whether an escape's digits stand for a control character that has no shorter one.
#[inline(always)]
fn is_needed(digits: Option<&[u8]>) -> bool {
    let Some(&[b'0', b'0', high, low]) = digits else {
        return false;
    };
    match high {
        b'0' => matches!(low, b'0'..=b'7' | b'b' | b'e' | b'f'),
        b'1' => matches!(low, b'0'..=b'9' | b'a'..=b'f'),
        _ => false,
    }
}

/// The same byte by byte, where the text ends.
fn rest(bytes: &[u8], mut at: usize, mut depth: u32, mut is_usual: bool) -> Scan {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_in(bytes, at, &mut is_usual);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Scan {
                        end: at + 1,
                        is_usual,
                    };
                }
            }
            b' ' | b'\n' | b'\r' | b'\t' => is_usual = false,
            _ => {}
        }
        at += 1;
    }
    Scan {
        end: bytes.len(),
        is_usual: false,
    }
}

/// Whether a text that is looked at once more is as usual.
#[cold]
fn is_usual_text(text: &[u8]) -> bool {
    rest(text, 1, 1, true).is_usual
}

/// The bits below the lowest one of a mask; all if it has none.
fn below_lowest(mask: u32) -> u32 {
    mask.wrapping_sub(1) & !mask
}

#[cfg(test)]
mod tests;
