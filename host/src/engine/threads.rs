//! The threads that runs compute on: their own, so that a step that computes delays no answer to a
//! sender.
//!
//! They are as urgent as the threads that accept. Less urgent (nice 5) a burst is acknowledged a
//! fifth faster, but the backlog that it leaves has to be folded into the tree and read again:
//! measured, a task then cost 40 % more CPU and tasks were finished a third slower.

use std::future::Future;
use std::io;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

/// An async runtime that may be dropped anywhere.
pub(super) struct Threads {
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl Threads {
    /// As many threads as the machine has processors.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("engine")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Runs a future on these threads; it is dropped when they end.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(future);
    }

    /// Ends the threads without waiting: what is under way is dropped where it stands.
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
