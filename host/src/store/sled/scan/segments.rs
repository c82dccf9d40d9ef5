//! The segments of the tree's file, and the messages in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::message::{Kind, Message, RED_ZONE, SEGMENT, SoundMessage, find, parse};

/// Bytes before a segment's first message.
pub(super) const SEGMENT_HEADER: usize = 20;

/// Bytes that are no message where one should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Hole {
    /// Where in the file it begins.
    pub offset: u64,
    pub bytes: u64,
    /// Where in sled's log it begins.
    pub lsn: i64,
}

/// The segments of a file, by their place in sled's log, and the errors in their headers.
struct Segments {
    ordered: BTreeMap<i64, u64>,
    holes: Vec<Hole>,
}

pub(super) fn header_lsn(header: &[u8; SEGMENT_HEADER]) -> Option<i64> {
    let [a, b, c, d, rest @ ..] = header;
    let sum = u32::from_le_bytes([*a, *b, *c, *d]) ^ u32::MAX;
    let lsn = i64::from_le_bytes(*rest.first_chunk()?) ^ i64::MAX;
    (crc32fast::hash(rest) == sum && lsn >= 0 && lsn % SEGMENT as i64 == 0).then_some(lsn)
}

pub(super) fn read_segment(file: &File, offset: u64, into: &mut Vec<u8>) -> io::Result<()> {
    into.resize(SEGMENT, 0);
    let mut read = 0;
    while read < SEGMENT {
        let more = file.read_at(&mut into[read..], offset + read as u64)?;
        if more == 0 {
            break;
        }
        read += more;
    }
    into.truncate(read);
    Ok(())
}

impl Segments {
    /// The segments from `from` on in sled's log.
    fn of(file: &File, from: i64) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        let (mut ordered, mut unread) = (BTreeMap::new(), Vec::new());
        for offset in (0..bytes).step_by(SEGMENT) {
            let mut header = [0; SEGMENT_HEADER];
            match file.read_exact_at(&mut header, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(error),
            }
            match header_lsn(&header) {
                Some(lsn) => {
                    ordered.insert(lsn, offset);
                }
                // sled fills a segment that it gives up with zeros.
                None if header == [0; SEGMENT_HEADER] => {}
                None => unread.push(offset),
            }
        }
        let mut holes = Vec::new();
        let mut segment = Vec::new();
        for offset in unread {
            read_segment(file, offset, &mut segment)?;
            let number = find(&segment, SEGMENT_HEADER).map(|(_, number)| number);
            let lsn =
                number.and_then(|number| i64::try_from(number).ok()?.checked_mul(SEGMENT as i64));
            let Some(lsn) = lsn else { continue };
            if let std::collections::btree_map::Entry::Vacant(free) = ordered.entry(lsn) {
                free.insert(offset);
                holes.push(Hole {
                    offset,
                    bytes: SEGMENT_HEADER as u64,
                    lsn,
                });
            }
        }
        let from = from / SEGMENT as i64 * SEGMENT as i64;
        let ordered = ordered.split_off(&from);
        holes.retain(|hole| hole.lsn >= from);
        Ok(Self { ordered, holes })
    }
}

/// Where the segments are in the file that follow the one of `lsn` in sled's log, in their order.
pub(super) fn segments_after(file: &File, lsn: i64) -> io::Result<Vec<u64>> {
    let next = (lsn / SEGMENT as i64 + 1) * SEGMENT as i64;
    let Segments { ordered, .. } = Segments::of(file, next)?;
    Ok(ordered.into_values().collect())
}

/// Hands every sound message from `from` on to `visit`, in the order in which sled wrote them, and gives the
/// holes between them. The last hole may be the end of the written part.
pub(in super::super) fn scan(
    path: &Path,
    from: i64,
    mut visit: impl FnMut(&Message<'_>),
) -> io::Result<Vec<Hole>> {
    let file = File::open(path)?;
    let Segments { ordered, mut holes } = Segments::of(&file, from)?;
    let mut segment = Vec::new();
    for (base, offset) in ordered {
        read_segment(&file, offset, &mut segment)?;
        scan_segment(&segment, base, offset, &mut holes, &mut visit);
    }
    holes.sort_unstable_by_key(|hole| hole.lsn);
    Ok(holes)
}

fn scan_segment(
    segment: &[u8],
    base: i64,
    offset: u64,
    holes: &mut Vec<Hole>,
    visit: &mut impl FnMut(&Message<'_>),
) {
    let number = base as u64 / SEGMENT as u64;
    let mut at = SEGMENT_HEADER;
    while at + RED_ZONE <= SEGMENT {
        match parse(segment, at) {
            Some(SoundMessage {
                number: own,
                kind,
                page,
                body,
                end,
            }) if own == number => {
                if kind == Kind::Cap {
                    return;
                }
                visit(&Message {
                    lsn: base + at as i64,
                    end: base + end as i64,
                    kind,
                    page,
                    body: &segment[body..end],
                });
                at = end;
            }
            _ => {
                // After a restart sled has zeros up to the last byte.
                let rest = segment.get(at..).unwrap_or_default();
                let rest = &rest[..rest.len().saturating_sub(RED_ZONE)];
                if segment.len() == SEGMENT && rest.iter().all(|byte| *byte == 0) {
                    return;
                }
                let next = find(segment, at);
                match next {
                    // It was given up and is being written anew, from its end.
                    Some((_, newer)) if newer > number => return,
                    Some((next, own)) if own == number => {
                        holes.push(hole(base, offset, at, next));
                        at = next;
                    }
                    _ => {
                        holes.push(hole(base, offset, at, SEGMENT));
                        return;
                    }
                }
            }
        }
    }
}

fn hole(base: i64, offset: u64, at: usize, end: usize) -> Hole {
    Hole {
        offset: offset + at as u64,
        bytes: (end - at) as u64,
        lsn: base + at as i64,
    }
}
