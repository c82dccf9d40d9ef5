//! Keys of deliveries that are not folded yet: they are durable in the log alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::block::Holder;
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::{TaskId, WorkspaceName};

/// Keys with what they stand for, and the log that they need.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Keys {
    // The hasher is the standard one: senders choose the keys.
    spaces: HashMap<WorkspaceName, HashMap<DedupKey, Holder>>,
    count: usize,
    /// The least group of the log that has one of them.
    first: Option<u64>,
}

impl Keys {
    /// Keys of one workspace that no log has.
    pub(super) fn of(
        workspace: &WorkspaceName,
        keys: impl Iterator<Item = (DedupKey, Holder)>,
    ) -> Self {
        let keys: HashMap<DedupKey, Holder> = keys.collect();
        Self {
            count: keys.len(),
            spaces: HashMap::from([(workspace.clone(), keys)]),
            first: None,
        }
    }

    /// All of them by workspace, in no order.
    pub(super) fn spaces(
        &self,
    ) -> impl Iterator<Item = (&WorkspaceName, &HashMap<DedupKey, Holder>)> {
        self.spaces.iter()
    }

    fn get(&self, workspace: &WorkspaceName, key: DedupKey) -> Option<Holder> {
        self.spaces.get(workspace)?.get(&key).copied()
    }

    fn forget(&mut self, workspace: &WorkspaceName) {
        if let Some(gone) = self.spaces.remove(workspace) {
            self.count -= gone.len();
        }
    }
}

#[derive(Debug, Default)]
pub(in super::super) struct Recent {
    new: Keys,
    /// Keys that are being folded.
    folding: Option<Arc<Keys>>,
}

impl Recent {
    /// Takes in a key that is durable in that group of the log.
    pub(in super::super) fn insert(
        &mut self,
        workspace: &WorkspaceName,
        key: DedupKey,
        holder: Holder,
        group: u64,
    ) {
        let new = &mut self.new;
        if !new.spaces.contains_key(workspace) {
            new.spaces.insert(workspace.clone(), HashMap::new());
        }
        let Some(keys) = new.spaces.get_mut(workspace) else {
            return;
        };
        let before = keys.get(&key).copied();
        keys.insert(key, before.map_or(holder, |before| before.later(holder)));
        new.count += usize::from(before.is_none());
        new.first = Some(new.first.map_or(group, |first| first.min(group)));
    }

    /// The task that a key stands for at that time.
    pub(in super::super) fn get(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Option<TaskId> {
        let folding = self.folding.as_ref();
        let old = folding.and_then(|keys| keys.get(workspace, key));
        let holder = match (self.new.get(workspace, key), old) {
            (Some(new), Some(old)) => new.later(old),
            (new, old) => new.or(old)?,
        };
        (holder.until > at).then_some(holder.task)
    }

    /// How many there are that are not being folded.
    pub(in super::super) fn waiting(&self) -> usize {
        self.new.count
    }

    /// The least group of the log that is needed for them.
    pub(in super::super) fn low(&self) -> Option<u64> {
        let folding = self.folding.as_ref().and_then(|keys| keys.first);
        match (self.new.first, folding) {
            (Some(new), Some(folding)) => Some(new.min(folding)),
            (new, folding) => new.or(folding),
        }
    }

    /// Gives those that are to be folded next; they stay here until [`Recent::folded`]. Those that could not be
    /// folded come first.
    pub(super) fn begin_fold(&mut self) -> Option<Arc<Keys>> {
        if self.folding.is_none() && self.new.first.is_some() {
            self.folding = Some(Arc::new(std::mem::take(&mut self.new)));
        }
        self.folding.clone()
    }

    /// Lets go of those that were to be folded, and gives them, to be dropped when no lock is held.
    pub(super) fn folded(&mut self) -> Option<Arc<Keys>> {
        self.folding.take()
    }

    /// Lets go of a workspace's keys.
    pub(in super::super) fn forget(&mut self, workspace: &WorkspaceName) {
        self.new.forget(workspace);
        if let Some(folding) = &mut self.folding {
            Arc::make_mut(folding).forget(workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dedup::KeyKind;

    #[test]
    fn a_key_is_found_until_its_time_is_over_and_keeps_its_log_until_it_is_folded() {
        let workspace: WorkspaceName = "acme".parse().unwrap();
        let key = |n: u8| DedupKey::of("w", KeyKind::Header, &[n]).unwrap();
        let holder = |until| Holder {
            task: TaskId::new(),
            until,
        };
        let mut recent = Recent::default();
        assert_eq!((recent.low(), recent.begin_fold().is_none()), (None, true));
        let (first, second) = (holder(10), holder(20));
        recent.insert(&workspace, key(1), first, 7);
        recent.insert(&workspace, key(1), first, 7);
        assert_eq!((recent.waiting(), recent.low()), (1, Some(7)));
        assert_eq!(recent.get(&workspace, key(1), 9), Some(first.task));
        assert_eq!(recent.get(&workspace, key(1), 10), None);
        assert_eq!(recent.get(&workspace, key(2), 9), None);
        let folding = recent.begin_fold().unwrap();
        assert_eq!((folding.count, recent.waiting()), (1, 0));
        recent.insert(&workspace, key(1), second, 9);
        assert_eq!(recent.get(&workspace, key(1), 10), Some(second.task));
        assert_eq!(recent.low(), Some(7));
        // It could not be folded, and is tried again.
        assert!(Arc::ptr_eq(&recent.begin_fold().unwrap(), &folding));
        recent.folded();
        assert_eq!((recent.waiting(), recent.low()), (1, Some(9)));
        recent.forget(&workspace);
        assert_eq!(recent.get(&workspace, key(1), 0), None);
    }
}
