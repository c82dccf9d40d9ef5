//! Memory and table limits, summed over everything that one run instantiates.

use wasmtime::ResourceLimiter;

/// Table elements of one run in all.
const TABLE_ELEMENTS: usize = 200_000;

/// A run went over its memory limit. Growing fails by a trap, not by -1, so that the fault is
/// named instead of showing up as whatever the guest does when an allocation fails.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("memory limit of {limit} bytes exceeded")]
pub(super) struct OutOfMemory {
    /// The limit, in bytes.
    pub limit: u64,
}

/// Counts what a run uses.
pub(super) struct Limiter {
    limit: u64,
    memory: usize,
    elements: usize,
}

impl Limiter {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            memory: 0,
            elements: 0,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.memory = self.memory.saturating_add(desired.saturating_sub(current));
        if self.memory as u64 > self.limit {
            return Err(OutOfMemory { limit: self.limit }.into());
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.elements = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        Ok(self.elements <= TABLE_ELEMENTS)
    }
}
