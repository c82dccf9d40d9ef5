//! The pages of the tree, put together from their messages, and the values in them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::generation::Tag;
use super::message::{Kind, Message, number};
use super::segments::{Hole, scan};

/// A leaf, or an inner node of which only that is known.
struct Page {
    /// Where its node stands in sled's log.
    base: i64,
    prefix: Vec<u8>,
    low: Vec<u8>,
    /// Empty for none.
    high: Vec<u8>,
    /// By their keys without the prefix; none for an inner node.
    values: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
}

/// A part of the keys, from a key to before another one; to the last one if there is no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Gap {
    pub from: Vec<u8>,
    pub to: Option<Vec<u8>>,
}

/// The values of the tree that can be read.
#[derive(Debug, Default)]
pub(in super::super) struct Values {
    pub values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Keys of which no page can be read.
    pub gaps: Vec<Gap>,
    pub holes: Vec<Hole>,
    /// Where the greatest generation stands in sled's log, and which it is.
    pub generation: Option<(u64, i64)>,
}

/// A digest of keys and values in their order: equal for equal trees.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(in super::super) fn add(&mut self, key: &[u8], value: &[u8]) {
        for part in [key, value] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    pub(in super::super) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Values {
    /// The [`Fingerprint`] of the values.
    pub(in super::super) fn fingerprint(&self) -> [u8; 32] {
        let mut all = Fingerprint::default();
        for (key, value) in &self.values {
            all.add(key, value);
        }
        all.digest()
    }
}

/// Reads a tree's file, of which everything is durable up to generation `durable`; none if that is not known.
/// Behind it, it reads as sled does after a crash: nothing past the first hole.
pub(in super::super) fn read(
    path: &Path,
    tag: Option<Tag>,
    durable: Option<u64>,
) -> io::Result<Values> {
    let mut written = 0;
    let mut batches = Vec::new();
    let mut generations: Vec<(u64, i64)> = Vec::new();
    let holes = scan(path, 0, |message| {
        written = message.end.max(written);
        if message.kind == Kind::Batch
            && let Some(end) = message.body.first_chunk()
        {
            batches.push((message.lsn, i64::from_le_bytes(*end)));
        }
        if matches!(message.kind, Kind::Node | Kind::Link)
            && let Some(generation) = tag.and_then(|tag| tag.find(message.body))
        {
            generations.push((generation, message.lsn));
        }
    })?;
    let newest = generations.iter().map(|(generation, _)| *generation).max();
    let durable = durable.or(newest).unwrap_or(0);
    let all = generations.iter().filter(|(found, _)| *found >= durable);
    let durable_until = all.map(|(_, lsn)| *lsn).min().unwrap_or(i64::MAX);
    let (holes, torn): (Vec<Hole>, Vec<Hole>) =
        holes.into_iter().partition(|hole| hole.lsn < durable_until);
    let torn = torn.first().map(|hole| hole.lsn);
    // A batch that is not whole, up to its last byte, was never there.
    let whole = torn.map_or(written, |torn| torn.min(written));
    let cut = batches.iter().find(|(_, last)| *last >= whole);
    let cut = cut.map(|(lsn, _)| *lsn);
    let end = [torn, cut].into_iter().flatten().min().unwrap_or(i64::MAX);
    let mut pages = HashMap::new();
    scan(path, 0, |message| {
        if message.lsn < end {
            apply(&mut pages, message);
        }
    })?;
    let mut found = assemble(pages.into_values().collect());
    found.holes = holes;
    let seen = generations.into_iter().filter(|(_, lsn)| *lsn < end);
    found.generation = seen.max_by_key(|(generation, lsn)| (*generation, -lsn));
    Ok(found)
}

