//! Shares the engine's threads between workspaces ([`share`]).
//!
//! It runs *jobs*: futures, each of one workspace. All that a poll of it takes counts as its workspace's
//! time, the host's work for it included; a job that waits for something else uses none. A short job of a workspace
//! within its share is polled as any other future, without a lock. A guest that computes gives its thread back at
//! every tick of the sandbox's epoch, and is polled again when its workspace has a turn.

mod job;
mod share;
mod shared;
mod thread;
mod ticket;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::threads::Threads;
use crate::domain::blocking::{Executor, Job};
use crate::domain::ids::WorkspaceName;
pub use job::Charged;
use share::{Micros, Share};
use shared::Shared;
use thread::Working;

/// Runs the jobs of workspaces on the engine's threads.
pub(super) struct Workers {
    threads: Arc<Threads>,
    shared: Arc<Shared>,
}

impl Workers {
    /// A workspace without a weight has weight 1.
    /// `short_ticks` is set while guests that compute should give their threads back often.
    pub(super) fn new(
        threads: Arc<Threads>,
        weights: HashMap<WorkspaceName, u32>,
        short_ticks: Arc<AtomicBool>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads,
            shared: Arc::new(Shared::new(Share::new(cores, weights), short_ticks)),
        }
    }

    /// Runs a future, as work of the workspace, which is active until the future ends.
    pub(super) fn spawn(&self, workspace: &WorkspaceName, future: Job) {
        let job = Charged::new(self.shared.clone(), workspace, future);
        self.threads.spawn(job);
    }

    /// A future that takes its workspace's time whenever it is polled, and is polled when that has some. While it
    /// waits for something, its workspace is not active for its sake: so it may wait for long.
    pub(super) fn charge<F>(&self, workspace: &WorkspaceName, future: F) -> Charged<F> {
        Charged::that_waits(self.shared.clone(), workspace, future)
    }

    /// Runs such a future. It goes on if what this gives is dropped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        workspace: &WorkspaceName,
        future: Job<T>,
    ) -> JoinHandle<T> {
        self.threads.spawn(self.charge(workspace, future))
    }

    /// How many of the workspace's jobs compute, or would if others did not.
    pub(super) fn computing(&self, workspace: &WorkspaceName) -> usize {
        let shared = &self.shared;
        match shared.computing.load(Ordering::Relaxed) {
            0 => 0,
            _ => shared.share.read().computing(workspace),
        }
    }

    /// Begins work of the workspace on another thread than those of the jobs, when the workspace may compute.
    pub(super) fn work(
        &self,
        workspace: &WorkspaceName,
    ) -> impl Future<Output = Working> + Send + use<> {
        Working::begin(self.shared.clone(), workspace.clone())
    }

    /// Counts time that was used for a workspace on other threads, while one of its jobs waited for it.
    pub(super) fn spend(&self, workspace: &WorkspaceName, used: Duration) {
        let now = self.shared.now();
        let mut share = self.shared.share.write();
        share.spend(workspace, used.as_micros() as Micros, now);
        self.shared.note(&share);
    }

    /// Whether at most one workspace is active.
    pub(super) fn has_one_workspace(&self) -> bool {
        self.shared.pay(self.shared.now());
        !self.shared.is_contended.load(Ordering::Relaxed)
    }
}

impl Executor for Workers {
    fn spawn(&self, workspace: &WorkspaceName, job: Job) {
        self.run(workspace, job);
    }
}

#[cfg(test)]
mod tests;
