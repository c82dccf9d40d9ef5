//! The checksum that a value of the tree has before it: [`MARK`], then the CRC-32 of the key and the value. So a
//! value is neither another one than was written, nor that of another key. Values of earlier versions have
//! none; they begin with the version of their kind, which is never so great.

use super::codec::damaged;
use super::key_names;
use crate::store::StoreError;

/// The first byte of a value that has a checksum.
const MARK: u8 = 0xc5;
/// Bytes before the value.
pub(super) const HEADER: usize = 5;

fn sum(key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_le_bytes()
}

/// A value as it is stored at its key.
pub(super) fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(HEADER + value.len());
    stored.push(MARK);
    stored.extend_from_slice(&sum(key, value));
    stored.extend_from_slice(value);
    stored
}

/// Whether a stored value has a checksum.
pub(super) fn is_sealed(stored: &[u8]) -> bool {
    stored.first() == Some(&MARK)
}

/// The value that is stored at a key.
///
/// # Errors
/// [`StoreError::Damaged`] names the kind and the key.
pub(super) fn open<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StoreError> {
    if !is_sealed(stored) {
        return Ok(stored);
    }
    let parts = stored[1..].split_first_chunk::<4>();
    match parts {
        Some((found, value)) if *found == sum(key, value) => Ok(value),
        _ => Err(wrong(key)),
    }
}

/// The error for a value that differs from the written one.
pub(super) fn wrong(key: &[u8]) -> StoreError {
    damaged(&key_names::name_of(key), "it is not what was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_at_its_own_key_and_as_it_was_written() {
        for value in [&b""[..], b"x", &[MARK; 100]] {
            let stored = seal(b"t/a", value);
            assert_eq!(open(b"t/a", &stored).unwrap(), value);
            assert!(open(b"t/b", &stored).is_err());
            for length in 1..stored.len() {
                assert!(open(b"t/a", &stored[..length]).is_err(), "{length}");
            }
            for at in 1..stored.len() {
                for bit in 0..8 {
                    let mut wrong = stored.clone();
                    wrong[at] ^= 1 << bit;
                    assert!(open(b"t/a", &wrong).is_err(), "{at}");
                }
            }
        }
        assert_eq!(
            open(b"t/a", &[1, 2, 3]).unwrap(),
            [1, 2, 3],
            "of an earlier version"
        );
    }
}
