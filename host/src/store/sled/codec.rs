//! What the bytes of values mean: version bytes, journal entries, task records.
//!
//! Every value begins with a version byte. Within, plain structs are postcard, which does not
//! describe itself: another shape is another version byte, and its reader stays. JSON is kept as
//! text. Numbers outside postcard are little-endian.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys;
use crate::domain::clock::Millis;
use crate::domain::journal::Entry;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::StoreError;

/// The version byte that this build writes, of every kind of value.
pub(super) const VERSION: u8 = 1;

struct Sink<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Sink<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends `value` as a version byte and postcard.
pub(super) fn push<T: Serialize>(out: &mut Vec<u8>, value: &T) -> Result<(), StoreError> {
    out.push(VERSION);
    postcard::serialize_with_flavor(value, Sink(out))
        .map_err(|error| StoreError::Refused(format!("a value cannot be encoded: {error}")))
}

/// Reads what [`push`] wrote; `what` names it in the error.
pub(super) fn pull<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => {
            postcard::from_bytes(rest).map_err(|error| damaged(what, &error.to_string()))
        }
        Some((version, _)) => Err(damaged(what, &format!("unknown version {version}"))),
        None => Err(damaged(what, "it is empty")),
    }
}

/// The version byte of a head that has an expiry: the first shape, and the expiry behind it.
const WITH_EXPIRY: u8 = 2;

/// Appends a task's head. One without an expiry is as the first version wrote it.
pub(super) fn push_head(out: &mut Vec<u8>, head: &TaskHead) -> Result<(), StoreError> {
    let begin = out.len();
    push(out, head)?;
    if let Some(expiry) = &head.expiry {
        out[begin] = WITH_EXPIRY;
        postcard::serialize_with_flavor(expiry, Sink(out))
            .map_err(|error| StoreError::Refused(format!("a value cannot be encoded: {error}")))?;
    }
    Ok(())
}

/// Reads what [`push_head`] wrote, now or in an earlier version; `what` names it in the error.
pub(super) fn pull_head(bytes: &[u8], what: &str) -> Result<TaskHead, StoreError> {
    let Some((&WITH_EXPIRY, rest)) = bytes.split_first() else {
        return pull(bytes, what);
    };
    let wrong = |error: postcard::Error| damaged(what, &error.to_string());
    let (mut head, rest) = postcard::take_from_bytes::<TaskHead>(rest).map_err(wrong)?;
    head.expiry = Some(postcard::from_bytes(rest).map_err(wrong)?);
    Ok(head)
}

/// The error for a value that is not what it should be.
pub(super) fn damaged(what: &str, why: &str) -> StoreError {
    StoreError::Damaged(format!("{what}: {why}"))
}

pub(super) fn push_length(out: &mut Vec<u8>, length: usize) -> Result<(), StoreError> {
    let length = u32::try_from(length)
        .map_err(|_| StoreError::Refused("a value of 4 GiB or more is not stored".into()))?;
    out.extend_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends a part whose length is only known once it is written: length, then the part.
pub(super) fn push_sized(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = u32::try_from(out.len() - at - 4)
        .map_err(|_| StoreError::Refused("a value of 4 GiB or more is not stored".into()))?;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends one journal entry.
pub(super) fn push_entry(out: &mut Vec<u8>, entry: &Entry) -> Result<(), StoreError> {
    push_sized(out, |out| push(out, entry))
}

/// Reads journal entries from the `skip`th on.
pub(super) fn pull_entries(
    bytes: &[u8],
    skip: usize,
    into: &mut Vec<Entry>,
) -> Result<(), StoreError> {
    let mut parts = Parts::new(bytes, "a journal");
    let mut at = 0;
    while !parts.is_empty() {
        let entry = parts.sized()?;
        if at >= skip {
            into.push(pull(entry, "a journal entry")?);
        }
        at += 1;
    }
    Ok(())
}

/// The length of the first `count` entries in `bytes`.
pub(super) fn entries_length(bytes: &[u8], count: u32) -> Result<usize, StoreError> {
    let mut parts = Parts::new(bytes, "a journal");
    for _ in 0..count {
        parts.sized()?;
    }
    Ok(bytes.len() - parts.rest.len())
}

/// What a task's record says before head and data: fixed numbers, so that they can be had
/// without decoding the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
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

const FIXED: usize = 1 + 8 + 4 + 4 + 8 + 1 + 8 + 4 + 4;

/// A task's record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub fixed: Fixed,
    head: &'a [u8],
    data: &'a [u8],
    /// The journal that is in the record; what follows it in time is nowhere, what precedes it in
    /// `j/` pieces.
    pub journal: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a whole record.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let fixed = Fixed::decode(bytes)?;
        let mut parts = Parts::new(&bytes[FIXED..], "a task's record");
        let head = parts.take(fixed.head as usize)?;
        let data = parts.take(fixed.data as usize)?;
        Ok(Self {
            fixed,
            head,
            data,
            journal: parts.rest,
        })
    }

    pub(super) fn head(&self) -> Result<TaskHead, StoreError> {
        pull_head(self.head, "a task's head")
    }

    pub(super) fn data(&self) -> Result<&'a str, StoreError> {
        std::str::from_utf8(self.data).map_err(|_| damaged("a task's data", "it is no UTF-8"))
    }

    /// The head from the first piece of a record, if it lies in it.
    pub(super) fn head_of_first_piece(bytes: &[u8]) -> Result<Option<TaskHead>, StoreError> {
        let fixed = Fixed::decode(bytes)?;
        match bytes.get(FIXED..FIXED + fixed.head as usize) {
            Some(head) => pull_head(head, "a task's head").map(Some),
            None => Ok(None),
        }
    }
}

impl Fixed {
    /// Reads the fixed part, of which the first piece of a record is enough.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, "a task's record");
        let version = parts.byte()?;
        if version != VERSION {
            return Err(parts.wrong(&format!("unknown version {version}")));
        }
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

/// Appends a task's record to `out`.
pub(super) fn encode_record(
    out: &mut Vec<u8>,
    head: &TaskHead,
    (count, settled, streamed): (u32, u32, u64),
    data: &str,
    journal: &[u8],
) -> Result<(), StoreError> {
    let begin = out.len();
    out.push(VERSION);
    out.extend_from_slice(&head.version.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&settled.to_le_bytes());
    out.extend_from_slice(&streamed.to_le_bytes());
    out.push(keys::state_byte(head.state));
    out.extend_from_slice(&head.wake_at.unwrap_or(Millis::MAX).to_le_bytes());
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    push_length(out, data.len())?;
    push_head(out, head)?;
    let length = (out.len() - begin - FIXED) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(journal);
    Ok(())
}

/// Reads parts off the front of a value; running out of it is [`StoreError::Damaged`].
pub(super) struct Parts<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Parts<'a> {
    pub(super) fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what }
    }

    pub(super) fn wrong(&self, why: &str) -> StoreError {
        damaged(self.what, why)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (part, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| self.wrong("it is cut short"))?;
        self.rest = rest;
        Ok(part)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let part = self.take(N)?;
        part.try_into().map_err(|_| self.wrong("it is cut short"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn sized(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, StoreError> {
        let bytes = self.sized()?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("it holds text that is no UTF-8"))
    }
}
