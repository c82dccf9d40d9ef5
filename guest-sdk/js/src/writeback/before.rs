//! An object's members as they were.

use crate::json::Member;

/// Up to so many members are searched one by one.
const FEW: usize = 16;

/// An object's members as they were, found in any order but fastest in their own.
pub struct Before<'a> {
    pub members: Vec<Member<'a>>,
    pub kept: Vec<bool>,
    next: usize,
    /// Indices in the order of the keys, once the members turned up in another order.
    sorted: Vec<usize>,
}

impl<'a> Before<'a> {
    pub fn new(members: Vec<Member<'a>>) -> Self {
        Self {
            kept: vec![false; members.len()],
            next: 0,
            sorted: Vec::new(),
            members,
        }
    }

    /// Keeps the first members, as long as that is so of their texts; how many they are.
    pub fn keep_while(&mut self, is_kept: impl Fn(&str) -> bool) -> usize {
        let kept = self
            .members
            .iter()
            .take_while(|member| is_kept(member.value));
        self.next = kept.count();
        self.kept[..self.next].fill(true);
        self.next
    }

    pub fn find(&mut self, key: &str) -> Option<usize> {
        let is_it = |member: &Member| member.key == key;
        let found = if self.members.get(self.next).is_some_and(is_it) {
            Some(self.next)
        } else if self.members.len() <= FEW {
            self.members.iter().position(is_it)
        } else {
            let members = &self.members;
            if self.sorted.is_empty() {
                self.sorted = (0..members.len()).collect();
                self.sorted.sort_by_key(|&at| &members[at].key);
            }
            let place = self
                .sorted
                .binary_search_by(|&at| (*members[at].key).cmp(key));
            place.ok().map(|place| self.sorted[place])
        }?;
        self.next = found + 1;
        Some(found)
    }
}
