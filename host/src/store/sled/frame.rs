//! How groups lie in a slot's bytes: headers, MACs, checksums.
//!
//! Payloads hold bytes that strangers chose, and a slot is written over payloads of before. So
//! that none of them can be taken for a group, a group's header is authenticated with the store's seed.

use std::fs::File;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::codec::damaged;
use super::failure::OpenError;
use crate::store::StoreError;

const MAGIC: &[u8; 8] = b"stepwlog";
const VERSION: u32 = 1;
/// Bytes before a slot's first group.
pub(super) const SLOT_HEADER: usize = 32;
/// Bytes before a group's payload.
pub(super) const HEADER: usize = 24;

/// The key of the checksums of groups, in a store of this seed.
pub(super) fn key(seed: &[u8; 32]) -> [u8; 32] {
    let key = Sha256::new_with_prefix(b"stepwell log").chain_update(seed);
    key.finalize().into()
}

pub(super) fn framed_length(payload: usize) -> u64 {
    (HEADER + payload).next_multiple_of(8) as u64
}

pub(super) fn slot_header(first: u64) -> [u8; SLOT_HEADER] {
    let mut header = [0; SLOT_HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&first.to_le_bytes());
    let sum = crc32fast::hash(&header[..24]);
    header[24..28].copy_from_slice(&sum.to_le_bytes());
    header
}

/// The number of a slot's first group, or `None` if the slot was never used.
pub(super) fn first_of_header(
    header: &[u8; SLOT_HEADER],
    path: &Path,
) -> Result<Option<u64>, OpenError> {
    let number = |at: usize| {
        let bytes = header.get(at..at + 8).and_then(|part| part.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    let sound = crc32fast::hash(&header[..24]) == number(24) as u32;
    if header[..8] != MAGIC[..] || !sound {
        return Ok(None);
    }
    let version = number(8) as u32;
    if version > VERSION {
        return Err(OpenError::Newer {
            path: path.display().to_string(),
            found: version,
            known: VERSION,
        });
    }
    Ok(Some(number(16)))
}

/// The message authentication code of a group's header: it proves that this store wrote it.
fn mac(key: &[u8; 32], length: u32, sum: u32, number: u64) -> [u8; 8] {
    let digest = Sha256::new_with_prefix(key)
        .chain_update(length.to_le_bytes())
        .chain_update(sum.to_le_bytes())
        .chain_update(number.to_le_bytes())
        .finalize();
    let mut mac = [0; 8];
    mac.copy_from_slice(&digest[..8]);
    mac
}

/// Writes the header of the group in `buffer`, and pads it.
pub(super) fn authenticate_group(
    buffer: &mut Vec<u8>,
    key: &[u8; 32],
    number: u64,
) -> Result<(), StoreError> {
    let payload = &buffer[SLOT_HEADER + HEADER..];
    let length = u32::try_from(payload.len())
        .map_err(|_| StoreError::Refused("a group of 4 GiB or more is not stored".into()))?;
    let sum = crc32fast::hash(payload);
    let end = SLOT_HEADER + framed_length(payload.len()) as usize;
    buffer.resize(end, 0);
    let header = &mut buffer[SLOT_HEADER..SLOT_HEADER + HEADER];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&sum.to_le_bytes());
    header[8..16].copy_from_slice(&number.to_le_bytes());
    header[16..].copy_from_slice(&mac(key, length, sum, number));
    Ok(())
}

/// The payload's place if there is a sound group at `at` whose number is in `wanted`.
fn frame_at(
    bytes: &[u8],
    key: &[u8; 32],
    at: usize,
    wanted: RangeInclusive<u64>,
) -> Option<(usize, usize)> {
    let header = bytes.get(at..at + HEADER)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?);
    let sum = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let number = u64::from_le_bytes(header[8..16].try_into().ok()?);
    let payload = bytes.get(at + HEADER..at + HEADER + length as usize)?;
    let sound = wanted.contains(&number)
        && header[16..] == mac(key, length, sum, number)
        && crc32fast::hash(payload) == sum;
    sound.then_some((at + HEADER, length as usize))
}

