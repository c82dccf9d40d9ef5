//! How an image is made of the memory that the script engine gives the host.

use std::sync::Arc;

use super::{BLOCK, CHUNK, GAP, HEAD, Image, LARGE, Layer, PAGE, PART, Shared, most_of};

/// The engine's memory as its snapshot has it, without the stack.
#[derive(Debug, Default)]
pub(in super::super) struct Snapshot {
    start: usize,
    bytes: Vec<u8>,
}

impl Snapshot {
    /// Adds the memory from an address on. Calls must come in the order of the addresses.
    fn push(&mut self, at: usize, bytes: &[u8]) {
        if self.bytes.is_empty() {
            self.start = at;
        }
        if at == self.start + self.bytes.len() {
            self.bytes.extend_from_slice(bytes);
        }
    }

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
pub(in super::super) enum Keeping {
    /// Takes all of it.
    Snapshot(Snapshot),
    /// Takes what differs.
    Changes(Changes),
}

impl Keeping {
    /// Adds the memory from an address on. Calls must come in the order of the addresses.
    pub(in super::super) fn take(&mut self, at: usize, bytes: &[u8]) {
        match self {
            Self::Snapshot(snapshot) => snapshot.push(at, bytes),
            Self::Changes(changes) => changes.take(at, bytes),
        }
    }

    /// Ends a layer: what comes is the difference to what was taken since the last one.
    pub(in super::super) fn end_layer(&mut self) {
        if let Self::Changes(changes) = self {
            changes.end_layer();
        }
    }
}

/// An image that is being made.
#[derive(Debug)]
pub(in super::super) struct Changes {
    /// The memory that this layer begins with.
    before: Arc<Snapshot>,
    /// The memory that the next layer begins with, as far as it was taken in, and how many layers come after this one.
    after: Snapshot,
    layers: usize,
    /// The parts of the layers that have ended.
    ended: Vec<Vec<Arc<[u8]>>>,
    /// Behind the last byte that was taken in.
    end: usize,
    /// The stretch that may yet go on: where it begins, and its bytes.
    stretch: (usize, Vec<u8>),
    /// The parts of heads and small stretches, and those that are one stretch each.
    small: Vec<Vec<u8>>,
    large: Vec<Arc<[u8]>>,
    /// Bytes of the parts of all layers, and the most that they may have.
    bytes: usize,
    most: usize,
}

impl Changes {
    /// `text` is the length of the script's text, in bytes, and `layers` how many layers there may be before the last.
    pub(in super::super) fn to(snapshot: Arc<Snapshot>, text: usize, layers: usize) -> Self {
        Self {
            end: snapshot.start,
            before: snapshot,
            after: Snapshot::default(),
            layers,
            ended: Vec::new(),
            stretch: (0, Vec::new()),
            small: vec![vec![0; HEAD]],
            large: Vec::new(),
            bytes: HEAD,
            most: most_of(text),
        }
    }

    fn take(&mut self, at: usize, bytes: &[u8]) {
        self.end = self.end.max(at + bytes.len());
        if self.layers > 0 {
            self.after.push(at, bytes);
        }
        let snapshot = self.before.clone();
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
            && let Some(equal) = self.before.at(end, at - end)
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

    fn end_layer(&mut self) {
        if self.layers == 0 {
            return;
        }
        self.layers -= 1;
        let parts = self.parts(true);
        self.ended.push(parts);
        self.before = Arc::new(std::mem::take(&mut self.after));
        self.end = self.before.start;
        self.small.push(vec![0; HEAD]);
        self.bytes += HEAD;
    }

    /// The parts of this layer, which leaves none.
    fn parts(&mut self, is_followed: bool) -> Vec<Arc<[u8]>> {
        self.end_stretch();
        let mut small = std::mem::take(&mut self.small);
        let pages = self.end.div_ceil(PAGE) as u32;
        let words = [pages, small.len() as u32, is_followed.into()];
        if let Some(first) = small.first_mut() {
            for (word, to) in words.iter().zip(first[4..HEAD].chunks_exact_mut(4)) {
                to.copy_from_slice(&word.to_le_bytes());
            }
        }
        let small = small.into_iter().map(Arc::from);
        small.chain(std::mem::take(&mut self.large)).collect()
    }

    /// The image; one without parts if it would be too large. `share` gives each layer but the last as all scripts have
    /// it.
    pub(in super::super) fn into_image(
        mut self,
        share: impl Fn(Layer) -> Arc<Shared<Layer>>,
    ) -> Image {
        let own = self.parts(false);
        if self.bytes > self.most {
            return Image::default();
        }
        let ended = self.ended.into_iter();
        Image::new(ended.map(|parts| share(Layer(parts))).collect(), own)
    }
}
