//! Messages to the committer.

use tokio::sync::oneshot;

use super::change::{self, Change};
use crate::domain::clock::Millis;
use crate::store::{Claim, StoreError};

/// A change of one task.
pub(super) struct Part {
    pub(super) change: Change,
    /// The change as [`change::encode_change`] encoded it.
    pub(super) encoded: Vec<u8>,
    /// The version of the task that a commit or note changes.
    pub(super) expected: Option<u64>,
    /// The claim on the task's partition by which the write is allowed.
    pub(super) claim: Claim,
    /// The lookup that did not find the change's deduplication key; none if it has no key.
    pub(super) lookup: Option<DedupLookup>,
}

/// See [`Part::lookup`].
#[derive(Debug, Clone, Copy)]
pub(super) struct DedupLookup {
    /// When the delivery arrived.
    pub at: Millis,
    /// [`DedupIndex::moved`](super::dedup::index::DedupIndex::moved) before the lookup.
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

/// Changes that wait to be made durable, all of them or none.
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

/// A message to the committer.
// Nearly every message is the large one: a box would cost each of them an allocation.
#[allow(clippy::large_enum_variant)]
pub(super) enum Message {
    /// To be made durable.
    Change(Box<Queued>),
    /// Wakes the committer to see that the store is stopped, or that the tree has no room.
    Look,
}
