//! The partitions that this node is giving up: each goes when nothing runs in it any more, or after a while.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::partition::Partition;

/// The partitions that are being given up.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// The node is about to end: all of them but one.
    pub(super) all: bool,
    since: HashMap<Partition, PartitionHandover>,
}

/// A partition that this node gives up.
#[derive(Debug)]
struct PartitionHandover {
    since: Instant,
    /// Nothing runs in it any more.
    is_free: bool,
}

impl Leaving {
    /// Notes that nothing runs in these any more. Whether that is new of any that is being given up.
    pub(super) fn release(&mut self, partitions: &[Partition]) -> bool {
        let mut is_new = false;
        for partition in partitions {
            if let Some(handover) = self.since.get_mut(partition) {
                is_new |= !std::mem::replace(&mut handover.is_free, true);
            }
        }
        is_new
    }

    /// Sets the partitions above this node's share. Returns those that go now, and those that go later: at the latest
    /// after `longest`.
    pub(super) fn give_up(
        &mut self,
        surplus: &[Partition],
        (now, longest): (Instant, Duration),
    ) -> (Vec<Partition>, Vec<Partition>) {
        // The others are to stay after all.
        self.since
            .retain(|partition, _| surplus.contains(partition));
        let (gone, leaving): (Vec<_>, Vec<_>) = surplus.iter().copied().partition(|partition| {
            let handover = self.since.entry(*partition).or_insert(PartitionHandover {
                since: now,
                is_free: false,
            });
            handover.is_free || now.duration_since(handover.since) >= longest
        });
        self.since.retain(|partition, _| !gone.contains(partition));
        (gone, leaving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_goes_when_it_is_free_or_its_time_is_over() {
        let all: Vec<Partition> = (0..4).map(Partition::new).collect();
        let (begun, longest) = (Instant::now(), Duration::from_secs(10));
        let mut leaving = Leaving::default();
        assert!(!leaving.release(&all), "none is being given up");
        let give_up = |leaving: &mut Leaving, surplus: &[Partition], after: u64| {
            leaving.give_up(surplus, (begun + Duration::from_secs(after), longest))
        };
        let nothing = Vec::new;
        assert_eq!(give_up(&mut leaving, &all, 0), (nothing(), all.clone()));
        assert!(leaving.release(&all[..1]));
        assert!(!leaving.release(&all[..1]), "it is known");
        let first_goes = (all[..1].to_vec(), all[1..].to_vec());
        assert_eq!(give_up(&mut leaving, &all, 0), first_goes);
        // The second one is to stay, and then to go, which takes as long again.
        assert!(leaving.release(&all[1..2]));
        let last = (nothing(), all[2..].to_vec());
        assert_eq!(give_up(&mut leaving, &all[2..], 6), last);
        let three = (nothing(), all[1..].to_vec());
        assert_eq!(give_up(&mut leaving, &all[1..], 6), three);
        let two_go = (all[2..].to_vec(), all[1..2].to_vec());
        assert_eq!(give_up(&mut leaving, &all[1..], 11), two_go);
        let at_once = leaving.give_up(&all[1..2], (begun, Duration::ZERO));
        assert_eq!(at_once, (all[1..2].to_vec(), nothing()));
    }
}
