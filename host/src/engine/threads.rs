//! The threads that runs compute on: their own, so that a step that computes delays no answer to a
//! sender. How workspaces share them: [`super::cpu`].
//!
//! They are as urgent as the threads that accept. Less urgent (nice 5) a burst is acknowledged a
//! fifth faster, but the backlog that it leaves has to be folded into the tree and read again:
//! measured, a task then cost 40 % more CPU and tasks were finished a third slower.

use std::future::Future;
use std::io;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::domain::blocking::{BLOCKING_THREADS, Job};

/// An async runtime that may be dropped anywhere.
pub(super) struct Threads {
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl Threads {
    /// One thread more than the machine has processors: when steps compute on all of them, one is left for what
    /// is over soon.
    pub(super) fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores + 1)
            .thread_name("engine")
            .max_blocking_threads(BLOCKING_THREADS)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Runs a future on these threads; it is dropped when they end.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(Box::pin(future) as Job<T>)
    }

    /// Ends the threads without waiting: tasks under way are dropped.
    pub(super) fn stop(&self) {
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}
