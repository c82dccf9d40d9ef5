//! Between UTF-8 and the characters of the engine's strings, which are Latin-1 or UTF-16.

use rquickjs::{Ctx, qjs};

use super::Characters;
use crate::lanes::{self, WIDTH};

/// A string of a text, which is UTF-8, or the exception. Quicker than `JS_NewStringLen` for what is not ASCII.
pub fn string(ctx: &Ctx<'_>, bytes: &[u8]) -> qjs::JSValue {
    let context = ctx.as_raw().as_ptr();
    let new = |bytes: &[u8]| {
        // SAFETY: so many bytes.
        unsafe { qjs::JS_NewStringLen(context, bytes.as_ptr().cast(), bytes.len() as _) }
    };
    if !super::is_known() || bytes.len() < WIDTH || lanes::is_ascii(bytes) {
        return new(bytes);
    }
    if let Some(length) = latin_length(bytes) {
        let made = new(&vec![b' '; length]);
        // SAFETY: a new string without other references, of so many bytes.
        if let Some(Characters::Latin(place)) = unsafe { super::characters(made) } {
            let place = place.as_ptr().cast_mut();
            unsafe { decode_latin(bytes, std::slice::from_raw_parts_mut(place, length)) };
        }
        return made;
    }
    let mut units = Vec::with_capacity(bytes.len());
    decode(bytes, &mut units);
    // SAFETY: so many units.
    unsafe { qjs::JS_NewStringUTF16(context, units.as_ptr(), units.len() as _) }
}

/// How many characters a UTF-8 text has if all of them are Latin-1.
fn latin_length(text: &[u8]) -> Option<usize> {
    /// The first byte that begins a character of more.
    const MORE: u8 = 0xc4;
    let mut characters = 0;
    let (blocks, rest) = text.as_chunks::<WIDTH>();
    for block in blocks {
        let lanes = lanes::Lanes::of(block);
        if lanes.is_below(MORE).high_bits() != 0xffff {
            return None;
        }
        // All but those that go on with a character.
        let more = lanes.high_bits() & lanes.is_below(0xc0).high_bits();
        characters += WIDTH - more.count_ones() as usize;
    }
    for &byte in rest {
        if byte >= MORE {
            return None;
        }
        characters += usize::from(byte & 0xc0 != 0x80);
    }
    Some(characters)
}

fn decode_latin(text: &[u8], out: &mut [u8]) {
    let (mut at, mut to) = (0, 0);
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<WIDTH>) {
        if let Some(room) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<WIDTH>) {
            let run = lanes::Lanes::of(block)
                .high_bits()
                .trailing_zeros()
                .min(WIDTH as u32) as usize;
            if run > 0 {
                *room = *block;
                (at, to) = (at + run, to + run);
                continue;
            }
        }
        let word = u64::from_le_bytes(*block.first_chunk().unwrap_or(&[0; 8]));
        if word & 0xc0fe_c0fe_c0fe_c0fe == 0x80c2_80c2_80c2_80c2
            && let Some(room) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<4>)
        {
            // Four characters of two bytes: their bits are put together, and the gaps are closed.
            let units = word << 6 & 0x00c0_00c0_00c0_00c0 | word >> 8 & 0x003f_003f_003f_003f;
            let pairs = (units | units >> 8) & 0x0000_ffff_0000_ffff;
            *room = ((pairs | pairs >> 16) as u32).to_le_bytes();
            (at, to) = (at + 8, to + 4);
            continue;
        }
        if !decode_one(text, &mut at, out, &mut to) {
            return;
        }
    }
    while decode_one(text, &mut at, out, &mut to) {}
}

fn decode_one(text: &[u8], at: &mut usize, out: &mut [u8], to: &mut usize) -> bool {
    let (Some(&first), Some(place)) = (text.get(*at), out.get_mut(*to)) else {
        return false;
    };
    *at += 1;
    *to += 1;
    *place = first;
    if first >= 0x80 {
        let second = text.get(*at).copied().unwrap_or_default();
        *at += 1;
        *place = first << 6 | second & 0x3f;
    }
    true
}

