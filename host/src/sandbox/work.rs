//! Work that the host does for a guest, as fuel: so a loop of host calls ends as a loop of instructions does.
//!
//! A unit is about a nanosecond. What a call costs depends on nothing but the call, so that equal runs cost the
//! same. When a call returns, its cost is taken from the fuel that instructions use, so that both together use no more
//! than the run has; a call that there is no fuel for is refused. To grow a memory is no call: what it costs is part of
//! the compiled code (`GROWTH` in [`super::engine`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::Trap;

/// The fuel of any call: to get out of the guest and back.
const CALL: u64 = 300;

/// The work of the host for one run. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub(super) struct Work(Arc<Done>);

#[derive(Debug)]
struct Done {
    /// Units that have not been taken from the fuel.
    owed: AtomicU64,
    /// The run's fuel, as far as it is known.
    left: AtomicU64,
    /// A call is under way that costs something.
    is_called: AtomicBool,
}

impl Work {
    /// Nothing done yet by a run with `fuel`.
    pub(super) fn new(fuel: u64) -> Self {
        Self(Arc::new(Done {
            owed: AtomicU64::new(0),
            left: AtomicU64::new(fuel),
            is_called: AtomicBool::new(false),
        }))
    }

    /// Counts a call that handles `bytes`, or elements of an array that are moved.
    pub(super) fn add(&self, bytes: usize) {
        self.0.is_called.store(true, Ordering::Relaxed);
        self.0
            .owed
            .fetch_add(CALL + bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that a call under way turned out to handle.
    pub(super) fn add_bytes(&self, bytes: usize) {
        self.0.owed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// As [`Work::add`].
    ///
    /// # Errors
    /// [`Trap::OutOfFuel`]: the run has not that much left.
    pub(super) fn charge(&self, bytes: usize) -> wasmtime::Result<()> {
        self.add(bytes);
        self.check()
    }

    /// # Errors
    /// As [`Work::charge`].
    pub(super) fn check(&self) -> wasmtime::Result<()> {
        if self.owed() > self.0.left.load(Ordering::Relaxed) {
            return Err(Trap::OutOfFuel.into());
        }
        Ok(())
    }

    /// Work that was done and has not been taken from the fuel.
    pub(super) fn owed(&self) -> u64 {
        self.0.owed.load(Ordering::Relaxed)
    }

    /// The run has `fuel` left at most; owed work is not taken from it yet.
    pub(super) fn has(&self, fuel: u64) {
        self.0.left.store(fuel, Ordering::Relaxed);
    }

    /// Whether the call that returns costs something.
    pub(super) fn ends_call(&self) -> bool {
        self.0.is_called.swap(false, Ordering::Relaxed)
    }

    /// The rest of `fuel` after the owed work has been taken from it.
    ///
    /// # Errors
    /// As [`Work::charge`]; then it is still owed.
    pub(super) fn settle(&self, fuel: u64) -> wasmtime::Result<u64> {
        let left = fuel.checked_sub(self.owed()).ok_or(Trap::OutOfFuel)?;
        self.0.owed.store(0, Ordering::Relaxed);
        self.0.left.store(left, Ordering::Relaxed);
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_cost_by_their_number_and_bytes_until_nothing_is_left() {
        let work = Work::new(3 * CALL + 100);
        work.charge(100).unwrap();
        work.clone().charge(0).unwrap();
        work.charge(0).unwrap();
        assert_eq!(work.owed(), 3 * CALL + 100);
        work.add_bytes(1);
        let error = work.check().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::OutOfFuel));
        assert!(work.charge(0).is_err());
    }

    #[test]
    fn what_is_owed_is_taken_from_the_fuel() {
        let work = Work::new(10_000);
        work.charge(100).unwrap();
        assert_eq!(work.settle(5_000).unwrap(), 4_600);
        assert_eq!(work.owed(), 0);
        work.charge(4_300).unwrap();
        assert!(work.charge(0).is_err(), "more than is left");
        assert!(work.settle(4_600).is_err());
        assert_eq!(work.owed(), 4_900, "it is known what was done");
    }
}
