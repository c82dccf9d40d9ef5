//! Finds, among many patterns, the few that a document can match.
//!
//! A pattern is filed under one of its [features](features): an equality that must hold, or a
//! member that must be there. Which one is decided when it is added: the one under which the fewest
//! are filed so far. A place that becomes crowded is divided by the patterns' other features, in
//! an index of its own. What has no feature is a candidate for every document.
//!
//! Looking up walks the paths that patterns are filed under and the document side by side, at
//! each object along whichever has fewer members. So neither 10,000 patterns on 10,000 different
//! members nor a document of 10,000 members makes the other's lookup slow.

mod features;

use std::collections::{HashMap, hash_map::RandomState};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use serde_json::Value;

use crate::Pattern;
use crate::eval::{Budget, Known, Spent};
use crate::hash;
use crate::node::Key;
use features::Feature;

/// How many patterns stand in one place before it is divided.
const CROWD: usize = 4;
/// How often a place is divided: by so many features at most.
const DIVISIONS: usize = 4;
/// Elements of an array that are looked up one by one; past it every pattern that is filed under a
/// value at its path is a candidate.
const ELEMENTS: usize = 64;

/// An index over patterns, each under a number that the caller chose.
///
/// ```
/// use serde_json::json;
/// use stepwell_condition::{Index, Pattern};
///
/// let mut index = Index::new();
/// for (id, name) in [(1, "Contact Form"), (2, "Support Tickets")] {
///     index.insert(id, &Pattern::parse(&json!({"$via": {"name": name}}))?);
/// }
/// let mut candidates = Vec::new();
/// index.candidates(&json!({"$via": {"name": "Contact Form"}, "email": "a@b.c"}), &mut candidates);
/// assert_eq!(candidates, [1]);
/// # Ok::<(), stepwell_condition::PatternError>(())
/// ```
#[derive(Debug)]
pub struct Index {
    /// Makes which values share a hash unforeseeable.
    seed: u64,
    features: Features,
    root: Place,
}

type Features = HashMap<u32, Vec<Feature>>;

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// An index over nothing.
    pub fn new() -> Self {
        Self {
            seed: RandomState::new().hash_one(0),
            features: HashMap::new(),
            root: Place::default(),
        }
    }

    /// How many patterns it has.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Adds a pattern, in the place of the one that had this number, if there is one.
    pub fn insert(&mut self, id: u32, pattern: &Pattern) {
        self.remove(id);
        self.features.insert(id, features::of(pattern, self.seed));
        self.root.insert(id, 0, &self.features, DIVISIONS);
    }

    /// Takes a pattern out. Nothing happens if there is none of this number.
    pub fn remove(&mut self, id: u32) {
        if let Some(features) = self.features.remove(&id) {
            self.root.remove(id, &features);
        }
    }

    /// Replaces what is in `out` by the numbers of all patterns that can match: every one that does,
    /// and as few others as possible; ascending, each once.
    pub fn candidates(&self, data: &Value, out: &mut Vec<u32>) {
        // More than any look-up takes.
        let _ = self.candidates_within(data, &mut Budget::new(u64::MAX), out);
    }

    /// The same within a budget.
    ///
    /// # Errors
    /// The budget is spent; `out` lacks some.
    pub fn candidates_within(
        &self,
        data: &Value,
        budget: &mut Budget,
        out: &mut Vec<u32>,
    ) -> Result<(), Spent> {
        out.clear();
        let look = &mut Look {
            seed: self.seed,
            data,
            budget,
            out,
        };
        self.root.find(look)?;
        out.sort_unstable();
        out.dedup();
        Ok(())
    }
}

/// A look-up under way.
struct Look<'l> {
    seed: u64,
    /// The whole document.
    data: &'l Value,
    budget: &'l mut Budget,
    out: &'l mut Vec<u32>,
}

/// Patterns by one feature each.
#[derive(Debug, Default)]
struct Place {
    /// Under which of its features each pattern is filed; `None` is `rest`.
    homes: HashMap<u32, Option<u8>>,
    /// Those without any feature left.
    rest: Vec<u32>,
    paths: Path,
}

/// A node in the tree of the paths under which patterns are filed.
#[derive(Debug, Default)]
struct Path {
    members: HashMap<Box<str>, Path>,
    /// By the hash of the value there.
    values: HashMap<u64, Bucket, BuildHasherDefault<Hashed>>,
    /// By nothing but that there is one.
    present: Bucket,
}

#[derive(Debug)]
enum Bucket {
    /// Each with the set of features that are used up.
    Few(Vec<(u32, u16)>),
    Many(Box<Place>),
}

impl Place {
    fn insert(&mut self, id: u32, used: u16, features: &Features, divisions: usize) {
        let own = features.get(&id).map(Vec::as_slice).unwrap_or_default();
        let home = if divisions > 0 {
            self.choose(own, used)
        } else {
            None
        };
        self.homes
            .insert(id, home.and_then(|home| u8::try_from(home).ok()));
        let Some(home) = home else {
            return self.rest.push(id);
        };
        let used = used | 1 << home;
        for path in &own[home].paths {
            let path = self.paths.make(path);
            match &own[home].values {
                None => path.present.insert(id, used, features, divisions - 1),
                Some(values) => {
                    for value in values {
                        let bucket = path.values.entry(*value).or_default();
                        bucket.insert(id, used, features, divisions - 1);
                    }
                }
            }
        }
    }

