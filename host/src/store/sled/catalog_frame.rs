//! One change in the copy of the catalog, see [`super::catalog_copy`].

use serde::{Deserialize, Serialize};

use super::shapes::kind::{kind, postcard_shapes, push};
use super::shapes::parts::Bytes;
use crate::store::StoreError;

/// A change, or all that there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// The revision that it leads to.
    pub revision: u64,
    /// The store's seed; none for a change.
    pub seed: Option<[u8; 32]>,
    /// Keys with their new values; none for those that were removed.
    pub changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// See [`Frame`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct V1<'a> {
    revision: u64,
    seed: Option<[u8; 32]>,
    #[serde(borrow)]
    changes: Vec<(Bytes<'a>, Option<Bytes<'a>>)>,
}

kind!('a, Frame, "a change in the copy of the catalog", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl<'a> From<&'a Frame> for V1<'a> {
    fn from(frame: &'a Frame) -> Self {
        let changes = frame.changes.iter();
        Self {
            revision: frame.revision,
            seed: frame.seed,
            changes: changes
                .map(|(key, value)| (Bytes::from(&key[..]), value.as_deref().map(Bytes::from)))
                .collect(),
        }
    }
}

impl From<V1<'_>> for Frame {
    fn from(shape: V1<'_>) -> Self {
        let owned = |bytes: Bytes<'_>| bytes.0.into_owned();
        let changes = shape.changes.into_iter();
        Self {
            revision: shape.revision,
            seed: shape.seed,
            changes: changes
                .map(|(key, value)| (owned(key), value.map(owned)))
                .collect(),
        }
    }
}

impl Frame {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut out = Vec::new();
        push(&mut out, 1, &V1::from(self))?;
        Ok(out)
    }

    /// The value after its length and its checksum.
    pub(super) fn framed(&self) -> Result<Vec<u8>, StoreError> {
        let value = self.encode()?;
        let length = u32::try_from(value.len())
            .map_err(|_| StoreError::Refused("a catalog of 4 GiB or more is not stored".into()))?;
        let sum = crc32fast::hash(&value);
        Ok([&length.to_le_bytes()[..], &sum.to_le_bytes(), &value].concat())
    }
}
