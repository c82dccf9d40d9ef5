//! The changes that `prepare` makes in the script engine's memory, as the difference to the engine's snapshot. A run
//! puts them into its own memory and goes on from there, with the step's files compiled.
//!
//! An image is made by the engine in the sandbox, of one script and by one engine, and an error in one can do
//! no more than the script itself could: it is the run's memory.
//!
//! An image has layers, each of which is the difference to the one before. A large module that scripts import is compiled
//! before all else, and its layer is the same for all of them: it is kept once. The last layer is the script's own.

#[path = "image/changes.rs"]
mod changes;

use std::sync::Arc;

pub(super) use changes::{Changes, Keeping, Snapshot};

use super::shared::{Digest, Measured, Shared};

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

/// The bytes of an image, at the most, of a script whose text has so many.
fn most_of(text: usize) -> usize {
    MOST.min(ALWAYS + MOST_BY_TEXT.saturating_mul(text))
}

/// The parts of a layer, in their order: what compiling a module has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layer(Vec<Arc<[u8]>>);

impl Layer {
    /// Its bytes: each part behind its length.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length(&self.0) + 4 * self.0.len());
        put_parts(&mut bytes, &self.0);
        bytes
    }

    /// A layer of its bytes. Of what is no layer, what can be read of it.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self(parts_of(bytes))
    }
}

impl Measured for Layer {
    fn size(&self) -> usize {
        length(&self.0)
    }
}

/// What compiling a script changes in the engine's memory. Without any part if the script is compiled by each run.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    /// The layers that other scripts may have as well.
    layers: Vec<Arc<Shared<Layer>>>,
    /// The parts of all layers, in their order.
    parts: Vec<Arc<[u8]>>,
    /// How many of them are of layers.
    shared: usize,
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Image {
    /// `own` are the parts of the last layer, which is the script's own.
    pub(super) fn new(layers: Vec<Arc<Shared<Layer>>>, own: Vec<Arc<[u8]>>) -> Self {
        let shared = layers.iter().flat_map(|layer| layer.value().0.clone());
        let mut parts: Vec<_> = shared.collect();
        let shared = parts.len();
        parts.extend(own);
        Self {
            layers,
            parts,
            shared,
        }
    }

    pub(super) fn part(&self, index: u32) -> Option<&Arc<[u8]>> {
        self.parts.get(index as usize)
    }

    /// The layers that other scripts may have as well.
    pub(super) fn layers(&self) -> &[Arc<Shared<Layer>>] {
        &self.layers
    }

    /// The length of the parts of its layers, and of its own.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let (shared, own) = self.parts.split_at(self.shared);
        (length(shared), length(own))
    }

    /// Its bytes: how many layers it has, their digests, and its own parts, each behind its length.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.layers.len() as u32).to_le_bytes().to_vec();
        for layer in &self.layers {
            bytes.extend_from_slice(layer.digest());
        }
        put_parts(&mut bytes, &self.parts[self.shared..]);
        bytes
    }

    /// An image of its bytes, with the layers that `layer` gives; `None` if one is missing, or if they are no image.
    pub(super) fn of_bytes(
        bytes: &[u8],
        layer: impl Fn(&Digest) -> Option<Arc<Shared<Layer>>>,
    ) -> Option<Self> {
        let (digests, own) = layers_of(bytes)?;
        let layers = digests.iter().map(layer).collect::<Option<_>>()?;
        Some(Self::new(layers, parts_of(own)))
    }
}

/// The digests of an image's layers, and what follows them in its bytes.
pub(super) fn layers_of(bytes: &[u8]) -> Option<(&[Digest], &[u8])> {
    let (count, rest) = bytes.split_first_chunk()?;
    let count = u32::from_le_bytes(*count) as usize;
    let (digests, rest) = rest.split_at_checked(count.checked_mul(size_of::<Digest>())?)?;
    Some((digests.as_chunks().0, rest))
}

fn length(parts: &[Arc<[u8]>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

fn put_parts(bytes: &mut Vec<u8>, parts: &[Arc<[u8]>]) {
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
        bytes.extend_from_slice(part);
    }
}

fn parts_of(mut bytes: &[u8]) -> Vec<Arc<[u8]>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk()
        && let Some((part, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        parts.push(Arc::from(part));
        bytes = rest;
    }
    parts
}

#[cfg(test)]
#[path = "image/tests.rs"]
mod tests;
