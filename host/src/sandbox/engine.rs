//! wasmtime's engine: how code is compiled, how instances are pooled, and the epoch that makes
//! long guests yield.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel,
    PoolingAllocationConfig,
};

use super::error::SandboxError;
use crate::domain::limits::{self, StepLimits};

/// How often a guest that computes gives the thread back. Short enough that a deadline and other
/// tasks are served in time, long enough that the cost is not measurable.
const TICK: Duration = Duration::from_millis(5);
/// The same while another workspace may want the processor: less than the kernel's own tick, which is up to 4 ms.
const SHORT_TICK: Duration = Duration::from_millis(1);
/// Host stack that a guest may use. A script's recursion ends as an error that it can catch, at 1 MiB
/// of the engine's own stack, which is less than what that takes of the host's.
const WASM_STACK: usize = 4 * 1024 * 1024;
/// Core instances of one component. A Rust guest has three, one of componentize-py 14, or 39 with
/// `--stub-wasi`. The pool only counts them: they take no memory before they are made.
pub(super) const CORE_INSTANCES: u32 = 64;
/// Linear memories of one component; the pool reserves 4 GiB of addresses for each.
pub(super) const MEMORIES: u32 = 2;
/// Tables of one component.
pub(super) const TABLES: u32 = 8;
/// Bytes of a pooled memory that are zeroed by hand instead of being given back to the kernel, at most; see
/// [`kept_of_memory`]. Measured: 1 MiB with the pagemap scan makes a no-op run 2.5 times cheaper than 0; scripts touch up
/// to 2 MiB.
const KEEP_RESIDENT: u64 = 2 * 1024 * 1024;
/// Bytes of a stack that are zeroed by hand after a run instead of being given back to the kernel.
const STACK_KEPT: usize = 32 * 1024;
/// The part of the memory of all runs that the pool keeps, at most, of memories that no run has.
const KEPT: u64 = 4;
/// Memories that no run has before the pool takes one of another component in place of a new one.
const WARM: u32 = 64;

/// Fuel to grow a memory or a table, also by nothing: the guest is left for it as for a call (`CALL` in
/// [`super::work`]), and this is the most that an instruction can cost. What a memory grows by is bounded by itself.
const GROWTH: u8 = u8::MAX;

/// The settings that determine the machine code. The compiling child and the running server must agree on it:
/// wasmtime refuses code that was compiled under another configuration.
fn base() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The WASI 0.2 way (pollables); component-model async would double a small run's cost.
        .concurrency_support(false)
        .consume_fuel(true)
        .operator_cost(OperatorCost {
            MemoryGrow: GROWTH,
            TableGrow: GROWTH,
            ..OperatorCost::new()
        })
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        // With 4 GiB reserved per memory no bounds check is compiled in.
        .memory_reservation(4 << 30)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(WASM_STACK + 1024 * 1024);
    config
}

/// Bytes that the pool keeps of a memory that no run has: all that were in use at once leave as many, and these are in no
/// budget. `memory` is what all runs may take together.
fn kept_of_memory(concurrency: u32, memory: u64) -> u64 {
    let at_once = u64::from(concurrency).min(memory / limits::RUN_MEMORY);
    (memory / KEPT / (at_once + u64::from(WARM))).min(KEEP_RESIDENT)
}

/// Whether the pages of a stack are given back after each run. Else it keeps all that a run has ever touched, which no
/// budget counts; but a task costs some 4 % more. So it is done where all stacks would not fit in as much as `memory`.
fn gives_stacks_back(concurrency: u32, memory: u64) -> bool {
    u64::from(concurrency) * WASM_STACK as u64 > memory
}

