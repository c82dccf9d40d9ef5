//! Long changes are written in fragments, so that small ones need not wait for all of them: each fragment is in a group with
//! what else there is, and the changes are decoded when the group is durable that has their end.
//!
//! One is written at a time. Until its end is there it is nothing: a crash leaves fragments that are never read.

use super::change::Change;
use super::codec::damaged;
use super::group::{self, End, Fragment, Item};
use super::message::Queued;
use crate::store::StoreError;

/// A long change that is being written.
pub(super) struct Long {
    pub(super) queued: Box<Queued>,
    /// The group that has its first fragment; none before that.
    pub(super) from: Option<u64>,
    /// The part that is written next, and how many bytes of it are written.
    at: (usize, usize),
    length: u64,
    sum: crc32fast::Hasher,
}

impl Long {
    pub(super) fn new(queued: Box<Queued>) -> Self {
        Self {
            queued,
            from: None,
            at: (0, 0),
            length: 0,
            sum: crc32fast::Hasher::new(),
        }
    }

    /// Appends the next bytes, `most` at most. True if they are the last.
    pub(super) fn push(&mut self, group: &mut Vec<u8>, most: usize) -> Result<bool, StoreError> {
        let (begin, end) = (group.len(), group.len() + most);
        let Self { queued, at, .. } = self;
        let (mut index, mut written) = *at;
        let parts: Vec<&[u8]> = queued.parts().map(|part| &*part.encoded).collect();
        while group.len() < end
            && let Some(part) = parts.get(index)
        {
            // As `push_change` has it.
            let length = u32::try_from(part.len())
                .map_err(|_| StoreError::Refused("a value of 4 GiB or more is not stored".into()))?
                .to_le_bytes();
            let left = end - group.len();
            let bytes = match length.get(written..) {
                Some(bytes) if !bytes.is_empty() => bytes,
                _ => &part[written - length.len()..],
            };
            let bytes = &bytes[..bytes.len().min(left)];
            group.extend_from_slice(bytes);
            written += bytes.len();
            if written == length.len() + part.len() {
                (index, written) = (index + 1, 0);
            }
        }
        let is_last = index == parts.len();
        *at = (index, written);
        self.length += (group.len() - begin) as u64;
        self.sum.update(&group[begin..]);
        Ok(is_last)
    }

    /// The end of the change: with it a reader makes the changes, once the order of its parts is known.
    pub(super) fn end(&mut self, from: u64) -> End {
        End {
            from,
            length: self.length,
            sum: self.sum.clone().finalize(),
            indexes: self.queued.parts().map(|part| part.change.index).collect(),
        }
    }
}

/// Puts fragments together that are read from the log.
#[derive(Default)]
pub(super) struct Fragments {
    from: u64,
    bytes: Vec<u8>,
}

/// A change that was read from the log, and the number of the first group that holds a part of it.
pub(super) struct DecodedChange {
    pub(super) change: Change,
    pub(super) from: u64,
}

impl Fragments {
    /// The changes that group `number` completes, in order; an error in place of those that differ from the written ones.
    ///
    /// # Errors
    /// A group that differs from the written one.
    pub(super) fn changes(
        &mut self,
        number: u64,
        payload: &[u8],
    ) -> Result<Vec<Result<DecodedChange, StoreError>>, StoreError> {
        let items = group::decode_group(payload)?;
        let mut decoded = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Change(change) => decoded.push(Ok(DecodedChange {
                    change,
                    from: number,
                })),
                Item::Fragment(Fragment { from, bytes }) => {
                    if from != self.from {
                        // What a crash left of another one.
                        self.bytes.clear();
                        self.from = from;
                    }
                    self.bytes.extend_from_slice(&bytes);
                }
                Item::End(end) => match self.end(&end) {
                    Ok(changes) => {
                        let from = end.from;
                        let changes = changes.into_iter();
                        decoded.extend(changes.map(|change| Ok(DecodedChange { change, from })));
                    }
                    Err(error) => decoded.push(Err(error)),
                },
            }
        }
        Ok(decoded)
    }

    fn end(&mut self, end: &End) -> Result<Vec<Change>, StoreError> {
        let bytes = std::mem::take(&mut self.bytes);
        let is_whole = end.from == self.from
            && bytes.len() as u64 == end.length
            && crc32fast::hash(&bytes) == end.sum;
        if !is_whole {
            let why = format!("its fragments from group {} on are not whole", end.from);
            return Err(damaged("a long change in the log", &why));
        }
        group::decode_fragments(&bytes, &end.indexes)
    }
}
