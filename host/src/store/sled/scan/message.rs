//! One message of sled's log.

/// Bytes of a segment; sled's default.
pub(in super::super) const SEGMENT: usize = 512 * 1024;
/// No message begins in the last bytes of a segment.
pub(super) const RED_ZONE: usize = 32;

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Nothing: it was given up, or is of no interest here.
    Other,
    /// The rest of the segment is not used.
    Cap,
    /// The messages up to the one at the position in the body are one change.
    Batch,
    /// The page is not used any more.
    Free,
    /// The page, whole.
    Node,
    /// A change of the page.
    Link,
    /// The page, or a change of it, is in a file of its own.
    Elsewhere,
}

/// A message that has its checksum.
#[derive(Debug)]
pub(in super::super) struct Message<'a> {
    pub lsn: i64,
    /// The position behind its last byte.
    pub end: i64,
    pub kind: Kind,
    pub page: u64,
    pub body: &'a [u8],
}

/// A message that has its checksum, in a segment.
pub(super) struct SoundMessage {
    /// The number of the segment that it was written for.
    pub number: u64,
    pub kind: Kind,
    pub page: u64,
    /// Where its body begins and ends.
    pub body: usize,
    pub end: usize,
}

/// A number as sled writes it: small ones take a byte.
pub(super) fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = u64::from(*bytes.get(*at)?);
    let byte = |at: usize| bytes.get(at).map(|byte| u64::from(*byte));
    let (number, length) = match first {
        0..=240 => (first, 1),
        241..=248 => (240 + 256 * (first - 241) + byte(*at + 1)?, 2),
        249 => (2288 + 256 * byte(*at + 1)? + byte(*at + 2)?, 3),
        _ => {
            let length = first as usize - 247;
            let mut little = [0; 8];
            little[..length].copy_from_slice(bytes.get(*at + 1..*at + 1 + length)?);
            (u64::from_le_bytes(little), 1 + length)
        }
    };
    *at += length;
    Some(number)
}

/// The message at `at`, if there is a sound one.
pub(super) fn parse(segment: &[u8], at: usize) -> Option<SoundMessage> {
    let sum = u32::from_le_bytes(*segment.get(at..)?.first_chunk()?);
    let kind = match segment.get(at + 4)? {
        1 | 5 | 6 => Kind::Other,
        2 => Kind::Cap,
        3 => Kind::Batch,
        4 => Kind::Free,
        8 => Kind::Node,
        10 => Kind::Link,
        7 | 9 | 11 => Kind::Elsewhere,
        _ => return None,
    };
    let mut body = at + 5;
    let length = number(segment, &mut body)?;
    if length > SEGMENT as u64 {
        return None;
    }
    let own = number(segment, &mut body)?;
    let page = number(segment, &mut body)?;
    let end = body + length as usize;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(segment.get(body..end)?);
    hasher.update(segment.get(at + 4..body)?);
    (hasher.finalize() ^ u32::MAX == sum).then_some(SoundMessage {
        number: own,
        kind,
        page,
        body,
        end,
    })
}

/// The first place from `from` on where there is a sound message of any segment, and that one's number.
pub(super) fn find(segment: &[u8], from: usize) -> Option<(usize, u64)> {
    let last = segment.len().min(SEGMENT - RED_ZONE + 1);
    (from..last).find_map(|at| Some((at, parse(segment, at)?.number)))
}