    /// The feature not yet used under which the fewest are filed; the better one of two that are
    /// even, and an equality before a required member.
    fn choose(&self, own: &[Feature], used: u16) -> Option<usize> {
        own.iter()
            .enumerate()
            .filter(|(number, _)| used & (1 << number) == 0)
            .min_by_key(|(_, feature)| {
                let paths = feature.paths.iter().filter_map(|path| self.paths.get(path));
                let crowd: usize = match &feature.values {
                    None => paths.map(|path| path.present.len()).sum(),
                    Some(values) => paths
                        .flat_map(|path| values.iter().filter_map(|value| path.values.get(value)))
                        .map(Bucket::len)
                        .sum(),
                };
                (feature.values.is_none(), crowd)
            })
            .map(|(number, _)| number)
    }

    fn remove(&mut self, id: u32, own: &[Feature]) {
        match self.homes.remove(&id) {
            Some(Some(home)) => {
                let Some(feature) = own.get(usize::from(home)) else {
                    return;
                };
                for path in &feature.paths {
                    self.paths.remove(path, id, feature, own);
                }
            }
            Some(None) => self.rest.retain(|other| *other != id),
            // It was filed here under two values that are one.
            None => {}
        }
    }

    fn find(&self, look: &mut Look<'_>) -> Known<()> {
        look.budget.spend(1 + self.rest.len() as u64 / 16)?;
        look.out.extend_from_slice(&self.rest);
        self.paths.find(look.data, look)
    }
}

impl Path {
    fn get(&self, path: &[Box<str>]) -> Option<&Self> {
        path.iter().try_fold(self, |at, name| at.members.get(name))
    }

    fn make(&mut self, path: &[Box<str>]) -> &mut Self {
        path.iter()
            .fold(self, |at, name| at.members.entry(name.clone()).or_default())
    }

    /// Takes a pattern out below, and every node that is of no use afterwards.
    fn remove(&mut self, path: &[Box<str>], id: u32, feature: &Feature, own: &[Feature]) {
        if let Some((name, rest)) = path.split_first() {
            if let Some(member) = self.members.get_mut(name) {
                member.remove(rest, id, feature, own);
                if member.is_empty() {
                    self.members.remove(name);
                    // Walking a map costs what it once held.
                    if self.members.capacity() > 64
                        && self.members.len() < self.members.capacity() / 4
                    {
                        self.members.shrink_to_fit();
                    }
                }
            }
            return;
        }
        match &feature.values {
            None => self.present.remove(id, own),
            Some(values) => {
                for value in values {
                    if let Some(bucket) = self.values.get_mut(value) {
                        bucket.remove(id, own);
                        if bucket.len() == 0 {
                            self.values.remove(value);
                        }
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.values.is_empty() && self.present.len() == 0
    }

    /// Collects what is filed at `value` and below.
    fn find(&self, value: &Value, look: &mut Look<'_>) -> Known<()> {
        look.budget.spend(1)?;
        self.present.find(look)?;
        match value {
            Value::Object(map) if self.members.len() <= map.len() => {
                for (name, path) in &self.members {
                    look.budget.spend(Key::cost_of(name))?;
                    if let Some(value) = map.get(&**name) {
                        path.find(value, look)?;
                    }
                }
            }
            Value::Object(map) => {
                for (name, value) in map {
                    look.budget.spend(Key::cost_of(name))?;
                    if let Some(path) = self.members.get(name.as_str()) {
                        path.find(value, look)?;
                    }
                }
            }
            _ if self.values.is_empty() => {}
            // `$in` and `$eq` reach into an array.
            Value::Array(items) if items.len() <= ELEMENTS => {
                for item in items {
                    self.probe(item, look)?;
                }
            }
            Value::Array(_) => {
                for bucket in self.values.values() {
                    bucket.find(look)?;
                }
            }
            scalar => self.probe(scalar, look)?,
        }
        Ok(())
    }

    fn probe(&self, value: &Value, look: &mut Look<'_>) -> Known<()> {
        look.budget.spend(hash::cost(value))?;
        let bucket = hash::of(look.seed, value).and_then(|hash| self.values.get(&hash));
        bucket.map_or(Ok(()), |bucket| bucket.find(look))
    }
}

impl Default for Bucket {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Bucket {
    fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(place) => place.homes.len(),
        }
    }

    fn insert(&mut self, id: u32, used: u16, features: &Features, divisions: usize) {
        match self {
            // Two of a pattern's values may have one hash.
            Self::Few(few) if few.iter().any(|(other, _)| *other == id) => {}
            Self::Few(few) if few.len() < CROWD => few.push((id, used)),
            Self::Few(few) => {
                let mut place = Box::<Place>::default();
                for (id, used) in few.drain(..).chain([(id, used)]) {
                    place.insert(id, used, features, divisions);
                }
                *self = Self::Many(place);
            }
            Self::Many(place) if place.homes.contains_key(&id) => {}
            Self::Many(place) => place.insert(id, used, features, divisions),
        }
    }

    fn remove(&mut self, id: u32, own: &[Feature]) {
        match self {
            Self::Few(few) => few.retain(|(other, _)| *other != id),
            Self::Many(place) => place.remove(id, own),
        }
    }

    fn find(&self, look: &mut Look<'_>) -> Known<()> {
        match self {
            Self::Few(few) => {
                look.budget.spend(1)?;
                look.out.extend(few.iter().map(|(id, _)| id));
                Ok(())
            }
            Self::Many(place) => place.find(look),
        }
    }
}

/// Takes a key that is a good hash already for its hash.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
