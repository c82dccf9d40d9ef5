//! The places of failure notices that are under way: so many in all, and for each workspace.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// How far apart notices are put off that find no place, so that many of them do not come back at
/// once again and again.
const SPACING_MS: Millis = 50;

/// The notices under way, by workspace.
#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<WorkspaceName, Slot>>);

#[derive(Default)]
struct Slot {
    under_way: usize,
    /// When the next one that finds no place may come back.
    next: Millis,
}

impl Slots {
    /// Takes a place, or says when to come back.
    pub(super) fn take(&self, workspace: &WorkspaceName, now: Millis) -> Result<(), Millis> {
        let mut slots = self.0.lock();
        let all: usize = slots.values().map(|slot| slot.under_way).sum();
        let slot = slots.entry(workspace.clone()).or_default();
        if all < limits::NOTICES_AT_ONCE && slot.under_way < limits::NOTICES_OF_WORKSPACE {
            slot.under_way += 1;
            return Ok(());
        }
        slot.next = slot.next.max(now).saturating_add(SPACING_MS);
        Err(slot.next)
    }

    pub(super) fn give_back(&self, workspace: &WorkspaceName, now: Millis) {
        let mut slots = self.0.lock();
        if let Some(slot) = slots.get_mut(workspace) {
            slot.under_way = slot.under_way.saturating_sub(1);
        }
        slots.retain(|_, slot| slot.under_way > 0 || slot.next > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_who_finds_none_is_put_off_in_turn() {
        let slots = Slots::default();
        let (a, b): (WorkspaceName, WorkspaceName) = ("a".parse().unwrap(), "b".parse().unwrap());
        for _ in 0..limits::NOTICES_OF_WORKSPACE {
            assert_eq!(slots.take(&a, 1_000), Ok(()));
        }
        assert_eq!(slots.take(&a, 1_000), Err(1_050));
        assert_eq!(slots.take(&a, 1_000), Err(1_100));
        assert_eq!(slots.take(&a, 9_000), Err(9_050));
        assert_eq!(
            slots.take(&b, 1_000),
            Ok(()),
            "another workspace has its own"
        );
        slots.give_back(&a, 9_000);
        assert_eq!(slots.take(&a, 9_000), Ok(()));
        for at in 0..100 {
            slots.give_back(&a, 10_000 + at);
            slots.give_back(&b, 10_000 + at);
        }
        assert!(slots.0.lock().is_empty(), "idle workspaces cost nothing");
    }

    #[test]
    fn the_sum_over_all_workspaces_is_bounded() {
        let slots = Slots::default();
        let mut taken = 0;
        for number in 0..100 {
            let workspace: WorkspaceName = format!("w{number}").parse().unwrap();
            taken += usize::from(slots.take(&workspace, 1).is_ok());
        }
        assert_eq!(taken, limits::NOTICES_AT_ONCE);
    }
}
