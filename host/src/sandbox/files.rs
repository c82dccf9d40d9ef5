//! The files of a script, as the engine asks for them. Large ones are in memory once, however many scripts have them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use stepwell_script::Package;

use super::shared::{Pool, Shared, digest_of};

/// Bytes of a file that is worth sharing. Its layer costs a comparison of the engine's memory when the script is added,
/// and it has one part at least.
const LARGE: usize = 4 * 1024;
/// The most layers of an image beside the script's own.
pub(super) const LAYERS: usize = 4;

/// A file's text.
#[derive(Debug)]
pub(super) enum Text {
    Own(Box<str>),
    Shared(Arc<Shared<Box<str>>>),
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Own(text) => text,
            Self::Shared(text) => text.value(),
        }
    }
}

/// A package in memory.
#[derive(Debug)]
pub(super) struct Files {
    entry: Box<str>,
    /// By their names, the entry as well.
    texts: BTreeMap<Box<str>, Text>,
}

impl Files {
    pub(super) fn of(package: Package, pool: &Pool<Box<str>>) -> Self {
        let shared = |text: String| match text.len() < LARGE {
            true => Text::Own(text.into()),
            false => Text::Shared(pool.share(digest_of(text.as_bytes()), text.into())),
        };
        let texts = package.modules.into_iter();
        Self {
            entry: package.entry.into(),
            texts: texts
                .map(|(name, text)| (name.into(), shared(text)))
                .collect(),
        }
    }

    /// The name of the file that exports `condition` and `content`.
    pub(super) fn entry(&self) -> &str {
        &self.entry
    }

    pub(super) fn entry_text(&self) -> &str {
        self.text(&self.entry).unwrap_or_default()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|text| &**text)
    }

    /// The names of all files but the entry, in their order.
    pub(super) fn others(&self) -> impl Iterator<Item = &str> {
        let names = self.texts.keys().map(|name| &**name);
        names.filter(|name| *name != self.entry())
    }

    /// The names of the modules that are compiled first, each of which is a layer of the image: the largest, as far as
    /// they are large. In the same order for all scripts that have them.
    pub(super) fn first(&self) -> Vec<&str> {
        let length = |name: &&str| self.text(name).map_or(0, str::len);
        let large = self.others();
        let mut large: Vec<&str> = large
            .filter(|name| length(name) >= LARGE && !name.ends_with(".json"))
            .collect();
        large.sort_by_key(|name| (std::cmp::Reverse(length(name)), *name));
        large.truncate(LAYERS);
        large
    }

    /// Bytes of the texts that other scripts may have as well, and of the other ones.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let of = |is_shared: bool| {
            let texts = self.texts.values();
            let texts = texts.filter(|text| matches!(text, Text::Shared(_)) == is_shared);
            texts.map(|text| text.len()).sum()
        };
        (of(true), of(false))
    }
}
