//! The result of a walk over a store: the number of items of each kind, and a digest of all.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Kinds of what a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// Workspaces with their settings.
    Workspaces,
    /// Webhooks with their keys, secrets (sealed) and rules.
    Webhooks,
    /// Steps with their versions.
    Steps,
    /// Components and scripts of all versions of all steps, each once.
    Components,
    /// Config values, sealed.
    Config,
    /// Connectors, sealed.
    Connectors,
    /// Schedules, each with the last planned time that is settled.
    Schedules,
    /// Tokens, also those of the server.
    Tokens,
    /// Tasks with their data, journals and the calls of a run under way.
    Tasks,
    /// Bodies of responses that journals name.
    Bodies,
    /// Files that came with tasks.
    Files,
    /// Keys by which repeated deliveries are recognised.
    Keys,
    /// Recorded deliveries.
    Deliveries,
    /// Entries of the audit logs.
    Audit,
}

impl Item {
    /// All kinds, in the order in which they are copied.
    pub const ALL: [Self; 14] = [
        Self::Workspaces,
        Self::Webhooks,
        Self::Steps,
        Self::Components,
        Self::Config,
        Self::Connectors,
        Self::Schedules,
        Self::Tokens,
        Self::Tasks,
        Self::Bodies,
        Self::Files,
        Self::Keys,
        Self::Deliveries,
        Self::Audit,
    ];

    /// The plural, as people and programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workspaces => "workspaces",
            Self::Webhooks => "webhooks",
            Self::Steps => "steps",
            Self::Components => "components",
            Self::Config => "config values",
            Self::Connectors => "connectors",
            Self::Schedules => "schedules",
            Self::Tokens => "tokens",
            Self::Tasks => "tasks",
            Self::Bodies => "bodies of responses",
            Self::Files => "files",
            Self::Keys => "delivery keys",
            Self::Deliveries => "recorded deliveries",
            Self::Audit => "audit entries",
        }
    }
}

/// The items of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// The sum of their SHA-256 digests, as four numbers. It does not depend on their order.
    sum: [u64; 4],
}

impl Total {
    /// The digest of all, 64 hex digits.
    pub fn digest(&self) -> String {
        let bytes: Vec<u8> = self
            .sum
            .iter()
            .flat_map(|part| part.to_be_bytes())
            .collect();
        HEXLOWER.encode(&bytes)
    }
}

/// The items of all kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    of: [Total; Item::ALL.len()],
    /// Recorded deliveries that the target does not keep, because it keeps fewer bytes of them.
    pub deliveries_left: u64,
    /// Bodies that journals name and the source does not have.
    pub bodies_missing: u64,
    /// Files that tasks name and that are not there.
    pub files_missing: u64,
}

impl Summary {
    /// The items of one kind.
    pub fn of(&self, item: Item) -> Total {
        self.of[item as usize]
    }

    /// Adds an item that consists of these parts.
    pub(super) fn add(&mut self, item: Item, parts: &[&[u8]]) {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let total = &mut self.of[item as usize];
        total.count += 1;
        for (sum, bytes) in total.sum.iter_mut().zip(hash.chunks_exact(8)) {
            let number = bytes.try_into().map_or(0, u64::from_be_bytes);
            *sum = sum.wrapping_add(number);
        }
    }

    /// Adds all of another one.
    pub(super) fn join(&mut self, other: &Self) {
        for (own, other) in self.of.iter_mut().zip(&other.of) {
            own.count += other.count;
            for (sum, more) in own.sum.iter_mut().zip(other.sum) {
                *sum = sum.wrapping_add(more);
            }
        }
        self.deliveries_left += other.deliveries_left;
        self.bodies_missing += other.bodies_missing;
        self.files_missing += other.files_missing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items, and what each consists of.
    type Items<'a> = &'a [(Item, &'a [&'a [u8]])];

    #[test]
    fn the_order_says_nothing_and_everything_else_does() {
        let of = |items: &[(Item, &[&[u8]])]| {
            let mut summary = Summary::default();
            items
                .iter()
                .for_each(|(item, parts)| summary.add(*item, parts));
            summary
        };
        let (a, b): (&[&[u8]], &[&[u8]]) = (&[b"a", b"1"], &[b"b", b"2"]);
        let both = of(&[(Item::Tasks, a), (Item::Tasks, b)]);
        assert_eq!(both, of(&[(Item::Tasks, b), (Item::Tasks, a)]));
        let mut joined = of(&[(Item::Tasks, a)]);
        joined.join(&of(&[(Item::Tasks, b)]));
        assert_eq!(both, joined);
        let others: [Items<'_>; 5] = [
            &[(Item::Tasks, a)],
            &[(Item::Tasks, a), (Item::Keys, b)],
            &[(Item::Tasks, a), (Item::Tasks, a)],
            &[(Item::Tasks, a), (Item::Tasks, b), (Item::Tasks, b)],
            &[(Item::Tasks, &[b"a1"]), (Item::Tasks, b)],
        ];
        for other in others {
            assert_ne!(both, of(other), "{other:?}");
        }
        assert_eq!(both.of(Item::Tasks).count, 2);
        assert_eq!(both.of(Item::Tasks).digest().len(), 64);
    }
}
