//! The memory and processor time of a call, and the workspace that they are charged to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::pace::Paced;
use crate::domain::blocking::{BlockingPool, Executor, Job, Work, spawn_blocking};
use crate::domain::budget::Charge;
use crate::domain::ids::WorkspaceName;

/// The budgets that a workspace's call takes from.
#[derive(Clone, Copy)]
pub struct Payer<'a> {
    /// Memory for the response.
    pub memory: &'a Charge,
    /// Threads that decode its body.
    pub pool: &'a dyn BlockingPool,
    /// Runs its connections.
    pub executor: &'a Arc<dyn Executor>,
    /// How fast a large response is read.
    pub pace: &'a Paced,
}

/// An executor whose time is counted for no workspace.
pub(super) struct Unbounded;

impl BlockingPool for Unbounded {
    fn run<'a>(
        &'a self,
        _: &'a WorkspaceName,
        work: Work,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            // It is cut off only if the process ends.
            let _ = spawn_blocking(work).await;
        })
    }
}

impl Executor for Unbounded {
    fn spawn(&self, _: &WorkspaceName, job: Job) {
        tokio::spawn(job);
    }
}
