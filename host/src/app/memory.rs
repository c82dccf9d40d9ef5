//! Compares what the process has of memory with what it may have. The budget counts what tenants and senders make the
//! server hold; what it does not count (stacks of runs, buffers of connections, what the allocator keeps) is seen here.

use std::ffi::c_long;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::domain::budget::Budget;
use crate::machine;

/// How often it looks while the process has more than half of what it may. A thread can touch some 20 MiB in that time.
const OFTEN: Duration = Duration::from_millis(20);
const SELDOM: Duration = Duration::from_millis(100);
/// The log says so this often at most.
const TOLD: Duration = Duration::from_secs(60);

/// The allocator gives free memory back to the kernel after so many milliseconds: the default, with which a task costs a
/// tenth less than with the short time, and calls with large answers leave several hundred megabytes.
const PURGE_DELAY: c_long = 1_000;
/// The same while the process has more than half of what it may.
const SHORT_PURGE_DELAY: c_long = 10;
/// `mi_option_purge_delay`, which the bindings have no name for.
const OPTION_PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

#[allow(unsafe_code)]
fn give_back_after(milliseconds: c_long) {
    // SAFETY: it sets an aligned number, which other threads read, with an index that the library has.
    unsafe { libmimalloc_sys::mi_option_set(OPTION_PURGE_DELAY, milliseconds) };
}

/// Makes `budget`, of `memory` bytes, scarce while the process has more than [`most`]. It looks until the budget is
/// dropped.
///
/// # Errors
/// The thread could not be started.
pub(super) fn watch(budget: &Arc<Budget>, memory: u64) -> std::io::Result<()> {
    let most = most(machine::memory(), memory);
    let budget = Arc::downgrade(budget);
    let looking = move || {
        let mut told: Option<Instant> = None;
        let mut had_much = false;
        while let Some(budget) = budget.upgrade() {
            let resident = machine::resident();
            let is_scarce = resident > most;
            budget.set_scarce(is_scarce);
            drop(budget);
            if is_scarce && told.is_none_or(|told| told.elapsed() > TOLD) {
                told = Some(Instant::now());
                tracing::warn!(
                    resident,
                    most,
                    "the server has more memory than it should: until it has less, no workspace gets more than its share of --memory"
                );
            }
            let has_much = resident > most / 2;
            if std::mem::replace(&mut had_much, has_much) != has_much {
                give_back_after(match has_much {
                    true => SHORT_PURGE_DELAY,
                    false => PURGE_DELAY,
                });
            }
            thread::sleep(if has_much { OFTEN } else { SELDOM });
        }
    };
    let builder = thread::Builder::new().name("memory".into());
    builder.spawn(looking).map(drop)
}

/// The bytes that the process may have before memory is scarce: half of what `memory`, the budget, leaves of `machine`.
/// The other half is for compilations, the kernel, and what comes before this is noticed.
fn most(machine: u64, memory: u64) -> u64 {
    machine - machine.saturating_sub(memory) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_machine_is_left() {
        assert_eq!(most(1024, 512), 768);
        assert_eq!(most(1024, 2048), 1024, "what the operator asks for");
    }

    #[test]
    fn the_process_has_some_memory() {
        let block = vec![1_u8; 64 * 1024 * 1024];
        let resident = machine::resident();
        assert!(resident > block.len() as u64, "{resident}");
        assert!(resident < machine::memory(), "{resident}");
    }
}