fn decode(bytes: &[u8], out: &mut Vec<u16>) {
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<WIDTH>) {
        out.reserve(WIDTH);
        if lanes::Lanes::of(block).high_bits() == 0 {
            out.extend_from_slice(&block.map(u16::from));
            at += WIDTH;
            continue;
        }
        if let Some(pairs) = four_pairs(block) {
            // SAFETY: there is room for so many units.
            unsafe {
                let end = out.as_mut_ptr().add(out.len());
                end.cast::<[u64; 2]>().write_unaligned(pairs);
                out.set_len(out.len() + WIDTH / 2);
            }
            at += WIDTH;
            continue;
        }
        let mut units = [0; WIDTH];
        let (mut from, mut to) = (0, 0);
        // As long as the longest character fits.
        while let Some(next) = block.get(from..).and_then(<[u8]>::first_chunk::<4>) {
            let (length, pair) = decode_next(u32::from_le_bytes(*next));
            let Some(room) = units.get_mut(to..).and_then(<[u16]>::first_chunk_mut::<2>) else {
                break;
            };
            *room = [pair as u16, (pair >> 16) as u16];
            to += 1 + usize::from(length == 4);
            from += length;
        }
        out.extend_from_slice(&units[..to]);
        at += from;
    }
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let mut next = [0; 4];
        let length = rest.len().min(next.len());
        next[..length].copy_from_slice(&rest[..length]);
        let (length, pair) = decode_next(u32::from_le_bytes(next));
        out.push(pair as u16);
        if length == 4 {
            out.push((pair >> 16) as u16);
        }
        at += length;
    }
}

/// The units of four characters of four bytes each; None if there are others.
#[inline(always)]
fn four_pairs(block: &[u8; WIDTH]) -> Option<[u64; 2]> {
    let (words, _) = block.as_chunks::<8>();
    let &[first, second] = words else { return None };
    let words = [first, second].map(u64::from_le_bytes);
    let is_long = |word: u64| word & twice(0xc0c0_c0f8) == twice(0x8080_80f0);
    (is_long(words[0]) && is_long(words[1])).then(|| words.map(|word| two_pairs(word).to_le()))
}

/// The same bits for both halves of a word.
const fn twice(bits: u32) -> u64 {
    (bits as u64) << 32 | bits as u64
}

/// Two characters of four bytes as four units.
#[inline(always)]
fn two_pairs(word: u64) -> u64 {
    let high = (word & twice(7)) << 8 | word >> 6 & twice(0xfc) | word >> 20 & twice(3);
    let low = word << 6 & twice(0x03c0_0000) | word >> 8 & twice(0x003f_0000);
    // What is above 0xffff is told in ten bits each.
    (high | low) + twice(0xdc00_d7c0)
}

/// Two surrogate pairs as two characters of four bytes; None if there are others.
#[inline(always)]
fn two_long(units: &[u16; 4]) -> Option<u64> {
    // SAFETY: so many bytes.
    let word = u64::from_le(unsafe { units.as_ptr().cast::<u64>().read_unaligned() });
    if word & twice(0xfc00_fc00) != twice(0xdc00_d800) {
        return None;
    }
    let high = (word & twice(0x3ff)) + twice(0x40);
    let first = high >> 8 & twice(7) | high << 6 & twice(0x3f00) | (high & twice(3)) << 20;
    let last = word >> 6 & twice(0x000f_0000) | word << 8 & twice(0x3f00_0000);
    Some(first | last | twice(0x8080_80f0))
}

/// How many bytes the first character of these has, and its one or two units, the first one in the lower half.
#[inline(always)]
fn decode_next(next: u32) -> (usize, u32) {
    let low = |byte: u32| next >> (8 * byte) & 0x3f;
    match next & 0xff {
        first @ 0..=0x7f => (1, first),
        first @ 0x80..=0xdf => (2, (first & 0x1f) << 6 | low(1)),
        first @ 0xe0..=0xef => (3, (first & 0xf) << 12 | low(1) << 6 | low(2)),
        first => {
            let scalar =
                ((first & 7) << 18 | low(1) << 12 | low(2) << 6 | low(3)).wrapping_sub(0x1_0000);
            (
                4,
                0xdc00_d800 | (scalar >> 10 & 0x3ff) | (scalar & 0x3ff) << 16,
            )
        }
    }
}

