//! Which members and items of a value other rules have looked at, for `unevaluatedProperties` and `unevaluatedItems`.

use std::collections::HashSet;

#[derive(Debug, Default)]
pub(crate) struct Seen<'v> {
    all_members: bool,
    members: HashSet<&'v str>,
    /// All items before this one.
    items_before: usize,
    items: HashSet<usize>,
}

impl<'v> Seen<'v> {
    pub(crate) fn member(&mut self, name: &'v str) {
        if !self.all_members {
            self.members.insert(name);
        }
    }

    pub(crate) fn all_members(&mut self) {
        self.all_members = true;
        self.members = HashSet::new();
    }

    pub(crate) fn item(&mut self, number: usize) {
        if number >= self.items_before {
            self.items.insert(number);
        }
    }

    pub(crate) fn items_before(&mut self, number: usize) {
        self.items_before = self.items_before.max(number);
    }

    pub(crate) fn has_member(&self, name: &str) -> bool {
        self.all_members || self.members.contains(name)
    }

    pub(crate) fn has_item(&self, number: usize) -> bool {
        number < self.items_before || self.items.contains(&number)
    }

    /// How many are listed one by one.
    pub(crate) fn len(&self) -> usize {
        self.members.len() + self.items.len()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if other.all_members {
            self.all_members();
        }
        if !self.all_members {
            self.members.extend(other.members);
        }
        self.items_before(other.items_before);
        self.items.extend(other.items);
    }
}
