//! The WASI a guest gets: clocks that stand still, randomness from a seed, standard streams that
//! go to the log, and nothing else. No file, environment variable, argument or socket is there.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng, TryRng};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use super::logs::Logs;
use super::work::Work;
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

/// Randomness whose bytes are charged. It cannot refuse any.
struct Charged {
    random: ChaCha8Rng,
    work: Work,
}

impl TryRng for Charged {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.work.add_bytes(size_of::<u32>());
        Ok(self.random.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.work.add_bytes(size_of::<u64>());
        Ok(self.random.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.work.add_bytes(bytes.len());
        self.random.fill_bytes(bytes);
        Ok(())
    }
}

/// Builds a run's WASI.
pub(super) fn context(clock: &RunClock, seed: [u8; 32], logs: &Logs, work: &Work) -> WasiCtx {
    let random = |seed| Charged {
        random: ChaCha8Rng::from_seed(seed),
        work: work.clone(),
    };
    let mut insecure = seed;
    // Another stream than the secure one, from the same seed.
    insecure[0] ^= 0x5a;
    let mut hash_seed = [0; 16];
    hash_seed.copy_from_slice(&seed[16..]);
    WasiCtxBuilder::new()
        .wall_clock(clock.clone())
        .monotonic_clock(clock.clone())
        .secure_random(random(seed))
        .insecure_random(random(insecure))
        .insecure_random_seed(u128::from_be_bytes(hash_seed))
        .max_random_size(limits::HOSTCALL_BYTES as u64)
        .stdout(logs.stream(LogLevel::Log, work))
        .stderr(logs.stream(LogLevel::Error, work))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}
