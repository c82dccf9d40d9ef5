//! The changes that `prepare` makes in the script engine's memory, as the difference to the engine's snapshot. A run
//! puts them into its own memory and goes on from there, with the step's files compiled.
//!
//! An image is made by the engine in the sandbox, of one script and by one engine, and an error in one can do
//! no more than the script itself could: it is the run's memory.

use std::sync::Arc;

/// Bytes of which all or none are in an image.
const BLOCK: usize = 16;
/// Equal bytes between two that differ that are not worth another stretch.
const GAP: usize = 2 * BLOCK;
/// Bytes that are compared at once.
const CHUNK: usize = 4096;
/// Bytes in front of a stretch: where it goes, its length, and zeros.
const HEAD: usize = 16;
/// Bytes of a part, as `wit/script.wit` has it.
const PART: usize = 64 * 1024;
/// Bytes of a page of WebAssembly's memory.
const PAGE: usize = 64 * 1024;
/// The most bytes of an image. A script that needs more is compiled by each run.
const MOST: usize = 16 * 1024 * 1024;

/// The parts of an image, in their order. None at all if the script is compiled by each run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Image(Vec<Arc<[u8]>>);

impl Image {
    pub(super) fn part(&self, index: u32) -> Option<&Arc<[u8]>> {
        self.0.get(index as usize)
    }

    /// Its length in memory and on disk.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|part| &**part)
    }

    /// An image of its bytes: all parts but the last are full.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self(bytes.chunks(PART).map(Arc::from).collect())
    }
}

/// The engine's memory as its snapshot has it, without the stack.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    start: usize,
    bytes: Vec<u8>,
}

/// What the host does with the memory that the engine gives it.
#[derive(Debug)]
pub(super) enum Keeping {
    /// Takes all of it.
    Snapshot(Snapshot),
    /// Takes what differs.
    Changes(Changes),
}

impl Keeping {
    /// Adds the memory from an address on. Calls must come in the order of the addresses.
    pub(super) fn take(&mut self, at: usize, bytes: &[u8]) {
        match self {
            Self::Snapshot(snapshot) => {
                if snapshot.bytes.is_empty() {
                    snapshot.start = at;
                }
                if at == snapshot.start + snapshot.bytes.len() {
                    snapshot.bytes.extend_from_slice(bytes);
                }
            }
            Self::Changes(changes) => changes.take(at, bytes),
        }
    }
}

/// An image that is being made.
#[derive(Debug)]
pub(super) struct Changes {
    snapshot: Arc<Snapshot>,
    /// Behind the last byte that was taken in.
    end: usize,
    bytes: Vec<u8>,
}

impl Changes {
    pub(super) fn to(snapshot: Arc<Snapshot>) -> Self {
        Self {
            end: snapshot.start,
            snapshot,
            // The size of the memory, once it is known.
            bytes: vec![0; HEAD],
        }
    }

    fn take(&mut self, at: usize, bytes: &[u8]) {
        const ZEROS: &[u8] = &[0; CHUNK];
        self.end = self.end.max(at + bytes.len());
        let snapshot = self.snapshot.clone();
        let offset = at.saturating_sub(snapshot.start);
        let was = snapshot.bytes.get(offset..).unwrap_or_default();
        for (index, now) in bytes.chunks(CHUNK).enumerate() {
            let from = index * CHUNK;
            let was = match was.get(from..from + now.len()) {
                Some(was) => was,
                None => &ZEROS[..now.len()],
            };
            if was != now {
                self.compare(at + from, was, now);
            }
        }
    }

    fn compare(&mut self, at: usize, was: &[u8], now: &[u8]) {
        let mut stretch: Option<(usize, usize)> = None;
        for (index, (was, now_block)) in was.chunks(BLOCK).zip(now.chunks(BLOCK)).enumerate() {
            if was == now_block {
                continue;
            }
            let (from, to) = (index * BLOCK, index * BLOCK + now_block.len());
            stretch = match stretch {
                Some((first, end)) if from - end <= GAP => Some((first, to)),
                Some((first, end)) => {
                    self.put(at + first, &now[first..end]);
                    Some((from, to))
                }
                None => Some((from, to)),
            };
        }
        if let Some((first, end)) = stretch {
            self.put(at + first, &now[first..end]);
        }
    }

