//! The threads that runs compute on: their own, so that a step that computes delays no answer to a
//! sender. How workspaces share them: [`super::cpu`].
//!
//! They are as urgent as the threads that accept. Less urgent (nice 5) a burst is acknowledged a
//! fifth faster, but the backlog that it leaves has to be folded into the tree and read again:
//! measured, a task then cost 40 % more CPU and tasks were finished a third slower.
//!
//! Jobs that compute for long beside other workspaces go on on threads of their own, which are less urgent: a thread
//! that is woken for another workspace takes their processor at once, not at the kernel's next tick.

use std::future::Future;
use std::io;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::domain::blocking::Job;

/// How much less urgent the threads are of what computes for long.
const NICE: i32 = 10;

/// Async runtimes that may be dropped anywhere.
pub(super) struct Threads {
    handle: Handle,
    computing: Handle,
    runtimes: Mutex<Option<[Runtime; 2]>>,
}

impl Threads {
    /// One thread more of each kind than the machine has processors: when steps compute on all of them, one is left for
    /// what is over soon. That is also to wait for the next turn: who has not asked for it looks as if it wanted none.
    pub(super) fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores + 1)
            .thread_name("engine")
            .enable_all()
            .build()?;
        let computing = Builder::new_multi_thread()
            .worker_threads(cores + 1)
            .thread_name("computing")
            .on_thread_start(|| {
                // Where it is not allowed, they are as urgent.
                let _ = rustix::process::nice(NICE);
            })
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            computing: computing.handle().clone(),
            runtimes: Mutex::new(Some([runtime, computing])),
        })
    }

    /// The threads of what computes for long.
    pub(super) fn computing(&self) -> &Handle {
        &self.computing
    }

    /// Runs a future on these threads; it is dropped when they end.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(Box::pin(future) as Job<T>)
    }

    /// Ends the threads without waiting: what is under way is dropped where it stands.
    pub(super) fn stop(&self) {
        for runtime in self.runtimes.lock().take().into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}
