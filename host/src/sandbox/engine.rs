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
use crate::domain::limits::StepLimits;

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
/// Bytes of a pooled memory that are zeroed by hand instead of being given back to the kernel.
/// Measured: 1 MiB with the pagemap scan makes a no-op run 2.5 times cheaper than 0; scripts touch up
/// to 2 MiB.
const KEEP_RESIDENT: usize = 2 * 1024 * 1024;

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

/// The engine that runs steps: instances come from a pool, memories are copy-on-write images.
pub(super) fn pooled(concurrency: u32) -> Result<Engine, SandboxError> {
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
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(64 * 1024)
        .max_unused_warm_slots(64)
        // Linux 6.7 and later; without it the pool falls back without noise.
        .pagemap_scan(Enabled::Auto);
    let mut config = base();
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
