//! How late a planned time is looked at that counts as kept nevertheless: it fell due while a server ran.
//!
//! Times that fell due since the last look were not missed, however long that is ago by the monotonic clock: this process
//! ran. A look without a partition, as while a database is not reached, is none. A partition that this node did not have
//! at its last look was another one's, which may have ended without a word, or drained it before it gave it up.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::Millis;
use crate::domain::limits;
use crate::domain::partition::Partition;
use crate::store::Ownership;

/// The last look at schedules, and what was looked at.
pub(super) struct Lateness {
    last: Option<(Duration, Arc<Ownership>)>,
    handover: Duration,
}

impl Lateness {
    /// `handover` is the longest that a partition goes without a look as it comes from another node to this one; zero where
    /// there is no other node.
    pub(super) fn new(handover: Duration) -> Self {
        Self {
            last: None,
            handover,
        }
    }

    /// Whether there was no look yet.
    pub(super) fn is_first(&self) -> bool {
        self.last.is_none()
    }

    /// Whether any of these partitions was not looked at.
    pub(super) fn has_new(&self, owned: &Ownership) -> bool {
        Partition::all().any(|partition| !self.looked_at(owned, partition))
    }

    fn looked_at(&self, owned: &Ownership, partition: Partition) -> bool {
        let claim = owned.claim(partition);
        let last = self.last.as_ref();
        claim.is_none() || last.is_some_and(|(_, before)| before.claim(partition) == claim)
    }

    /// How many milliseconds before now a planned time of a partition was not missed. `now` is the monotonic clock's.
    pub(super) fn of(&self, owned: &Ownership, partition: Partition, now: Duration) -> Millis {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let handover = match self.looked_at(owned, partition) {
            true => 0,
            false => millis(self.handover),
        };
        // Times that were due before the first look fell due while no server ran, or another one.
        let since = self.last.as_ref().map_or(0, |(at, _)| {
            millis(now.saturating_sub(*at)).saturating_add(limits::SCHEDULE_LATE_MS)
        });
        since.saturating_add(handover)
    }

    /// Notes a look that began at `at`, after which nothing was left that was due in these partitions.
    pub(super) fn looked(&mut self, at: Duration, owned: Arc<Ownership>) {
        if !owned.is_empty() {
            self.last = Some((at, owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Claim;

    const LATE: u64 = limits::SCHEDULE_LATE_MS;

    fn owned(claims: &[(u8, u64)]) -> Arc<Ownership> {
        let partitions = crate::store::Partitions::none();
        let claims = claims.iter().map(|(number, epoch)| Claim {
            partition: Partition::new(*number),
            epoch: *epoch,
        });
        partitions.set(&claims.collect::<Vec<_>>());
        partitions.hold().clone()
    }

    #[test]
    fn what_fell_due_since_the_last_look_is_not_missed_and_looks_without_partitions_are_none() {
        let [one, two] = [1, 2].map(Partition::new);
        let at = Duration::from_secs;
        let mut lateness = Lateness::new(at(16));
        let both = owned(&[(1, 1), (2, 1)]);
        assert!(lateness.is_first() && lateness.has_new(&both));
        assert_eq!(lateness.of(&both, one, at(100)), 16_000, "another node's");
        let mine = owned(&[(1, 1)]);
        lateness.looked(at(100), mine.clone());
        assert!(!lateness.is_first() && !lateness.has_new(&mine));
        assert_eq!(lateness.of(&both, one, at(103)), 3_000 + LATE);
        assert_eq!(lateness.of(&both, two, at(103)), 3_000 + LATE + 16_000);
        // A database that is not reached for ten minutes.
        for second in 110..700 {
            lateness.looked(at(second), owned(&[]));
        }
        assert_eq!(lateness.of(&both, one, at(700)), 600_000 + LATE);
        assert_eq!(lateness.of(&both, two, at(700)), 600_000 + LATE + 16_000);
        // It was another node's meanwhile.
        let again = owned(&[(1, 3)]);
        assert!(lateness.has_new(&again) && !lateness.has_new(&owned(&[])));
        assert_eq!(lateness.of(&again, one, at(700)), 600_000 + LATE + 16_000);
        lateness.looked(at(700), again.clone());
        assert_eq!(lateness.of(&again, one, at(700)), LATE);
    }

    #[test]
    fn before_its_first_look_a_server_alone_has_missed_what_was_due() {
        let lateness = Lateness::new(Duration::ZERO);
        let all = Ownership::all(1);
        let first = Partition::new(1);
        assert_eq!(lateness.of(&all, first, Duration::from_secs(9)), 0);
    }
}