    /// Appends a stretch, in two if a part ends in it.
    fn put(&mut self, mut at: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.bytes.len() <= MOST {
            let room = PART - self.bytes.len() % PART;
            if room <= HEAD {
                self.head(0, 0);
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(room - HEAD));
            self.head(at, now.len());
            self.bytes.extend_from_slice(now);
            at += now.len();
            bytes = later;
        }
    }

    fn head(&mut self, at: usize, length: usize) {
        self.bytes.extend_from_slice(&(at as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
        self.bytes.extend_from_slice(&[0; HEAD - 8]);
    }

    /// The image; one without parts if it would be too large.
    pub(super) fn into_image(mut self) -> Image {
        if self.bytes.len() > MOST {
            return Image::default();
        }
        let pages = self.end.div_ceil(PAGE) as u32;
        self.bytes[4..8].copy_from_slice(&pages.to_le_bytes());
        Image::of_bytes(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory from address `START` on.
    const START: usize = 2 * PAGE + 32;

    fn snapshot(bytes: &[u8]) -> Arc<Snapshot> {
        let mut keeping = Keeping::Snapshot(Snapshot::default());
        for (index, part) in bytes.chunks(PART).enumerate() {
            keeping.take(START + index * PART, part);
        }
        match keeping {
            Keeping::Snapshot(snapshot) => Arc::new(snapshot),
            Keeping::Changes(_) => panic!(),
        }
    }

    fn image(was: &[u8], now: &[u8]) -> Image {
        let mut keeping = Keeping::Changes(Changes::to(snapshot(was)));
        for (index, part) in now.chunks(PART).enumerate() {
            keeping.take(START + index * PART, part);
        }
        match keeping {
            Keeping::Changes(changes) => changes.into_image(),
            Keeping::Snapshot(_) => panic!(),
        }
    }

    /// What the engine does with it; the pages that memory must have.
    fn put(image: &Image, memory: &mut Vec<u8>) -> usize {
        let mut pages = 0;
        let mut index = 0;
        while let Some(part) = image.part(index) {
            assert!(part.len() <= PART);
            let mut at = 0;
            while at < part.len() {
                let word = |at: usize| u32::from_le_bytes(part[at..at + 4].try_into().unwrap());
                let (to, length) = (word(at) as usize, word(at + 4) as usize);
                at += HEAD;
                if to == 0 {
                    pages = pages.max(length);
                    memory.resize(memory.len().max((pages * PAGE).saturating_sub(START)), 0);
                    continue;
                }
                assert!(to % BLOCK == 0 && length % BLOCK == 0 && length > 0);
                memory[to - START..][..length].copy_from_slice(&part[at..at + length]);
                at += length;
            }
            index += 1;
        }
        pages
    }

    #[test]
    fn an_image_makes_of_the_snapshot_what_memory_was() {
        let size = 5 * PAGE - 32;
        let was: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let mut now = was.clone();
        now.resize(size + 3 * PAGE, 0);
        // The first and the last block, single bytes, a stretch over the end of a part, and one behind the snapshot.
        for at in [0, 100, 150, 4_095, 4_096, 9_000, size - 1, size + 17] {
            now[at] ^= 0x80;
        }
        now[100_000..230_000].fill(7);
        let made = image(&was, &now);
        let mut memory = was.clone();
        assert_eq!(put(&made, &mut memory), 10);
        assert!(memory[..now.len()] == now);
        // The chunk at the snapshot's end is there as a whole.
        let most = 130_000 + CHUNK + 130_000 / 64;
        assert!(made.bytes() < most, "{}", made.bytes());
        let whole: Vec<u8> = made.parts().flatten().copied().collect();
        assert_eq!(Image::of_bytes(&whole), made);
    }

    #[test]
    fn each_length_of_a_stretch_at_the_end_of_a_part_comes_back() {
        let was = vec![0; 4 * PAGE];
        for length in (PART - 200..PART + 200).step_by(BLOCK) {
            let mut now = was.clone();
            now[..length].fill(1);
            now[length + 4_096..][..40].fill(2);
            let mut memory = was.clone();
            put(&image(&was, &now), &mut memory);
            assert!(memory[..now.len()] == now, "{length}");
        }
    }

    #[test]
    fn what_is_equal_costs_nothing_and_what_is_too_large_is_not_kept() {
        let was = vec![3; 2 * PAGE];
        assert_eq!(image(&was, &was).bytes(), HEAD);
        let large = vec![1; MOST + PAGE];
        assert_eq!(image(&was, &large), Image::default());
    }
}
