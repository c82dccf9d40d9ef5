//! Claims: the right of a node to write the tasks of a partition, which a store checks with every
//! write.

use std::sync::Arc;

use tokio::sync::watch;

use super::StoreError;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;

/// The right to write the tasks of one partition. Taking a partition over raises its epoch, so an older
/// claim is stale for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The partition of the claim.
    pub partition: Partition,
    /// How often the partition had been taken over when the claim was given out.
    pub epoch: u64,
}

/// The partitions that a node owned at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The last epoch of each partition that the node knows.
    epochs: [u64; Partition::COUNT],
    owned: [bool; Partition::COUNT],
    count: usize,
    /// Owned partitions that are about to be given up.
    leaving: [bool; Partition::COUNT],
    left: usize,
    /// How often it had changed: between two looks, something may have gone and come back.
    changes: u64,
    /// See [`Ownership::revision`].
    revision: u64,
}

impl Ownership {
    /// Every partition, under the same epoch.
    pub fn all(epoch: u64) -> Self {
        Self {
            epochs: [epoch; Partition::COUNT],
            owned: [true; Partition::COUNT],
            count: Partition::COUNT,
            leaving: [false; Partition::COUNT],
            left: 0,
            changes: 0,
            revision: 0,
        }
    }

    /// No partition.
    pub fn none() -> Self {
        Self {
            epochs: [0; Partition::COUNT],
            owned: [false; Partition::COUNT],
            count: 0,
            leaving: [false; Partition::COUNT],
            left: 0,
            changes: 0,
            revision: 0,
        }
    }

    /// The same claims, but only those to partitions that are `wanted`.
    pub fn only(&self, wanted: impl Fn(Partition) -> bool) -> Self {
        let mut only = self.clone();
        for partition in Partition::all().filter(|partition| !wanted(*partition)) {
            only.set(partition, false);
        }
        only
    }

    /// The same claims; it is about to give up those to partitions that are `leaving`.
    pub fn leaving(&self, leaving: impl Fn(Partition) -> bool) -> Self {
        let mut next = self.clone();
        for partition in Partition::all() {
            let leaves = next.owned[partition.index()] && leaving(partition);
            next.set_leaving(partition, leaves);
        }
        next
    }

    /// The partitions that it owns and is not about to give up: runs may begin in these.
    pub fn staying(&self) -> Self {
        self.only(|partition| !self.leaves(partition))
    }

    /// The same claims, to tasks that may have been accepted under this revision of the setup.
    pub fn accepted_under(&self, revision: u64) -> Self {
        let mut next = self.clone();
        next.revision = next.revision.max(revision);
        next
    }

    /// The newest revision of the setup under which other nodes may have accepted the tasks of these partitions. A node
    /// that does not know it yet must not advance them: it may lack their workspace, or a step.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The claim to a partition, if the node owns it.
    pub fn claim(&self, partition: Partition) -> Option<Claim> {
        self.owned[partition.index()].then(|| Claim {
            partition,
            epoch: self.epochs[partition.index()],
        })
    }

    /// The claim that a write of a task stands on.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the node does not own the task's partition.
    pub fn claim_of(&self, task: TaskId) -> Result<Claim, StoreError> {
        let partition = Partition::of(task);
        self.claim(partition)
            .ok_or(StoreError::Fenced { partition })
    }

    /// Whether the node owns a task's partition.
    pub fn owns(&self, task: TaskId) -> bool {
        self.owned[Partition::of(task).index()]
    }

    /// Whether the node is about to give up a task's partition: what runs there may end, and nothing begins.
    pub fn is_leaving(&self, task: TaskId) -> bool {
        self.leaves(Partition::of(task))
    }

    /// The same of a partition.
    pub fn leaves(&self, partition: Partition) -> bool {
        self.leaving[partition.index()]
    }

    /// Whether it is about to give up any.
    pub fn leaves_any(&self) -> bool {
        self.left > 0
    }

    /// Whether it has changed more than once since it was `before`, so that not all of what happened is to be seen.
    pub fn has_more_changes(&self, before: &Self) -> bool {
        self.changes > before.changes + 1
    }

