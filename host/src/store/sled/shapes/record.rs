//! A task's record: fixed numbers, then the head, the data, and the journal or the end of it. Numbers
//! are little-endian.

use super::super::codec::{Parts, damaged, push_length};
use super::super::keys;
use super::kind::{Kind, Shape, StoredValue, kind, read};
use crate::domain::clock::Millis;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::StoreError;

const NAME: &str = "a task's record";

/// The numbers at the beginning of a task's record, which are read without decoding the rest. They have
/// the version of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Fixed {
    /// [`TaskHead::version`].
    pub version: u64,
    /// Journal entries in the record and its pieces.
    pub count: u32,
    /// Of them, those that were there at the last commit; the rest are effects of a run under
    /// way.
    pub settled: u32,
    /// Bytes of the journal that are in `j/` pieces; the rest is in the record.
    pub streamed: u64,
    /// [`TaskHead::state`].
    pub state: TaskState,
    /// [`TaskHead::wake_at`], [`Millis::MAX`] for none.
    pub wake_at: Millis,
    head: u32,
    data: u32,
}

/// Bytes of the fixed numbers, without the version byte.
const FIXED: usize = 8 + 4 + 4 + 8 + 1 + 8 + 4 + 4;

kind!('a, Fixed, NAME, 1 => Fixed);

impl Shape<'_> for Fixed {
    /// The first bytes are enough.
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, kind);
        Ok(Self {
            version: parts.u64()?,
            count: parts.u32()?,
            settled: parts.u32()?,
            streamed: parts.u64()?,
            state: {
                let byte = parts.byte()?;
                keys::state_of(byte).ok_or_else(|| parts.wrong(&format!("no state {byte}")))?
            },
            wake_at: parts.u64()?,
            head: parts.u32()?,
            data: parts.u32()?,
        })
    }
}

impl Fixed {
    /// Reads the fixed part, of which the first piece of a record is enough.
    pub(in super::super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        read(bytes)
    }
}

/// A task's record.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Record<'a> {
    pub fixed: Fixed,
    head: &'a [u8],
    data: &'a [u8],
    /// The newest part of the journal. Older entries are in `j/` pieces.
    pub journal: &'a [u8],
}

kind!('a, Record<'a>, NAME, 1 => Record<'a>);

impl<'a> Shape<'a> for Record<'a> {
    fn parse(bytes: &'a [u8], kind: &'static str) -> Result<Self, StoreError> {
        let fixed = Fixed::parse(bytes, kind)?;
        let mut parts = Parts::new(&bytes[FIXED..], kind);
        let head = parts.take(fixed.head as usize)?;
        let data = parts.take(fixed.data as usize)?;
        Ok(Self {
            fixed,
            head,
            data,
            journal: parts.rest(),
        })
    }
}

impl<'a> Record<'a> {
    /// Reads a whole record.
    pub(in super::super) fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        read(bytes)
    }

    pub(in super::super) fn head(&self) -> Result<TaskHead, StoreError> {
        read(self.head)
    }

    /// The head's bytes.
    #[cfg(test)]
    pub(in super::super) fn head_bytes(&self) -> &'a [u8] {
        self.head
    }

    pub(in super::super) fn data(&self) -> Result<&'a str, StoreError> {
        std::str::from_utf8(self.data).map_err(|_| damaged("a task's data", "it is no UTF-8"))
    }

    /// The head from the first piece of a record, if it lies in it.
    pub(in super::super) fn head_of_first_piece(
        bytes: &[u8],
    ) -> Result<Option<TaskHead>, StoreError> {
        let fixed = Fixed::decode(bytes)?;
        let begin = 1 + FIXED;
        match bytes.get(begin..begin + fixed.head as usize) {
            Some(head) => read(head).map(Some),
            None => Ok(None),
        }
    }
}

/// Appends a task's record to `out`, but for the journal, which comes behind it.
pub(in super::super) fn encode_record(
    out: &mut Vec<u8>,
    head: &TaskHead,
    (count, settled, streamed): (u32, u32, u64),
    data: &str,
) -> Result<(), StoreError> {
    let begin = out.len();
    out.push(Record::NEWEST);
    out.extend_from_slice(&head.version.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&settled.to_le_bytes());
    out.extend_from_slice(&streamed.to_le_bytes());
    out.push(keys::state_byte(head.state()));
    out.extend_from_slice(&head.wake_at().unwrap_or(Millis::MAX).to_le_bytes());
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    push_length(out, data.len())?;
    head.write(out)?;
    let length = (out.len() - begin - 1 - FIXED) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    out.extend_from_slice(data.as_bytes());
    Ok(())
}