/// Appends characters as UTF-8; half a surrogate pair becomes three bytes, as if it were a character. Says whether
/// there was none.
pub fn encode(characters: Characters<'_>, out: &mut Vec<u8>) -> bool {
    match characters {
        Characters::Latin(bytes) => {
            encode_latin(bytes, out);
            true
        }
        Characters::Wide(units) => encode_wide(units, out),
    }
}

fn encode_latin(bytes: &[u8], out: &mut Vec<u8>) {
    if lanes::is_ascii(bytes) {
        return out.extend_from_slice(bytes);
    }
    let (words, rest) = bytes.as_chunks::<4>();
    let (pairs, last) = words.as_chunks::<4>();
    for four in pairs {
        out.reserve(2 * WIDTH);
        let block = four.as_flattened();
        match block
            .first_chunk()
            .map(|block| lanes::Lanes::of(block).high_bits())
        {
            Some(0) => out.extend_from_slice(block),
            Some(0xffff) => {
                let mut twice = [[0; 8]; 4];
                for (place, word) in twice.iter_mut().zip(four) {
                    // Gaps are made between the characters, and each becomes two bytes.
                    let word = u64::from(u32::from_le_bytes(*word));
                    let pairs = (word | word << 16) & 0x0000_ffff_0000_ffff;
                    let units = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
                    let first = units >> 6 & 0x0003_0003_0003_0003 | 0x00c0_00c0_00c0_00c0;
                    let second = units << 8 & 0x3f00_3f00_3f00_3f00 | 0x8000_8000_8000_8000;
                    *place = (first | second).to_le_bytes();
                }
                out.extend_from_slice(twice.as_flattened());
            }
            _ => block.iter().for_each(|&byte| push_latin(byte, out)),
        }
    }
    last.iter()
        .flatten()
        .chain(rest)
        .for_each(|&byte| push_latin(byte, out));
}

#[inline(always)]
fn push_latin(byte: u8, out: &mut Vec<u8>) {
    match byte {
        0..=0x7f => out.push(byte),
        _ => out.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]),
    }
}

fn encode_wide(units: &[u16], out: &mut Vec<u8>) -> bool {
    /// Units that are encoded before they are appended.
    const STEP: usize = 64;
    let (mut at, mut is_well_formed) = (0, true);
    let mut bytes = [0; 3 * STEP + 8];
    while at < units.len() {
        let end = units.len().min(at + STEP);
        let mut to = 0;
        while at < end {
            if units[at] & 0xfc00 == 0xd800
                && let Some(four) = units.get(at..).and_then(<[u16]>::first_chunk)
                && let Some(long) = two_long(four)
                && let Some(room) = bytes.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<8>)
            {
                *room = long.to_le_bytes();
                (at, to) = (at + 4, to + 8);
                continue;
            }
            let (taken, length, four) = encode_next(units, at);
            is_well_formed &= length > 0;
            let length = if length == 0 { 3 } else { length };
            if let Some(room) = bytes.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<4>) {
                *room = four.to_le_bytes();
            }
            at += taken;
            to += length;
        }
        out.extend_from_slice(&bytes[..to]);
    }
    is_well_formed
}

/// How many units the next character has, how many bytes it becomes, and those, the first one lowest. The length is 0
/// for half a surrogate pair, which becomes three.
#[inline(always)]
fn encode_next(units: &[u16], at: usize) -> (usize, usize, u32) {
    let unit = u32::from(units[at]);
    let low = |bits: u32| 0x80 | bits & 0x3f;
    match unit {
        0..=0x7f => (1, 1, unit),
        0x80..=0x7ff => (1, 2, 0xc0 | unit >> 6 | low(unit) << 8),
        0xd800..=0xdbff if matches!(units.get(at + 1), Some(0xdc00..=0xdfff)) => {
            let scalar = 0x1_0000 + ((unit & 0x3ff) << 10 | u32::from(units[at + 1]) & 0x3ff);
            (
                2,
                4,
                0xf0 | scalar >> 18
                    | low(scalar >> 12) << 8
                    | low(scalar >> 6) << 16
                    | low(scalar) << 24,
            )
        }
        _ => {
            let length = if matches!(unit, 0xd800..=0xdfff) {
                0
            } else {
                3
            };
            (
                1,
                length,
                0xe0 | unit >> 12 | low(unit >> 6) << 8 | low(unit) << 16,
            )
        }
    }
}

#[cfg(test)]
mod tests;
