//! Encodes and decodes the parts that values consist of, with and without a length. Numbers are
//! little-endian. What a value of which version is, [`super::shapes`] says.

use crate::store::StoreError;

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

    /// The bytes that have not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses a value that goes on.
    pub(super) fn end(&self) -> Result<(), StoreError> {
        match self.rest {
            [] => Ok(()),
            rest => Err(self.wrong(&format!("it goes on for {} bytes past its end", rest.len()))),
        }
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

/// A key that is none of its kind.
pub(super) fn bad_key(kind: &str) -> StoreError {
    damaged("a key", &format!("it is no {kind} key"))
}
