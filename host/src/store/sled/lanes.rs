//! Changes that wait for the committer, by workspace. While several workspaces write, a group has [`SHARE_BYTES`] of each
//! of them, and [`FRAGMENT_BYTES`] of one alone, in turn: so a small change waits for at most [`FRAGMENT_BYTES`] of others.
//! Changes of one workspace keep their order: an effect is settled by the commit that comes after it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::domain::ids::WorkspaceName;

/// Bytes that each workspace has in a group.
const SHARE_BYTES: usize = 8 * 1024;
/// Bytes that one of them has in it beyond that. A longer change is written in fragments of so many.
pub(super) const FRAGMENT_BYTES: usize = 64 * 1024;
/// For how long a workspace counts as one that writes after it last did.
const WRITES: Duration = Duration::from_secs(1);

/// Whether a group has a fragment of a change that is longer than [`FRAGMENT_BYTES`].
pub(super) enum LongChange<T> {
    /// It has none.
    None,
    /// The first fragment of a long change. Those of its workspace that come after it wait for
    /// [`Lanes::end_long`].
    Begin(T),
    /// The next fragment of the long change that was begun.
    Continue,
}

/// How many changes, and bytes of them, are taken into a group at most.
#[derive(Clone, Copy)]
pub(super) struct GroupLimits {
    pub changes: usize,
    pub bytes: usize,
}

/// Changes `T` that wait.
pub(super) struct Lanes<T> {
    /// Each with its bytes.
    waiting: FxHashMap<WorkspaceName, VecDeque<(usize, T)>>,
    /// Workspaces with changes that wait, in turn.
    order: VecDeque<WorkspaceName>,
    count: usize,
    /// The workspace whose long change is being written.
    long: Option<WorkspaceName>,
    /// Whether the long change had the last turn.
    had_turn: bool,
    /// The workspaces that wrote last and before that.
    writers: [Option<(WorkspaceName, Instant)>; 2],
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            waiting: FxHashMap::default(),
            order: VecDeque::new(),
            count: 0,
            long: None,
            had_turn: false,
            writers: [None, None],
        }
    }
}

impl<T> Lanes<T> {
    /// How many changes wait.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether no group is to be written: nothing waits, nor is there another fragment of a long change.
    pub(super) fn is_idle(&self) -> bool {
        self.count == 0 && self.long.is_none()
    }

    /// Queues a change of so many bytes, which came at `now`.
    pub(super) fn push(
        &mut self,
        workspace: &WorkspaceName,
        bytes: usize,
        change: T,
        now: Instant,
    ) {
        self.note(workspace, now);
        self.count += 1;
        match self.waiting.get_mut(workspace) {
            Some(lane) => lane.push_back((bytes, change)),
            None => {
                let lane = VecDeque::from([(bytes, change)]);
                self.waiting.insert(workspace.clone(), lane);
                self.order.push_back(workspace.clone());
            }
        }
    }

    fn note(&mut self, workspace: &WorkspaceName, now: Instant) {
        let [last, before] = &mut self.writers;
        match last {
            Some((writer, at)) if writer == workspace => *at = now,
            _ => {
                std::mem::swap(last, before);
                match last {
                    Some((writer, at)) if writer == workspace => *at = now,
                    _ => *last = Some((workspace.clone(), now)),
                }
            }
        }
    }

    /// Whether several workspaces write.
    fn is_shared(&self, now: Instant) -> bool {
        let [_, before] = &self.writers;
        let before = before.as_ref();
        self.order.len() > 1
            || before.is_some_and(|(_, at)| now.saturating_duration_since(*at) < WRITES)
    }

    /// Takes the next group out.
    pub(super) fn take(
        &mut self,
        limits: GroupLimits,
        now: Instant,
        group: &mut Vec<T>,
    ) -> LongChange<T> {
        if !self.is_shared(now) && self.long.is_none() {
            if let Some(workspace) = self.order.front().cloned() {
                self.take_from(&workspace, limits, group);
            }
            return LongChange::None;
        }
        let share = |group: &Vec<T>| GroupLimits {
            changes: limits.changes.saturating_sub(group.len()),
            bytes: SHARE_BYTES,
        };
        for workspace in self.order.clone() {
            let front = self.front(&workspace);
            if self.long.as_ref() != Some(&workspace)
                && front.is_some_and(|bytes| bytes <= SHARE_BYTES)
            {
                let share = share(group);
                self.take_from(&workspace, share, group);
            }
        }
        let is_long_next = self.long.is_some() && !self.had_turn;
        if !is_long_next && let Some(long) = self.take_large(limits, group) {
            self.had_turn = false;
            return long;
        }
        self.had_turn = true;
        match self.long {
            Some(_) => LongChange::Continue,
            None => LongChange::None,
        }
    }

    /// Takes up to [`FRAGMENT_BYTES`] of the next workspace that has more than its share. None if none has.
    fn take_large(&mut self, limits: GroupLimits, group: &mut Vec<T>) -> Option<LongChange<T>> {
        for _ in 0..self.order.len() {
            let workspace = self.order.pop_front()?;
            self.order.push_back(workspace.clone());
            let front = self.front(&workspace)?;
            if self.long.as_ref() == Some(&workspace) {
                continue;
            }
            if front > FRAGMENT_BYTES {
                if self.long.is_some() {
                    continue;
                }
                let change = self.pop(&workspace)?;
                self.long = Some(workspace);
                return Some(LongChange::Begin(change));
            }
            let large = GroupLimits {
                changes: limits.changes.saturating_sub(group.len()),
                bytes: FRAGMENT_BYTES,
            };
            self.take_from(&workspace, large, group);
            return Some(LongChange::None);
        }
        None
    }

