//! Partitions: shares of all tasks. One node at a time owns a partition and runs its tasks.

use std::fmt;

use super::ids::TaskId;

/// One of [`Partition::COUNT`] shares of all tasks: the last byte of their ids. A subtask has its
/// parent's, and all tasks of a schedule have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

impl Partition {
    /// How many there are.
    pub const COUNT: usize = 256;

    /// The partition with that number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The partition that a task is in.
    pub fn of(task: TaskId) -> Self {
        let [.., last] = *task.as_bytes();
        Self(last)
    }

    /// Every partition, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// The id of the same time in this partition. The last byte of a UUID of version 7 may be any (RFC
    /// 9562, section 5.7), so it stays one.
    pub fn place(self, task: TaskId) -> TaskId {
        let mut bytes = *task.as_bytes();
        bytes[15] = self.0;
        TaskId::from_bytes(bytes)
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placed_id_keeps_its_time_and_its_version() {
        for partition in Partition::all() {
            let id = TaskId::new();
            let placed = partition.place(id);
            assert_eq!(Partition::of(placed), partition);
            assert_eq!(placed.as_bytes()[..15], id.as_bytes()[..15]);
            let uuid: uuid::Uuid = placed.to_string().parse().unwrap();
            assert_eq!(uuid.get_version_num(), 7);
        }
    }

    #[test]
    fn ids_that_are_placed_still_grow() {
        let ids: Vec<TaskId> = (0..10_000)
            .map(|n| Partition::new(!(n as u8)).place(TaskId::new()))
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn new_tasks_of_a_moment_are_in_one_partition_and_the_next_ones_in_another() {
        let ids: Vec<TaskId> = (0..50_000).map(|_| TaskId::new()).collect();
        for pair in ids.windows(2) {
            let moments = pair[1].time() - pair[0].time();
            let step = Partition::of(pair[1]).index() + Partition::COUNT;
            let step = (step - Partition::of(pair[0]).index()) % Partition::COUNT;
            assert_eq!(step as u64, moments % 256, "{pair:?}");
        }
        assert!(ids[0].time() < ids[ids.len() - 1].time());
    }
}
