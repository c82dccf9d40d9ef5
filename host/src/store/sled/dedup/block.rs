//! Keys of deliveries as one value of the tree, in the order of their bytes.

use super::super::checked;
use super::super::codec::Parts;
use super::super::long::PIECE;
use super::super::settings::DedupSettings;
use super::super::shapes::kind::kind;
use super::super::shapes::{Kind, Shape, read};
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::TaskId;
use crate::store::StoreError;

/// Bytes of a key with what it stands for.
const ENTRY: usize = 16 + 16 + 8;

const _: () = assert!(DedupSettings::BLOCK * ENTRY + checked::HEADER < PIECE);

/// The task that a delivery's key belongs to, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Holder {
    /// The task of the first delivery.
    pub task: TaskId,
    /// When the key's time is over.
    pub until: Millis,
}

impl Holder {
    /// Of two of the same key the one that holds it longer.
    pub(super) fn later(self, other: Self) -> Self {
        if other.until > self.until {
            other
        } else {
            self
        }
    }
}

/// A key with what it stands for.
pub(super) type Entry = (DedupKey, Holder);

/// Keys of deliveries, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct KeyBlock(pub Vec<Entry>);

kind!('a, KeyBlock, "keys of deliveries", 1 => KeyBlock);

impl Shape<'_> for KeyBlock {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, kind);
        let mut entries = Vec::with_capacity(bytes.len() / ENTRY);
        while !parts.is_empty() {
            let key = DedupKey::from_bytes(parts.array()?);
            let task = TaskId::from_bytes(parts.array()?);
            let until = parts.u64()?;
            entries.push((key, Holder { task, until }));
        }
        Ok(Self(entries))
    }
}

impl KeyBlock {
    pub(in super::super) fn encode(entries: &[Entry]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + ENTRY * entries.len());
        out.push(Self::NEWEST);
        for (key, holder) in entries {
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(holder.task.as_bytes());
            out.extend_from_slice(&holder.until.to_le_bytes());
        }
        out
    }

    pub(in super::super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        read(bytes)
    }

    pub(super) fn find(&self, key: DedupKey) -> Option<Holder> {
        let found = self.0.binary_search_by_key(&key, |(key, _)| *key);
        found.ok().map(|at| self.0[at].1)
    }
}