    /// Ends the long change: it is written, or was given up.
    pub(super) fn end_long(&mut self) {
        self.long = None;
    }

    /// Takes changes of a workspace, up to `limits`; the first one may be longer.
    fn take_from(&mut self, workspace: &WorkspaceName, limits: GroupLimits, group: &mut Vec<T>) {
        let (mut left, end) = (limits.bytes, group.len() + limits.changes);
        let mut is_first = true;
        while group.len() < end
            && let Some(bytes) = self.front(workspace)
            && (is_first || bytes <= left)
        {
            group.extend(self.pop(workspace));
            left = left.saturating_sub(bytes);
            is_first = false;
        }
    }

    fn front(&self, workspace: &WorkspaceName) -> Option<usize> {
        let (bytes, _) = self.waiting.get(workspace)?.front()?;
        Some(*bytes)
    }

    fn pop(&mut self, workspace: &WorkspaceName) -> Option<T> {
        let lane = self.waiting.get_mut(workspace)?;
        let (_, change) = lane.pop_front()?;
        self.count -= 1;
        if lane.is_empty() {
            self.waiting.remove(workspace);
            self.order.retain(|of| of != workspace);
        }
        Some(change)
    }

    /// Takes all that waits out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.order.clear();
        self.count = 0;
        let lanes = std::mem::take(&mut self.waiting);
        lanes.into_values().flatten().map(|(_, change)| change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP_LIMITS: GroupLimits = GroupLimits {
        changes: 100,
        bytes: 1024 * 1024,
    };

    fn name(text: &str) -> WorkspaceName {
        text.parse().unwrap()
    }

    fn take(lanes: &mut Lanes<u32>, now: Instant) -> (Vec<u32>, LongChange<u32>) {
        let mut group = Vec::new();
        let long = lanes.take(GROUP_LIMITS, now, &mut group);
        (group, long)
    }

    #[test]
    fn a_workspace_alone_has_large_groups_and_keeps_its_order() {
        let (mut lanes, now, loud) = (Lanes::default(), Instant::now(), name("loud"));
        for change in 0..150 {
            lanes.push(&loud, 1_000, change, now);
        }
        lanes.push(&loud, 8 * FRAGMENT_BYTES, 150, now);
        lanes.push(&loud, 9 * FRAGMENT_BYTES, 151, now);
        let expected = [(0..100).collect(), (100..151).collect(), vec![151]];
        for expected in expected {
            let (group, long) = take(&mut lanes, now);
            assert_eq!(group, expected);
            assert!(matches!(long, LongChange::None));
        }
        assert!(lanes.is_idle());
    }

    #[test]
    fn while_others_write_a_group_has_a_share_of_each_and_a_fragment_of_one() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        for change in 0..8 {
            lanes.push(&name("loud"), 60_000, change, now);
            lanes.push(&name("louder"), 30_000, 100 + change, now);
        }
        lanes.push(&name("quiet"), 500, 1_000, now);
        let groups: Vec<_> = (0..5).map(|_| take(&mut lanes, now).0).collect();
        let expected = [
            vec![1_000, 0],
            vec![100, 101],
            vec![1],
            vec![102, 103],
            vec![2],
        ];
        assert_eq!(groups, expected);
        drop(lanes.drain());
        for (at, expected) in [(now, 1), (now + 2 * WRITES, 4)] {
            for change in 0..4 {
                lanes.push(&name("loud"), 60_000, change, at);
            }
            // The others have written a moment ago, or long ago.
            let (group, _) = take(&mut lanes, at);
            assert_eq!(group.len(), expected);
            drop(lanes.drain());
        }
    }

    #[test]
    fn a_long_change_goes_in_turn_with_what_others_have() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        let (loud, louder, quiet) = (name("loud"), name("louder"), name("quiet"));
        lanes.push(&loud, 5 * FRAGMENT_BYTES, 0, now);
        lanes.push(&loud, 10, 1, now);
        lanes.push(&louder, 5 * FRAGMENT_BYTES, 100, now);
        lanes.push(&louder, 30_000, 101, now);
        lanes.push(&quiet, 10, 1_000, now);
        let (group, long) = take(&mut lanes, now);
        assert_eq!(group, [1_000]);
        assert!(matches!(long, LongChange::Begin(0)));
        for change in 0..3 {
            lanes.push(&quiet, 10, 2_000 + change, now);
            let (group, long) = take(&mut lanes, now);
            assert_eq!(group, [2_000 + change]);
            assert!(
                matches!(long, LongChange::Continue),
                "one long change at a time"
            );
        }
        lanes.end_long();
        // Now the changes that came after it.
        let (group, long) = take(&mut lanes, now);
        assert_eq!(group, [1]);
        assert!(matches!(long, LongChange::Begin(100)));
        lanes.push(&loud, 20_000, 2, now);
        let mut had = Vec::new();
        for _ in 0..2 {
            let (group, long) = take(&mut lanes, now);
            had.push((group, matches!(long, LongChange::Continue)));
        }
        had.sort();
        assert_eq!(had, [(vec![], true), (vec![2], false)]);
        assert!(!lanes.is_idle(), "the rest of the long change");
        lanes.end_long();
        assert_eq!(take(&mut lanes, now).0, [101]);
        assert!(lanes.is_idle());
        lanes.push(&quiet, 10, 3_000, now);
        assert_eq!(lanes.drain().collect::<Vec<_>>(), [3_000]);
        assert_eq!(lanes.len(), 0);
    }
}