fn apply(pages: &mut HashMap<u64, Page>, message: &Message<'_>) {
    match message.kind {
        Kind::Free => {
            pages.remove(&message.page);
        }
        Kind::Node => match node(message) {
            Some(page) => {
                pages.insert(message.page, page);
            }
            None => {
                pages.remove(&message.page);
            }
        },
        Kind::Link => {
            let values = pages
                .get_mut(&message.page)
                .and_then(|page| page.values.as_mut());
            let (body, mut at) = (message.body, 1);
            match (body.first(), values) {
                (Some(0), Some(values)) => {
                    let key = sized(body, &mut at);
                    if let (Some(key), Some(value)) = (key, sized(body, &mut at)) {
                        values.insert(key.to_vec(), value.to_vec());
                    }
                }
                (Some(1), Some(values)) => {
                    if let Some(key) = sized(body, &mut at) {
                        values.remove(key);
                    }
                }
                // How two pages become one is seen by the pages themselves.
                _ => {}
            }
        }
        Kind::Other | Kind::Cap | Kind::Batch | Kind::Elsewhere => {}
    }
}

fn sized<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = usize::try_from(number(bytes, at)?).ok()?;
    let part = bytes.get(*at..at.checked_add(length)?)?;
    *at += length;
    Some(part)
}

fn node(message: &Message<'_>) -> Option<Page> {
    let (body, mut at) = (message.body, 0);
    // The next page, and one that is being merged.
    number(body, &mut at)?;
    number(body, &mut at)?;
    at += 1;
    let prefix = usize::from(*body.get(at)?);
    at += 1;
    let low = sized(body, &mut at)?.to_vec();
    let high = sized(body, &mut at)?.to_vec();
    let is_leaf = *body.get(at)? == 0;
    at += 1;
    let values = if is_leaf {
        let count = usize::try_from(number(body, &mut at)?).ok()?;
        let mut all = Vec::with_capacity(2 * count.min(4096));
        for _ in 0..2 * count {
            all.push(sized(body, &mut at)?.to_vec());
        }
        let values = all.split_off(count);
        Some(all.into_iter().zip(values).collect())
    } else {
        None
    };
    Some(Page {
        base: message.lsn,
        prefix: low.get(..prefix)?.to_vec(),
        low,
        high,
        values,
    })
}

/// Parts of the keys that are taken: where each begins, and where it ends.
#[derive(Default)]
struct ClaimedRanges(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl ClaimedRanges {
    fn has(&self, key: &[u8]) -> bool {
        let before = self
            .0
            .range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key)));
        before
            .last()
            .is_some_and(|(_, to)| to.as_deref().is_none_or(|to| key < to))
    }

    fn add(&mut self, mut from: Vec<u8>, mut to: Option<Vec<u8>>) {
        let before = self.0.range(..=from.clone()).next_back();
        if let Some((start, end)) = before
            && end.as_ref().is_none_or(|end| *end >= from)
        {
            from = start.clone();
        }
        // All that it touches become one with it.
        while let Some((start, end)) = self.0.range(from.clone()..).next()
            && to.as_ref().is_none_or(|to| start <= to)
        {
            to = match (to, end) {
                (Some(to), Some(end)) => Some(to.max(end.clone())),
                _ => None,
            };
            let start = start.clone();
            self.0.remove(&start);
        }
        self.0.insert(from, to);
    }

    fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut from = Some(Vec::new());
        for (start, end) in &self.0 {
            match from.take() {
                Some(from) if from < *start => gaps.push(Gap {
                    from,
                    to: Some(start.clone()),
                }),
                _ => {}
            }
            from.clone_from(end);
        }
        if let Some(from) = from {
            gaps.push(Gap { from, to: None });
        }
        gaps
    }
}

/// The values of all pages. Where two have the same keys, the newer page is right.
fn assemble(mut pages: Vec<Page>) -> Values {
    pages.sort_unstable_by_key(|page| std::cmp::Reverse(page.base));
    let mut found = Values::default();
    let mut taken = ClaimedRanges::default();
    for page in pages {
        let Some(values) = page.values else { continue };
        for (key, value) in values {
            let key = [&page.prefix[..], &key].concat();
            if !taken.has(&key) {
                found.values.insert(key, value);
            }
        }
        taken.add(page.low, (!page.high.is_empty()).then_some(page.high));
    }
    found.gaps = taken.gaps();
    found
}
