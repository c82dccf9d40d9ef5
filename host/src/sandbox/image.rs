//! The changes that `prepare` makes in the script engine's memory, as the difference to the engine's snapshot. A run
//! puts them into its own memory and goes on from there, with the step's files compiled.
//!
//! An image is made by the engine in the sandbox, of one script and by one engine, and an error in one can do
//! no more than the script itself could: it is the run's memory.

use std::sync::Arc;

/// Bytes of which all or none are in an image.
const BLOCK: usize = 16;
/// Equal bytes between two that differ that are not worth another stretch.
const GAP: usize = 8 * BLOCK;
/// Bytes that are compared at once.
const CHUNK: usize = 4096;
/// Bytes in front of a stretch, or that stand for one that is a part of its own, as `wit/script.wit` has it.
const HEAD: usize = 16;
/// Bytes of a part.
const PART: usize = 64 * 1024;
/// A stretch of so many bytes is a part of its own: the engine has it put where it belongs, and does not copy it.
const LARGE: usize = 4096;
/// Bytes of a page of WebAssembly's memory.
const PAGE: usize = 64 * 1024;
/// The most bytes of an image. A script that needs more is compiled by each run.
const MOST: usize = 16 * 1024 * 1024;
/// The most bytes of an image for each byte of the script's text, beside those that each script may have. Functions of
/// usual code take four to six. A class of characters in an expression (`/\p{L}/u`) takes thousands: an image is kept
/// in memory and on disk and is copied by each run, and a tenant pays for its text.
const MOST_BY_TEXT: usize = 32;
/// The bytes that the image of each script may have.
const ALWAYS: usize = 256 * 1024;

/// The parts of an image, in their order. None at all if the script is compiled by each run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Image(Vec<Arc<[u8]>>);

impl Image {
    pub(super) fn part(&self, index: u32) -> Option<&Arc<[u8]>> {
        self.0.get(index as usize)
    }

    /// The length of its parts.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// Its bytes: each part behind its length.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes() + 4 * self.0.len());
        for part in &self.0 {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// An image of its bytes. Of what is no image, what can be read of it.
    pub(super) fn of_bytes(mut bytes: &[u8]) -> Self {
        let mut parts = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk()
            && let Some((part, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)
        {
            parts.push(Arc::from(part));
            bytes = rest;
        }
        Self(parts)
    }
}

/// The engine's memory as its snapshot has it, without the stack.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    start: usize,
    bytes: Vec<u8>,
}

impl Snapshot {
    /// So many bytes from an address on, at most [`CHUNK`]: zeros behind its end, `None` if it ends between them.
    fn at(&self, at: usize, length: usize) -> Option<&[u8]> {
        const ZEROS: &[u8] = &[0; CHUNK];
        let from = at.saturating_sub(self.start);
        match from >= self.bytes.len() {
            true => Some(&ZEROS[..length]),
            false => self.bytes.get(from..from + length),
        }
    }
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
    /// The stretch that may yet go on: where it begins, and its bytes.
    stretch: (usize, Vec<u8>),
    /// The parts of heads and small stretches, and those that are one stretch each.
    small: Vec<Vec<u8>>,
    large: Vec<Arc<[u8]>>,
    /// Bytes of the parts, and the most that they may have.
    bytes: usize,
    most: usize,
}

impl Changes {
    /// `text` is the length of the script's text, in bytes.
    pub(super) fn to(snapshot: Arc<Snapshot>, text: usize) -> Self {
        Self {
            end: snapshot.start,
            snapshot,
            stretch: (0, Vec::new()),
            // The size of the memory, once it is known, and how many parts are of this kind.
            small: vec![vec![0; HEAD]],
            large: Vec::new(),
            bytes: HEAD,
            most: MOST.min(ALWAYS + MOST_BY_TEXT.saturating_mul(text)),
        }
    }

    fn take(&mut self, at: usize, bytes: &[u8]) {
        self.end = self.end.max(at + bytes.len());
        let snapshot = self.snapshot.clone();
        for (index, now) in bytes.chunks(CHUNK).enumerate() {
            let from = at + index * CHUNK;
            let was = snapshot.at(from, now.len());
            if was == Some(now) {
                continue;
            }
            for (index, block) in now.chunks(BLOCK).enumerate() {
                let at = from + index * BLOCK;
                if snapshot.at(at, block.len()) != Some(block) {
                    self.put(at, block);
                }
            }
        }
    }

    /// Takes in a block that differs.
    fn put(&mut self, at: usize, block: &[u8]) {
        let (start, stretch) = &mut self.stretch;
        if self.bytes + stretch.len() > self.most {
            // It is too large already: no more of it is kept.
            self.bytes = self.most + 1;
            *stretch = Vec::new();
            return;
        }
        let end = *start + stretch.len();
        if !stretch.is_empty()
            && at - end <= GAP
            && let Some(equal) = self.snapshot.at(end, at - end)
        {
            stretch.extend_from_slice(equal);
            stretch.extend_from_slice(block);
            return;
        }
        self.end_stretch();
        self.stretch.0 = at;
        self.stretch.1.extend_from_slice(block);
    }

