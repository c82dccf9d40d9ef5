//! Which ids are certainly new. Ids grow with time and come nearly in their order, so to know the
//! newest ones spares the tree a look for each task that is accepted.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::domain::ids::TaskId;

/// Ids that are known. A task that came later than so many younger ones is looked for.
const KNOWN: usize = 1024;

/// The newest ids of a workspace.
pub(super) struct Newest {
    /// Every id that is there and greater than this is in `known`.
    past: TaskId,
    known: FxHashSet<TaskId>,
    /// The ids of `known`, in the order in which they came.
    order: VecDeque<TaskId>,
}

impl Newest {
    /// No id greater than `newest` is there.
    pub(super) fn after(newest: Option<TaskId>) -> Self {
        Self {
            past: newest.unwrap_or(TaskId::MIN),
            known: FxHashSet::default(),
            order: VecDeque::new(),
        }
    }

    /// Whether an id is certainly not there; it is from now on. `false` may be said of any.
    pub(super) fn is_new(&mut self, id: TaskId) -> bool {
        if id <= self.past || !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.past = self.past.max(oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn id(n: u32) -> TaskId {
        TaskId::from_bytes((u128::from(n) << 64).to_be_bytes())
    }

    proptest! {
        /// An id that counts as new was never there. Of ids that come nearly in order, nearly all count as new.
        #[test]
        fn nothing_is_new_twice(jitter in prop::collection::vec(0u32..2000, 4000)) {
            let mut newest = Newest::after(Some(id(100)));
            let mut there = HashSet::from([id(100), id(50)]);
            let (mut met, mut new) = (0, 0);
            for (n, back) in jitter.into_iter().enumerate() {
                let id = id((n as u32 + 101).saturating_sub(back));
                met += u32::from(there.contains(&id));
                if newest.is_new(id) {
                    new += 1;
                    prop_assert!(!there.contains(&id));
                }
                there.insert(id);
            }
            prop_assert!(met > 0 && new > 0);
        }
    }

    #[test]
    fn what_comes_a_little_late_is_new() {
        let mut newest = Newest::after(None);
        for n in 2..100_000 {
            // Pairs that have changed places.
            assert!(newest.is_new(id(n ^ 1)), "{n}");
        }
        assert!(!newest.is_new(id(99_990)));
        assert!(!newest.is_new(id(5)));
        assert_eq!(newest.order.len(), KNOWN);
    }
}