/// Whether the first group of a slot is sound, whatever is before it, and has that number or a higher one.
pub(super) fn begins_at(slot: &File, key: &[u8; 32], low: u64) -> bool {
    let mut header = [0; SLOT_HEADER + HEADER];
    if slot.read_exact_at(&mut header, 0).is_err() {
        return false;
    }
    let length = u32::from_le_bytes([header[32], header[33], header[34], header[35]]);
    let slot_bytes = slot.metadata().map_or(0, |slot| slot.len());
    if u64::from(length) > slot_bytes {
        return false;
    }
    let mut bytes = vec![0; SLOT_HEADER + HEADER + length as usize];
    slot.read_exact_at(&mut bytes, 0).is_ok()
        && frame_at(&bytes, key, SLOT_HEADER, low..=u64::MAX).is_some()
}

/// Where the sound groups of a slot are: from `first` on, without a gap.
pub(super) fn read_slot(
    bytes: &[u8],
    key: &[u8; 32],
    first: u64,
) -> Result<Vec<(u64, usize)>, StoreError> {
    let mut groups = Vec::new();
    let mut at = SLOT_HEADER;
    let mut number = first;
    while let Some((offset, length)) = frame_at(bytes, key, at, number..=number) {
        groups.push((offset as u64, length));
        at += framed_length(length) as usize;
        number += 1;
    }
    // An older group here has a lower number; a sound group with a higher one was written after
    // this one was synced.
    let highest = first + (bytes.len() / HEADER) as u64;
    if has_group(bytes, key, at, number + 1..=highest) {
        return Err(damaged("the log", &format!("group {number} is not sound")));
    }
    Ok(groups)
}

/// Whether there is a sound group behind a place whose number is in `wanted`, which does not have 0.
fn has_group(bytes: &[u8], key: &[u8; 32], from: usize, wanted: RangeInclusive<u64>) -> bool {
    const NEVER_WRITTEN: [u8; 4096] = [0; 4096];
    let numbers = bytes.get(from + 8..).unwrap_or_default();
    // Most of a slot has never been written, or not since it was last used: only numbers are looked at there.
    for (chunk, numbers) in numbers.chunks(NEVER_WRITTEN.len()).enumerate() {
        if numbers == &NEVER_WRITTEN[..numbers.len()] {
            continue;
        }
        for (word, number) in numbers.as_chunks::<8>().0.iter().enumerate() {
            let at = from + chunk * NEVER_WRITTEN.len() + word * 8;
            if wanted.contains(&u64::from_le_bytes(*number))
                && frame_at(bytes, key, at, wanted.clone()).is_some()
            {
                return true;
            }
        }
    }
    false
}

/// The number and the payload of every sound group in a slot's bytes, also of those that are not needed any more.
pub(super) fn every_group<'a>(
    bytes: &'a [u8],
    key: &[u8; 32],
) -> impl Iterator<Item = (u64, &'a [u8])> {
    let mut at = SLOT_HEADER;
    std::iter::from_fn(move || {
        while at + HEADER <= bytes.len() {
            let begin = at;
            at += 8;
            if let Some((offset, length)) = frame_at(bytes, key, begin, 0..=u64::MAX) {
                at = begin + framed_length(length) as usize;
                let number = u64::from_le_bytes(bytes[begin + 8..begin + 16].try_into().ok()?);
                return Some((number, &bytes[offset..offset + length]));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn group(key: &[u8; 32], number: u64, payload: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; SLOT_HEADER + HEADER];
        buffer.extend_from_slice(payload);
        authenticate_group(&mut buffer, key, number).unwrap();
        buffer.split_off(SLOT_HEADER)
    }

    #[test]
    fn a_later_group_is_found_wherever_it_lies_behind_one_that_is_missing() {
        let key = key(&[7; 32]);
        for gap in (0..9000).step_by(8).chain([40_000, 65_536]) {
            for (number, is_damage) in [(7, true), (5, false), (4, false)] {
                let mut slot = slot_header(5).to_vec();
                slot.extend(group(&key, 5, b"first"));
                // Group 6 is not there; what is, was never written.
                slot.resize(slot.len() + gap, 0);
                slot.extend(group(&key, number, b"later"));
                slot.resize(slot.len() + 10_000, 0);
                let found = read_slot(&slot, &key, 5);
                // Directly behind the first one, a group with its number or a lower one is left over too.
                assert_eq!(found.is_err(), is_damage, "group {number}, {gap} bytes on");
            }
        }
    }
}