    /// Whether it owns no partition.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it owns all partitions.
    pub fn is_all(&self) -> bool {
        self.count == Partition::COUNT
    }

    /// The id itself if the node owns its partition, else one of the same time in a partition that it
    /// owns; `None` if it owns none. One that it is about to give up is taken only if it has no other.
    pub fn place(&self, task: TaskId) -> Option<TaskId> {
        let (staying, any) = (self.count - self.left, self.left == self.count);
        let is_place =
            |partition: usize| self.owned[partition] && (any || !self.leaving[partition]);
        if is_place(Partition::of(task).index()) {
            return Some(task);
        }
        let owned = Partition::all().filter(|partition| is_place(partition.index()));
        // The id's last byte changes with time, so the owned partitions are taken evenly.
        let count = if any { self.count } else { staying };
        let nth = Partition::of(task).index() % count.max(1);
        owned
            .skip(nth)
            .map(|partition| partition.place(task))
            .next()
    }

    /// Checks a claim for a write of a task.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if it is stale, or one to another partition.
    pub fn check(&self, claim: Claim, task: TaskId) -> Result<(), StoreError> {
        let partition = Partition::of(task);
        if claim.partition == partition && self.claim(partition) == Some(claim) {
            return Ok(());
        }
        Err(StoreError::Fenced { partition })
    }

    /// Whether a claim is stale by what the node owns here. One that was given out later is not.
    pub fn is_stale(&self, claim: Claim) -> bool {
        let place = claim.partition.index();
        claim.epoch < self.epochs[place]
            || (claim.epoch == self.epochs[place] && !self.owned[place])
    }

    /// Checks that one of several claims is good for a write of a task.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if none is.
    pub fn check_any(&self, claims: &[Claim], task: TaskId) -> Result<(), StoreError> {
        let partition = Partition::of(task);
        let claim = claims.iter().find(|claim| claim.partition == partition);
        let claim = claim.ok_or(StoreError::Fenced { partition })?;
        self.check(*claim, task)
    }

    fn set(&mut self, partition: Partition, owned: bool) {
        let was = std::mem::replace(&mut self.owned[partition.index()], owned);
        self.count = self.count + usize::from(owned) - usize::from(was);
        if !owned {
            self.set_leaving(partition, false);
        }
    }

    fn set_leaving(&mut self, partition: Partition, leaving: bool) {
        let was = std::mem::replace(&mut self.leaving[partition.index()], leaving);
        self.left = self.left + usize::from(leaving) - usize::from(was);
    }
}

/// What a store that serves one node knows of ownership: the claims that are not stale.
#[derive(Debug)]
pub struct Partitions {
    current: watch::Sender<Arc<Ownership>>,
}

impl Partitions {
    /// Of a node that owns every partition, under that epoch.
    pub fn all(epoch: u64) -> Self {
        Self {
            current: watch::Sender::new(Arc::new(Ownership::all(epoch))),
        }
    }

    /// Of a node that owns none.
    pub fn none() -> Self {
        Self {
            current: watch::Sender::new(Arc::new(Ownership::none())),
        }
    }

    /// From now on the node owns exactly these. Claims to others are stale when this returns, and so are those of
    /// earlier epochs.
    pub fn set(&self, claims: &[Claim]) {
        self.set_leaving(claims, &[]);
    }

    /// The same; it is about to give up those in `leaving`, which are among them.
    pub fn set_leaving(&self, claims: &[Claim], leaving: &[Partition]) {
        self.set_under(claims, leaving, 0);
    }

    /// The same; tasks of claims that it had not before may have been accepted under this revision of the setup.
    pub fn set_under(&self, claims: &[Claim], leaving: &[Partition], revision: u64) {
        self.current.send_if_modified(|current| {
            let mut next = current.only(|_| false).accepted_under(revision);
            for claim in claims {
                next.epochs[claim.partition.index()] = claim.epoch;
                next.set(claim.partition, true);
            }
            for partition in leaving {
                if next.owned[partition.index()] {
                    next.set_leaving(*partition, true);
                }
            }
            let is_changed = next != **current;
            if is_changed {
                next.changes += 1;
                *current = Arc::new(next);
            }
            is_changed
        });
    }

