//! Digests of what tasks are found by: webhook, name, tags. They lie beside a task's index key or its
//! place in the archive, so that a search passes over a task without reading its record. A digest
//! that fits proves nothing: two texts may have the same, and then the record decides.

use super::codec::Parts;
use super::shapes::kind::kind;
use super::shapes::{Kind as _, Shape, read};
use crate::domain::task::TaskHead;
use crate::store::{StoreError, Terms};

/// Digests of one task. One that has more has none, and is looked at by every search.
const MOST: usize = 7;
/// Stands for a count: nothing is known of the task.
const UNKNOWN: u8 = 255;

/// The digests of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digests {
    count: u8,
    digests: [u32; MOST],
}

/// What the digest of a text is of; never renumbered.
#[derive(Clone, Copy)]
enum Kind {
    Webhook = 1,
    Name = 2,
    Tag = 3,
}

fn digest(kind: Kind, text: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind as u8]);
    hasher.update(text.as_bytes());
    hasher.finalize()
}

/// The digests that a task has which fits `terms`.
pub(super) fn wanted(terms: &Terms) -> Vec<u32> {
    let of = |kind, text: &Option<String>| text.as_deref().map(|text| digest(kind, text));
    [
        of(Kind::Webhook, &terms.webhook),
        of(Kind::Name, &terms.name),
        of(Kind::Tag, &terms.tag),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Digests {
    /// Nothing is known of the task.
    pub(super) const NONE: Self = Self {
        count: UNKNOWN,
        digests: [0; MOST],
    };

    pub(super) fn of(head: &TaskHead) -> Self {
        let webhook = head
            .webhook
            .iter()
            .map(|name| (Kind::Webhook, name.as_str()));
        let name = head.name.iter().map(|name| (Kind::Name, name.as_str()));
        let tags = head.tags.iter().map(|tag| (Kind::Tag, tag.as_str()));
        let mut digests = Self {
            count: 0,
            digests: [0; MOST],
        };
        for (kind, text) in webhook.chain(name).chain(tags) {
            let Some(free) = digests.digests.get_mut(usize::from(digests.count)) else {
                return Self::NONE;
            };
            *free = digest(kind, text);
            digests.count += 1;
        }
        digests
    }

    /// Whether the task may have all of `wanted`.
    pub(super) fn may_have(&self, wanted: &[u32]) -> bool {
        match self.digests.get(..usize::from(self.count)) {
            Some(there) => wanted.iter().all(|digest| there.contains(digest)),
            None => true,
        }
    }

    fn push(&self, out: &mut Vec<u8>) {
        out.push(self.count);
        for digest in self.digests.iter().take(usize::from(self.count) % 255) {
            out.extend_from_slice(&digest.to_le_bytes());
        }
    }

    fn pull(parts: &mut Parts<'_>) -> Result<Self, StoreError> {
        let count = parts.byte()?;
        if count == UNKNOWN {
            return Ok(Self::NONE);
        }
        let mut digests = Self {
            count,
            digests: [0; MOST],
        };
        for digest in 0..usize::from(count) {
            let value = parts.u32()?;
            match digests.digests.get_mut(digest) {
                Some(free) => *free = value,
                None => return Err(parts.wrong("there are more than any task has")),
            }
        }
        Ok(digests)
    }
}

/// The digests of several tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DigestList(pub Vec<Digests>);

kind!('a, DigestList, "digests of terms", 1 => DigestList);

impl Shape<'_> for DigestList {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, kind);
        // One takes a byte at least, and nearly always some more.
        let mut all = Vec::with_capacity(bytes.len() / 8 + 1);
        while !parts.is_empty() {
            all.push(Digests::pull(&mut parts)?);
        }
        Ok(Self(all))
    }
}

/// The value that holds the digests of several tasks.
pub(super) fn encode(all: impl IntoIterator<Item = Digests>) -> Vec<u8> {
    let mut value = vec![DigestList::NEWEST];
    for digests in all {
        digests.push(&mut value);
    }
    value
}

/// The digests of `count` tasks that a value holds. No value, or one of another number of tasks, was
/// written by a version that knew no digests.
pub(super) fn decode(value: Option<&[u8]>, count: usize) -> Result<Vec<Digests>, StoreError> {
    let all = match value {
        Some(value) if !value.is_empty() => read::<DigestList>(value)?.0,
        _ => Vec::new(),
    };
    if all.len() != count {
        return Ok(vec![Digests::NONE; count]);
    }
    Ok(all)
}

/// Whether the one task of an index key's value may have all of `wanted`.
pub(super) fn one_may_have(value: &[u8], wanted: &[u32]) -> Result<bool, StoreError> {
    let digests = decode(Some(value), 1)?;
    Ok(digests.iter().all(|digests| digests.may_have(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::store::conformance::samples::{new_task, workspace};

    fn head(webhook: &str, name: &str, tags: &[&str]) -> TaskHead {
        let mut head = new_task(&workspace("acme"), TaskId::new(), "{}").head;
        head.webhook = webhook.parse().ok();
        head.name = Some(name.to_owned());
        head.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        head
    }

    #[test]
    fn digests_are_read_back_and_tell_kinds_apart() {
        let heads = [
            head("Orders", "one", &[]),
            head("Form", "two", &["a", "b"]),
            head("Form", "three", &["1", "2", "3", "4", "5", "6"]),
        ];
        let all: Vec<_> = heads.iter().map(Digests::of).collect();
        assert_eq!(all[2], Digests::NONE, "it has too many");
        let value = encode(all.iter().copied());
        assert_eq!(decode(Some(&value), 3).unwrap(), all);
        for count in [0, 1, 2, 4] {
            assert_eq!(
                decode(Some(&value), count).unwrap(),
                vec![Digests::NONE; count]
            );
        }
        assert_eq!(decode(None, 2).unwrap(), vec![Digests::NONE; 2]);
        let fits = |terms: Terms| {
            let wanted = wanted(&terms);
            all.iter()
                .map(|one| one.may_have(&wanted))
                .collect::<Vec<_>>()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            fits(Terms {
                webhook: text("Form"),
                ..Terms::default()
            }),
            [false, true, true]
        );
        assert_eq!(
            fits(Terms {
                name: text("Form"),
                ..Terms::default()
            }),
            [false, false, true]
        );
        assert_eq!(
            fits(Terms {
                tag: text("b"),
                name: text("two"),
                ..Terms::default()
            }),
            [false, true, true]
        );
        assert_eq!(fits(Terms::default()), [true, true, true]);
    }

    #[test]
    fn a_value_that_is_cut_is_damage_or_of_fewer_tasks() {
        let all = [Digests::of(&head("Orders", "one", &["a"])); 3];
        let value = encode(all);
        for length in 0..value.len() {
            match decode(Some(&value[..length]), 3) {
                Ok(read) => assert_eq!(read, [Digests::NONE; 3], "{length}"),
                Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "{length}"),
            }
        }
        assert!(decode(Some(&[DigestList::NEWEST, 9]), 1).is_err());
        assert!(decode(Some(&[99, 0]), 1).is_err());
    }
}
