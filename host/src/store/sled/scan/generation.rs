//! The generation of the tree, as its file has it: a number after eight bytes that are the store's own, so that it is
//! found in a message whatever is around it, and that no sender can forge it.

use memchr::memmem;
use sha2::{Digest, Sha256};

/// The prefix of a store's generations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Tag(pub [u8; 8]);

impl Tag {
    /// Of the store with that seed.
    pub(in super::super) fn of(seed: &[u8; 32]) -> Self {
        let digest = Sha256::new_with_prefix(b"stepwell generation").chain_update(seed);
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest.finalize()[..8]);
        Self(tag)
    }

    /// The value of [`super::super::keys::GENERATION`].
    pub(in super::super) fn value(self, generation: u64) -> [u8; 16] {
        let mut value = [0; 16];
        value[..8].copy_from_slice(&self.0);
        value[8..].copy_from_slice(&generation.to_le_bytes());
        value
    }

    /// The generation that a value says, or the first one in a message.
    pub(in super::super) fn find(self, bytes: &[u8]) -> Option<u64> {
        let at = memmem::find(bytes, &self.0)?;
        let number = bytes.get(at + self.0.len()..)?.first_chunk()?;
        Some(u64::from_le_bytes(*number))
    }
}
