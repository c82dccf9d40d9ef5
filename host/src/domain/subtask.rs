//! Subtasks: tasks that a run makes of its own, and what their parents remember of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::clock::Millis;
use super::ids::TaskId;
use super::limits;
use super::partition::Partition;

/// A subtask that a run asked for. It is made if the run finishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubtask {
    /// Its id.
    pub id: TaskId,
    /// What kind of subtask it is: `$via.name` of its data, and the task's name.
    pub name: String,
    /// Its data without `$via`, JSON text of an object.
    pub data: String,
    /// Where its result goes in the parent's data, as an RFC 6901 pointer.
    pub into: Option<String>,
    /// Whether the parent waits for it.
    pub wait: bool,
}

/// A subtask as its parent's head remembers it, until its end has been dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The subtask.
    pub id: TaskId,
    /// Where its result goes in the parent's data, as an RFC 6901 pointer.
    pub into: Option<String>,
    /// Whether the parent rests until it has ended.
    pub wait: bool,
    /// It has ended; its result is not in the parent's data yet.
    pub ended: bool,
}

/// The parent of a subtask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The task that made it, in the same workspace.
    pub task: TaskId,
    /// How many generations below a task without a parent this one is, from 1.
    pub depth: u32,
}

/// How many subtasks there are below a task that is none itself, its own and theirs: those that were made, and
/// those that runs under way have asked for.
#[derive(Debug, Default)]
pub struct Family(AtomicU32);

impl Family {
    /// A family in which `made` subtasks have been made.
    pub fn new(made: u32) -> Self {
        Self(AtomicU32::new(made))
    }
}

/// The subtasks that a run has asked for, as they count in its family. If they are not made they count until this is
/// dropped.
#[derive(Debug)]
pub struct Reserved {
    family: Arc<Family>,
    count: AtomicU32,
}

impl Reserved {
    /// None yet.
    pub fn new(family: Arc<Family>) -> Self {
        Self {
            family,
            count: AtomicU32::new(0),
        }
    }

    /// One more; `false` if there would be more than [`limits::DESCENDANTS`].
    pub fn take(&self) -> bool {
        let made = &self.family.0;
        let more = |made: u32| (made < limits::DESCENDANTS).then_some(made + 1);
        let taken = made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        if taken.is_ok() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// They have been made.
    pub fn keep(&self) {
        self.count.store(0, Ordering::Relaxed);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let count = *self.count.get_mut();
        self.family.0.fetch_sub(count, Ordering::Relaxed);
    }
}

/// The id of subtask number `index` (from 0) of a run of `parent`: the same for every attempt and after
/// every crash. A UUID of version 7 with the run's clock as its time, so that it sorts where it belongs,
/// in the parent's partition; `seed` is the run's, which is secret.
pub fn id(parent: TaskId, seed: &[u8; 32], clock: Millis, index: u32) -> TaskId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"subtask")
        .chain_update(seed)
        .chain_update(index.to_be_bytes())
        .finalize()
        .into();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&clock.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    // The first twelve bits behind the time are the index, so that those of one run keep their order.
    let [high, low] = (index as u16 & 0x0fff).to_be_bytes();
    bytes[6] = 0x70 | high;
    bytes[7] = low;
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Partition::of(parent).place(TaskId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_bounded_and_what_is_not_made_does_not_count() {
        let family = Arc::new(Family::new(limits::DESCENDANTS - 3));
        let (one, other) = (Reserved::new(family.clone()), Reserved::new(family.clone()));
        assert!(one.take() && other.take() && one.take() && !other.take());
        one.keep();
        drop(one);
        assert!(!other.take());
        drop(other);
        let third = Reserved::new(family);
        assert!(third.take() && !third.take());
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_with_the_runs_time_and_always_the_same() {
        let clock = 1_764_000_000_123;
        let parent = TaskId::new();
        let id = |seed, index| id(parent, &[seed; 32], clock, index);
        let ids: Vec<TaskId> = (0..1_000).map(|index| id(7, index)).collect();
        let partition = Partition::of(parent);
        assert!(ids.iter().all(|id| Partition::of(*id) == partition));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let uuid: uuid::Uuid = ids[3].to_string().parse().unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanos) = uuid.get_timestamp().unwrap().to_unix();
        assert_eq!(seconds * 1_000 + u64::from(nanos) / 1_000_000, clock);
        assert_eq!(id(7, 3), ids[3]);
        assert_ne!(id(8, 3), ids[3]);
    }
}
