//! Memory and table limits, summed over everything that one run instantiates.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::domain::budget::Permit;

/// The most table elements over all tables of a run.
const MAX_TABLE_ELEMENTS: usize = 200_000;

/// Elements of tables that are part of what a run takes at least.
const FREE_TABLE_ELEMENTS: usize = 16_384;
/// Bytes of an element.
const ELEMENT_BYTES: usize = 8;

/// What linear memories take of the server's memory at a time, so that a guest that grows page by page asks
/// seldom.
const PORTION: u64 = 1024 * 1024;

/// A run went over its memory limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("memory limit of {limit_bytes} bytes exceeded")]
pub(super) struct MemoryLimitExceeded {
    pub limit_bytes: u64,
}

/// Counts and limits memory bytes and table elements of one run.
pub(super) struct Limiter {
    memory_limit: u64,
    memory_bytes: usize,
    table_elements: usize,
    /// The budget that memory is taken from.
    permit: Arc<Permit>,
    /// The bytes that were taken from it, and those that need not be.
    taken: u64,
}

impl Limiter {
    /// `memory_limit` is in bytes. Of what memories begin with, `shared` bytes are not taken from the permit.
    pub(super) fn new(memory_limit: u64, permit: Arc<Permit>, shared: u64) -> Self {
        Self {
            memory_limit,
            memory_bytes: 0,
            table_elements: 0,
            permit,
            taken: shared,
        }
    }

    /// How much memories may still grow within the limit, in bytes.
    pub(super) fn left(&self) -> u64 {
        self.memory_limit.saturating_sub(self.taken)
    }
}

impl ResourceLimiter for Limiter {
    /// Growing over the limit fails by a trap, not by -1, so that the fault is named instead of showing
    /// up as whatever the guest does when an allocation fails. So does growing over what the server has
    /// ([`crate::domain::budget::Exhausted`]).
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.memory_bytes = self
            .memory_bytes
            .saturating_add(desired.saturating_sub(current));
        if self.memory_bytes as u64 > self.memory_limit {
            return Err(MemoryLimitExceeded {
                limit_bytes: self.memory_limit,
            }
            .into());
        }
        let wanted = self.memory_bytes as u64;
        if wanted > self.taken {
            let portion = (wanted - self.taken).max(PORTION.min(self.left()));
            self.permit.grow(portion)?;
            self.taken += portion;
        }
        Ok(true)
    }

    /// Growing over the limit gives the guest -1, as it does beyond the table's own maximum, and counts
    /// nothing. It needs no fault of its own: a table that is too large from the start is named by
    /// wasmtime's error, and only `table.grow` grows one later, which is not how a guest allocates: it
    /// stands in a program that checks the result. What the server does not have is an error, as for memories.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if total > MAX_TABLE_ELEMENTS {
            return Ok(false);
        }
        let charged = |elements: usize| elements.saturating_sub(FREE_TABLE_ELEMENTS);
        let more = charged(total) - charged(self.table_elements);
        self.permit.grow((more * ELEMENT_BYTES) as u64)?;
        self.table_elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::{Budget, Exhausted};

    fn limiter(memory_limit: u64, budget: Arc<Budget>) -> Limiter {
        let permit = budget.take(&"a".parse().unwrap(), 0).unwrap();
        Limiter::new(memory_limit, Arc::new(permit), 0)
    }

    #[test]
    fn memory_is_taken_in_portions_and_refused_when_there_is_none() {
        let budget = Budget::new(4 * PORTION);
        let mut limiter = limiter(5 * PORTION / 2, budget.clone());
        assert!(limiter.memory_growing(0, 65_536, None).unwrap());
        assert!(limiter.memory_growing(65_536, 131_072, None).unwrap());
        assert_eq!(budget.used(), PORTION);
        let other = budget.take(&"b".parse().unwrap(), PORTION).unwrap();
        let grown = limiter.memory_growing(131_072, 9 * PORTION as usize / 4, None);
        let exhausted: Exhausted = *grown.unwrap_err().downcast_ref().unwrap();
        assert_eq!(
            (exhausted.wanted, budget.used()),
            (5 * PORTION / 4, 2 * PORTION)
        );
        drop(other);
    }

    #[test]
    fn a_refused_table_growth_is_not_counted() {
        let mut limiter = limiter(0, Budget::unlimited());
        let mut grow =
            |current, desired, maximum| limiter.table_growing(current, desired, maximum).unwrap();
        assert!(grow(0, 1_000, None));
        assert!(!grow(1_000, MAX_TABLE_ELEMENTS + 1, None));
        assert!(!grow(1_000, MAX_TABLE_ELEMENTS, Some(2_000)));
        assert!(grow(1_000, MAX_TABLE_ELEMENTS, None));
        assert!(!grow(0, 1, None), "all tables of a run count together");
    }

    #[test]
    fn large_tables_are_taken_from_the_budget() {
        let budget = Budget::new(1024 * 1024);
        let mut limiter = limiter(0, budget.clone());
        let small = FREE_TABLE_ELEMENTS;
        assert!(limiter.table_growing(0, small, None).unwrap());
        assert_eq!(budget.used(), 0);
        assert!(limiter.table_growing(small, small + 1_000, None).unwrap());
        assert_eq!(budget.used(), 8_000);
        let grown = limiter.table_growing(small + 1_000, MAX_TABLE_ELEMENTS, None);
        assert!(grown.unwrap_err().downcast_ref::<Exhausted>().is_some());
        assert_eq!(budget.used(), 8_000);
    }

    #[test]
    fn memory_over_the_limit_is_an_error_that_names_the_limit() {
        let mut limiter = limiter(100, Budget::unlimited());
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        let error = limiter.memory_growing(40, 41, None).unwrap_err();
        let exceeded: &MemoryLimitExceeded = error.downcast_ref().unwrap();
        assert_eq!(exceeded.limit_bytes, 100);
    }
}
