//! What a call takes beside its connection, and who pays for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::pace::Paced;
use crate::domain::blocking::{BlockingPool, Executor, Job, Work, spawn_blocking};
use crate::domain::budget::Charge;
use crate::domain::ids::WorkspaceName;

/// What a workspace's call takes from.
#[derive(Clone, Copy)]
pub struct Payer<'a> {
    /// Memory for the response.
    pub memory: &'a Charge,
    /// Threads that decode its body.
    pub pool: &'a dyn BlockingPool,
    /// What runs its connections.
    pub executor: &'a Arc<dyn Executor>,
    /// How fast a large response is read.
    pub pace: &'a Paced,
}

/// Threads whose time is counted for nobody.
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
