//! Which keys a run may have: a Bloom filter whose bits of one key are in one line of the processor's cache.
//! Keys are digests, so their bytes are as good as random.

use crate::domain::dedup::DedupKey;

/// Bits for a key. With eight of them set, one key in five hundred that is not there is let through: looking
/// for it in the tree costs as much as a hundred looks at filters.
const BITS: usize = 16;
/// A line has 512 bits, so nine bits of the key choose one of them.
const LINE: usize = 512;
/// Bits of a key that are set; nine bits of the key choose each.
const SET: usize = 8;

type Line = [u64; LINE / 64];

#[derive(Debug)]
pub(super) struct Filter {
    lines: Box<[Line]>,
}

impl Filter {
    /// The lines of a filter for `keys`.
    pub(super) fn lines_for(keys: usize) -> usize {
        (keys * BITS).div_ceil(LINE).max(1)
    }

    /// Bytes of memory that a filter of `lines` takes.
    pub(super) fn bytes_of(lines: usize) -> usize {
        lines * size_of::<Line>()
    }

    /// A filter of `lines` that lets nothing through.
    pub(super) fn new(lines: usize) -> Self {
        Self {
            lines: vec![[0; LINE / 64]; lines.max(1)].into_boxed_slice(),
        }
    }

    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    fn place(&self, key: DedupKey) -> (usize, impl Iterator<Item = usize> + use<>) {
        let number = u128::from_be_bytes(*key.as_bytes());
        // The 56 bits that no bit of the line is chosen by.
        let line = ((number >> 72) * self.lines.len() as u128) >> 56;
        let bits = (0..SET).map(move |bit| (number >> (9 * bit)) as usize % LINE);
        (line as usize, bits)
    }

    /// From now on it lets the key through.
    pub(super) fn insert(&mut self, key: DedupKey) {
        let (line, bits) = self.place(key);
        for bit in bits {
            self.lines[line][bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Whether it lets the key through: always if that was inserted, else seldom.
    pub(super) fn may_have(&self, key: DedupKey) -> bool {
        let (line, mut bits) = self.place(key);
        bits.all(|bit| self.lines[line][bit / 64] & (1 << (bit % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dedup::KeyKind;

    #[test]
    fn what_was_inserted_is_let_through_and_little_else() {
        let key = |n: u32| DedupKey::of("w", KeyKind::Header, &n.to_be_bytes()).unwrap();
        for count in [1, 100, 10_000] {
            let mut filter = Filter::new(Filter::lines_for(count as usize));
            (0..count).for_each(|n| filter.insert(key(n)));
            assert!((0..count).all(|n| filter.may_have(key(n))));
            let strangers = count..count + 10_000;
            let passed = strangers.filter(|n| filter.may_have(key(*n))).count();
            assert!(passed < 100, "{passed} of 10,000 that are not there");
        }
    }
}