    /// The partitions of the node; the receiver is notified of every change.
    pub fn watch(&self) -> watch::Receiver<Arc<Ownership>> {
        self.current.subscribe()
    }

    /// The partitions of the node. They stay the same as long as the answer is held: a write that is checked against
    /// it and is durable before it is dropped was written by the owner.
    pub fn hold(&self) -> watch::Ref<'_, Arc<Ownership>> {
        self.current.borrow()
    }

    /// Takes a partition away from the node. Every claim to it is stale when this returns.
    pub fn take_away(&self, partition: Partition) {
        self.current
            .send_modify(|current| Arc::make_mut(current).set(partition, false));
    }

    /// Gives a partition to the node, under a new epoch.
    pub fn give(&self, partition: Partition) {
        self.current.send_modify(|current| {
            let current = Arc::make_mut(current);
            current.epochs[partition.index()] += 1;
            current.set(partition, true);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_new_is_placed_in_a_partition_that_is_about_to_be_given_up() {
        let partitions = Partitions::none();
        let claim = |number| Claim {
            partition: Partition::new(number),
            epoch: 1,
        };
        let claims = [claim(1), claim(2), claim(3)];
        let leaving = [Partition::new(1), Partition::new(3), Partition::new(9)];
        partitions.set_leaving(&claims, &leaving);
        let owned = partitions.hold().clone();
        assert!(owned.leaves_any() && !owned.is_empty());
        for _ in 0..100 {
            let placed = owned.place(TaskId::new()).unwrap();
            assert_eq!(Partition::of(placed), Partition::new(2));
            assert!(owned.owns(placed) && !owned.is_leaving(placed));
        }
        let inside = Partition::new(3).place(TaskId::new());
        assert!(owned.is_leaving(inside) && owned.claim_of(inside).is_ok());
        assert!(!owned.staying().owns(inside) && !owned.staying().leaves_any());
        // It has no other.
        partitions.set_leaving(&claims[..1], &leaving);
        let placed = partitions.hold().place(TaskId::new()).unwrap();
        assert_eq!(Partition::of(placed), Partition::new(1));
        partitions.set(&claims);
        assert!(!partitions.hold().leaves_any());
    }

    #[test]
    fn a_claim_is_stale_when_its_partition_was_taken_away_even_if_it_came_back() {
        let partitions = Partitions::all(7);
        let task = TaskId::new();
        let (own, other) = (Partition::of(task), Partition::new(!task.as_bytes()[15]));
        let claim = partitions.hold().claim_of(task).unwrap();
        assert_eq!((claim.partition, claim.epoch), (own, 7));
        partitions.hold().check(claim, task).unwrap();
        partitions.take_away(other);
        partitions.hold().check(claim, task).unwrap();
        partitions.take_away(own);
        let fenced = partitions.hold().check(claim, task);
        assert!(matches!(fenced, Err(StoreError::Fenced { partition }) if partition == own));
        assert!(partitions.hold().claim_of(task).is_err());
        partitions.give(own);
        assert!(partitions.hold().check(claim, task).is_err());
        let new = partitions.hold().claim_of(task).unwrap();
        assert_eq!(new.epoch, 8);
        partitions.hold().check(new, task).unwrap();
        let elsewhere = other.place(task);
        assert!(
            partitions.hold().check(new, elsewhere).is_err(),
            "it is a claim to one partition"
        );
    }

    #[test]
    fn a_new_task_is_placed_in_a_partition_that_is_owned() {
        let partitions = Partitions::all(1);
        let id = TaskId::new();
        assert_eq!(partitions.hold().place(id), Some(id));
        let mut left: Vec<_> = Partition::all().collect();
        while let Some(gone) = left.pop() {
            partitions.take_away(gone);
            let owned = partitions.hold();
            assert!(!owned.is_all());
            let placed = owned.place(id);
            assert_eq!(placed.is_some(), !left.is_empty());
            assert!(placed.is_none_or(|placed| left.contains(&Partition::of(placed))));
        }
    }
}
