//! What the committer is sent.

use tokio::sync::oneshot;

use super::change::{self, Change};
use crate::domain::clock::Millis;
use crate::store::{Claim, StoreError};

/// A change of one task.
pub(super) struct Part {
    pub(super) change: Change,
    /// The change as [`change::encode_change`] encoded it.
    pub(super) encoded: Vec<u8>,
    /// The version that a commit or note stands on.
    pub(super) expected: Option<u64>,
    /// What the write stands on.
    pub(super) claim: Claim,
    /// When the delivery came whose key the change has, and how often keys had moved when it was not found.
    pub(super) lookup: Option<DedupLookup>,
}

/// See [`Part::lookup`].
#[derive(Debug, Clone, Copy)]
pub(super) struct DedupLookup {
    pub at: Millis,
    /// [`DedupIndex::moved`](super::dedup::index::DedupIndex::moved).
    pub moved: u64,
}

impl Part {
    pub(super) fn new(
        claim: Claim,
        change: Change,
        expected: Option<u64>,
        lookup: Option<DedupLookup>,
    ) -> Result<Self, StoreError> {
        let encoded = change::encode_change(&change)?;
        Ok(Self {
            change,
            encoded,
            expected,
            claim,
            lookup,
        })
    }
}

/// What waits to be made durable, all of it or nothing.
pub(super) struct Queued {
    pub first: Part,
    /// Nearly always empty.
    pub rest: Vec<Part>,
    /// Receives the result once it is durable, or the error.
    pub done: oneshot::Sender<Result<(), StoreError>>,
}

impl Queued {
    pub(super) fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        std::iter::once(&mut self.first).chain(&mut self.rest)
    }

    pub(super) fn bytes(&self) -> usize {
        let rest = self.rest.iter().map(|part| part.encoded.len());
        self.first.encoded.len() + rest.sum::<usize>()
    }
}

/// What the committer is sent.
// Nearly every message is the large one: a box would cost each of them an allocation.
#[allow(clippy::large_enum_variant)]
pub(super) enum Message {
    /// To be made durable.
    Change(Box<Queued>),
    /// Wakes the committer to see that the store is stopped, or that the tree has no room.
    Look,
}
