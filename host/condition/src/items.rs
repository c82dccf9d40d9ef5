//! The values that `$in` lists, and how one of many is found without comparing them all.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use crate::hash;
use crate::node::{Constant, Expression};

/// Lists of more items are looked up by the hash of their scalars.
const FEW: usize = 8;
/// Makes the hashes those of this use. Which values share one is known to who writes the pattern; each
/// that does is paid for when it is compared.
const SEED: u64 = 0x1e75;

/// What `$in` and `$all` list, in the order in which it is written.
#[derive(Debug, Default)]
pub(crate) struct Items {
    items: Box<[Item]>,
    lookup: Option<Lookup>,
}

#[derive(Debug)]
pub(crate) enum Item {
    Constant(Constant),
    Expression(Arc<Expression>),
}

/// Where the items are that a value may equal.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// The places of the scalars, by their hashes.
    scalars: Box<[(u64, u32)]>,
    /// Those of null.
    nulls: Box<[u32]>,
    /// Those of all that is compared with every value: objects, arrays and expressions.
    others: Box<[u32]>,
}

impl Items {
    /// Bytes that the lookup takes.
    pub(crate) fn lookup_bytes(&self) -> usize {
        self.lookup.as_ref().map_or(0, |lookup| {
            size_of_val(&*lookup.scalars)
                + size_of_val(&*lookup.nulls)
                + size_of_val(&*lookup.others)
        })
    }

    /// How the items are found, if they are many.
    pub(crate) fn lookup(&self) -> Option<&Lookup> {
        self.lookup.as_ref()
    }
}

impl Deref for Items {
    type Target = [Item];

    fn deref(&self) -> &[Item] {
        &self.items
    }
}

impl FromIterator<Item> for Items {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        let items: Box<[Item]> = items.into_iter().collect();
        let lookup = (items.len() > FEW).then(|| Lookup::of(&items));
        Self { items, lookup }
    }
}

impl Lookup {
    fn of(items: &[Item]) -> Self {
        let (mut scalars, mut nulls, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (place, item) in (0..).zip(items) {
            match item {
                Item::Constant(Constant::Null) => nulls.push(place),
                Item::Constant(constant) => match hash::of_constant(SEED, constant) {
                    Some(hash) => scalars.push((hash, place)),
                    None => others.push(place),
                },
                Item::Expression(_) => others.push(place),
            }
        }
        scalars.sort_unstable();
        Self {
            scalars: scalars.into(),
            nulls: nulls.into(),
            others: others.into(),
        }
    }

    /// The places of the items that the value may equal, and what it cost to find them, in units of a
    /// [`Budget`](crate::Budget).
    pub(crate) fn candidates(
        &self,
        value: Option<&Value>,
    ) -> (impl Iterator<Item = usize> + '_, u64) {
        let hash = value.and_then(|value| hash::of(SEED, value));
        let cost = match value {
            Some(value) if hash.is_some() => 4 + hash::cost(value),
            _ => 0,
        };
        let alike = hash.map_or(&[][..], |hash| {
            let first = self.scalars.partition_point(|(other, _)| *other < hash);
            let behind = &self.scalars[first..];
            let end = behind.iter().take_while(|(other, _)| *other == hash);
            &behind[..end.count()]
        });
        let nulls = match value {
            None | Some(Value::Null) => &*self.nulls,
            _ => &[],
        };
        let places = alike.iter().map(|(_, place)| place);
        let places = places.chain(nulls).chain(&*self.others);
        (places.map(|place| *place as usize), cost)
    }
}