    fn end_stretch(&mut self) {
        let (start, mut bytes) = std::mem::take(&mut self.stretch);
        let is_large = bytes.len() >= LARGE;
        for (index, part) in bytes.chunks(PART).enumerate() {
            if self.bytes > self.most {
                break;
            }
            self.bytes += HEAD + part.len();
            let at = start + index * PART;
            if is_large {
                self.head(at, part.len(), true);
                self.large.push(part.into());
            } else {
                self.head(at, part.len(), false).extend_from_slice(part);
            }
        }
        // The next stretch comes where this one was.
        bytes.clear();
        self.stretch.1 = bytes;
    }

    /// Appends a stretch's head; what it was appended to has room for a small stretch.
    fn head(&mut self, at: usize, length: usize, is_large: bool) -> &mut Vec<u8> {
        let room = |part: &Vec<u8>| PART - part.len() >= HEAD + LARGE;
        if !self.small.last().is_some_and(room) {
            self.small.push(Vec::new());
        }
        let index = self.small.len() - 1;
        let part = &mut self.small[index];
        for word in [at as u32, length as u32, is_large.into(), 0] {
            part.extend_from_slice(&word.to_le_bytes());
        }
        part
    }

    /// The image; one without parts if it would be too large.
    pub(super) fn into_image(mut self) -> Image {
        self.end_stretch();
        if self.bytes > self.most {
            return Image::default();
        }
        let pages = self.end.div_ceil(PAGE) as u32;
        let count = self.small.len() as u32;
        self.small[0][4..8].copy_from_slice(&pages.to_le_bytes());
        self.small[0][8..12].copy_from_slice(&count.to_le_bytes());
        let small = self.small.into_iter().map(Arc::from);
        Image(small.chain(self.large).collect())
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
        let mut keeping = Keeping::Changes(Changes::to(snapshot(was), MOST));
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
        let first = image.part(0).unwrap();
        let word = |part: &[u8], at: usize| {
            u32::from_le_bytes(part[at..at + 4].try_into().unwrap()) as usize
        };
        let (pages, small) = (word(first, 4), word(first, 8));
        memory.resize(memory.len().max((pages * PAGE).saturating_sub(START)), 0);
        let mut large = small;
        for index in 0..small {
            let part = image.part(index as u32).unwrap();
            assert!(part.len() <= PART);
            let mut at = if index == 0 { HEAD } else { 0 };
            while at < part.len() {
                let (to, length) = (word(part, at), word(part, at + 4));
                assert!(to % BLOCK == 0 && length % BLOCK == 0 && length > 0);
                let is_large = word(part, at + 8) == 1;
                at += HEAD;
                let bytes = match is_large {
                    true => {
                        large += 1;
                        &image.part(large as u32 - 1).unwrap()[..]
                    }
                    false => &part[at..at + length],
                };
                assert!(bytes.len() == length && length <= PART);
                memory[to - START..][..length].copy_from_slice(bytes);
                at += if is_large { 0 } else { length };
            }
        }
        assert!(image.part(large as u32).is_none());
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
        assert_eq!(Image::of_bytes(&made.to_bytes()), made);
    }

    #[test]
    fn stretches_of_each_length_come_back() {
        let was = vec![0; 4 * PAGE];
        let around = |length: usize| (length - 200..length + 200).step_by(BLOCK);
        for length in around(LARGE).chain(around(PART)) {
            let mut now = was.clone();
            now[..length].fill(1);
            now[length + GAP + 100..][..40].fill(2);
            let mut memory = was.clone();
            put(&image(&was, &now), &mut memory);
            assert!(memory[..now.len()] == now, "{length}");
        }
        // Many small ones fill parts.
        let mut now = was.clone();
        for at in (0..now.len()).step_by(2 * GAP) {
            now[at] = 9;
        }
        let mut memory = was.clone();
        put(&image(&was, &now), &mut memory);
        assert!(memory[..now.len()] == now);
    }

    #[test]
    fn what_is_equal_costs_nothing_and_what_is_too_large_is_not_kept() {
        let was = vec![3; 2 * PAGE];
        assert_eq!(image(&was, &was).bytes(), HEAD);
        let large = vec![1; MOST + PAGE];
        assert_eq!(image(&was, &large), Image::default());

        let changed = |text: usize| {
            let mut keeping = Keeping::Changes(Changes::to(snapshot(&was), text));
            let now = vec![1; ALWAYS + PAGE];
            for (index, part) in now.chunks(PART).enumerate() {
                keeping.take(START + index * PART, part);
            }
            match keeping {
                Keeping::Changes(changes) => changes.into_image(),
                Keeping::Snapshot(_) => panic!(),
            }
        };
        assert_eq!(changed(PAGE / MOST_BY_TEXT / 2), Image::default());
        assert!(changed(2 * PAGE / MOST_BY_TEXT).bytes() > ALWAYS + PAGE);
    }
}