/// The engine that runs steps: instances come from a pool, memories are copy-on-write images. `memory` is what all runs
/// may take together, in bytes.
pub(super) fn pooled(concurrency: u32, memory: u64) -> Result<Engine, SandboxError> {
    let kept = kept_of_memory(concurrency, memory);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(concurrency)
        .total_core_instances(concurrency.saturating_mul(CORE_INSTANCES))
        .total_memories(concurrency.saturating_mul(MEMORIES))
        .total_tables(concurrency.saturating_mul(TABLES))
        .total_stacks(concurrency)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(StepLimits::MOST.memory as usize)
        .table_elements(100_000)
        .linear_memory_keep_resident(usize::try_from(kept).unwrap_or(usize::MAX))
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(STACK_KEPT)
        .max_unused_warm_slots(WARM)
        // Linux 6.7 and later; without it the pool falls back without noise.
        .pagemap_scan(Enabled::Auto);
    let mut config = base();
    config.async_stack_zeroing(gives_stacks_back(concurrency, memory));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).map_err(|error| SandboxError::Engine(format!("{error:#}")))
}

/// An engine without a pool, which runs what the pooled one has compiled and the other way round. A child process whose
/// address space is bounded compiles with it, and scripts are prepared in it.
pub(super) fn unpooled() -> Result<Engine, SandboxError> {
    Engine::new(&base()).map_err(|error| SandboxError::Engine(format!("{error:#}")))
}

/// A thread that moves the epochs of engines on until it is dropped.
pub(super) struct EpochTicker(Arc<AtomicBool>);

impl EpochTicker {
    /// While `is_short` is true, ticks come at [`SHORT_TICK`].
    pub(super) fn start(engines: [&Engine; 2], is_short: Arc<AtomicBool>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (engines, stopped) = (engines.map(Engine::weak), stop.clone());
        let ticking = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(match is_short.load(Ordering::Relaxed) {
                    true => SHORT_TICK,
                    false => TICK,
                });
                for engine in &engines {
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    engine.increment_epoch();
                }
            }
        };
        // A server that cannot start a thread could not run at all; fuel bounds guests anyway.
        let started = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(ticking);
        if let Err(error) = started {
            tracing::error!(%error, "the epoch thread could not be started; long steps will not yield");
        }
        Self(stop)
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Instance, Module, Store};

    use super::*;

    #[test]
    fn stacks_are_kept_where_there_is_room_for_all() {
        let memory = |gib: u64| gib << 30;
        assert!(gives_stacks_back(1000, memory(1)));
        assert!(!gives_stacks_back(1000, memory(4)));
        assert!(gives_stacks_back(10_000, memory(4)));
    }

    #[test]
    fn what_the_pool_keeps_of_a_memory_follows_from_the_memory_of_all_runs() {
        const GIB: u64 = 1 << 30;
        for (concurrency, memory, least, most) in [
            (1_000, 12 * GIB, KEEP_RESIDENT, KEEP_RESIDENT),
            (1_000, 4 * GIB, 900 << 10, 1_100 << 10),
            (1_000, GIB / 2, 200 << 10, 300 << 10),
            (10_000, 12 * GIB, 256 << 10, 512 << 10),
        ] {
            let kept = kept_of_memory(concurrency, memory);
            assert!(
                (least..=most).contains(&kept),
                "{concurrency} {memory}: {kept}"
            );
        }
    }

    /// Runs that were under way at once leave as many memories, which are in no budget.
    #[test]
    fn memories_that_no_run_has_take_a_quarter_of_the_memory_of_all_runs() {
        const RUNS: u32 = 32;
        const MEMORY: u64 = 32 << 20;
        let engine = pooled(RUNS, MEMORY).unwrap();
        let touches = r#"(module (memory 32) (func (export "run") (local $at i32)
            (loop $next
                (i32.store (local.get $at) (i32.const 1))
                (local.set $at (i32.add (local.get $at) (i32.const 4096)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 2097152))))))"#;
        let module = Module::new(&engine, wat::parse_str(touches).unwrap()).unwrap();
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let mut store = Store::new(&engine, ());
            store.set_fuel(1_000_000).unwrap();
            store.set_epoch_deadline(1_000);
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance
                .get_typed_func::<(), ()>(&mut store, "run")
                .unwrap();
            run.call(&mut store, ()).unwrap();
            runs.push(store);
        }
        drop(runs);
        let metrics = engine.pooling_allocator_metrics().unwrap();
        assert_eq!(metrics.unused_warm_memories(), RUNS);
        let kept = metrics.unused_memory_bytes_resident() as u64;
        assert!(kept > 0 && kept <= MEMORY / KEPT, "{kept}");
    }
}
