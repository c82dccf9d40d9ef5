//! Journal entries of a task in memory, in blocks that copies share. A reader or a checkpoint holds a task for as long as
//! it takes, and an append meanwhile must not copy megabytes: the committer does it, and all others wait.

use std::sync::Arc;

use super::shapes::journal;
use crate::domain::journal::Entry;
use crate::store::StoreError;

/// Bytes of a block; a longer append has a block of its own.
const BLOCK: usize = 16 * 1024;

/// Encoded journal entries. Each append is of whole entries, and is never divided.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    /// Full blocks: nothing is appended to them any more.
    full: Vec<Arc<Vec<u8>>>,
    last: Vec<u8>,
    bytes: usize,
}

impl From<Vec<u8>> for Blocks {
    fn from(entries: Vec<u8>) -> Self {
        let mut blocks = Self::default();
        blocks.append(entries);
        blocks
    }
}

impl Blocks {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Appends entries.
    pub(super) fn append(&mut self, entries: Vec<u8>) {
        self.bytes += entries.len();
        if self.last.len() + entries.len() <= BLOCK {
            match self.last.is_empty() {
                true => self.last = entries,
                false => self.last.extend_from_slice(&entries),
            }
            return;
        }
        let full = std::mem::take(&mut self.last);
        if !full.is_empty() {
            self.full.push(Arc::new(full));
        }
        match entries.len() > BLOCK {
            true => self.full.push(Arc::new(entries)),
            false => self.last = entries,
        }
    }

    /// Drops what `first` has, with which these begin: nothing was done to these since but appending.
    pub(super) fn drop_first(&mut self, first: &Self) {
        let mut bytes = first.bytes.min(self.bytes);
        self.bytes -= bytes;
        let is_first = |block: &&Arc<Vec<u8>>| {
            let is_dropped = block.len() <= bytes;
            bytes -= if is_dropped { block.len() } else { 0 };
            is_dropped
        };
        let count = self.full.iter().take_while(is_first).count();
        self.full.drain(..count);
        if bytes == 0 {
            return;
        }
        // The rest was in the last block of `first`, to which more was appended.
        match self.full.first_mut() {
            Some(block) => *block = Arc::new(block[bytes..].to_vec()),
            None => drop(self.last.drain(..bytes)),
        }
    }

    /// The blocks, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let full = self.full.iter().map(|block| &block[..]);
        full.chain(std::iter::once(&self.last[..]))
    }

    /// Reads the entries from the `skip`th on.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::NewerValue`].
    pub(super) fn read(&self, mut skip: usize, into: &mut Vec<Entry>) -> Result<(), StoreError> {
        for block in self.iter() {
            let count = journal::pull_entries(block, skip, into)?;
            skip = skip.saturating_sub(count);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(blocks: &Blocks) -> Vec<u8> {
        blocks.iter().flatten().copied().collect()
    }

    #[test]
    fn a_copy_shares_what_is_full_and_appending_does_not_copy_it() {
        let mut blocks = Blocks::default();
        for number in 0..100_u8 {
            blocks.append(vec![number; BLOCK + usize::from(number % 2)]);
        }
        let held = blocks.clone();
        blocks.append(vec![100; 7]);
        let shared = blocks.full.iter().zip(&held.full);
        assert!(shared.clone().count() >= 99);
        assert!(shared.into_iter().all(|(now, then)| Arc::ptr_eq(now, then)));
        let own: usize = blocks.last.len() + held.last.len();
        assert!(own <= 2 * BLOCK, "{own} bytes are copied");
        // So it is with what was read at once.
        let read = Blocks::from(vec![1; 16 * BLOCK]);
        assert!(read.last.len() <= BLOCK && read.len() == 16 * BLOCK);
    }

    #[test]
    fn what_is_dropped_is_what_another_one_had() {
        // Appends of these many bytes, of which the first ones are dropped.
        let sizes = [3, BLOCK - 10, 5, 4, BLOCK + 1, 1, 2, BLOCK, 7, 0, 9];
        for dropped in 0..=sizes.len() {
            let (mut blocks, mut first, mut expected) =
                (Blocks::default(), Blocks::default(), Vec::new());
            for (at, size) in sizes.into_iter().enumerate() {
                if at == dropped {
                    first = blocks.clone();
                }
                let part = vec![at as u8; size];
                if at >= dropped {
                    expected.extend_from_slice(&part);
                }
                blocks.append(part);
            }
            if dropped == sizes.len() {
                first = blocks.clone();
            }
            blocks.drop_first(&first);
            assert_eq!(bytes(&blocks), expected, "{dropped}");
            assert_eq!(blocks.len(), expected.len());
            blocks.append(vec![77; 3]);
            expected.extend_from_slice(&[77; 3]);
            assert_eq!(bytes(&blocks), expected, "{dropped}, and goes on");
        }
    }
}
