//! The WASI a guest gets: clocks that stand still, randomness from a seed, standard streams that
//! go to the log, and nothing else. No file, environment variable, argument or socket is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use super::logs::Logs;
use crate::domain::clock::Millis;
use crate::domain::limits;
use crate::domain::run::LogLevel;

/// A run's clock: it reads one time until a connector call is answered, then that answer's time.
/// So a run that is replayed after a crash sees the same times.
#[derive(Debug, Clone)]
pub(super) struct RunClock {
    now: Arc<AtomicU64>,
    started: Millis,
}

impl RunClock {
    pub(super) fn new(now: Millis) -> Self {
        Self {
            now: Arc::new(AtomicU64::new(now)),
            started: now,
        }
    }

    /// Moves the clock to `to`; never backwards.
    pub(super) fn advance(&self, to: Millis) {
        self.now.fetch_max(to, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Millis {
        self.now.load(Ordering::Relaxed)
    }
}

impl HostWallClock for RunClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.read())
    }
}

impl HostMonotonicClock for RunClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    /// Nanoseconds since the run began; starts at one second, for guests that subtract from it.
    fn now(&self) -> u64 {
        let elapsed = self.read().saturating_sub(self.started);
        1_000_000_000u64.saturating_add(elapsed.saturating_mul(1_000_000))
    }
}

/// Builds a run's WASI.
pub(super) fn context(clock: &RunClock, seed: [u8; 32], logs: &Logs) -> WasiCtx {
    let mut insecure = seed;
    // Another stream than the secure one, from the same seed.
    insecure[0] ^= 0x5a;
    let mut hash_seed = [0; 16];
    hash_seed.copy_from_slice(&seed[16..]);
    WasiCtxBuilder::new()
        .wall_clock(clock.clone())
        .monotonic_clock(clock.clone())
        .secure_random(ChaCha8Rng::from_seed(seed))
        .insecure_random(ChaCha8Rng::from_seed(insecure))
        .insecure_random_seed(u128::from_be_bytes(hash_seed))
        .max_random_size(limits::HOSTCALL_BYTES as u64)
        .stdout(logs.stream(LogLevel::Log))
        .stderr(logs.stream(LogLevel::Error))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}
