//! Work for a workspace beside its runs, and who counts the time that it takes.

use std::future::Future;
use std::pin::Pin;

use super::ids::WorkspaceName;

/// A piece of work of milliseconds, done beside the threads that serve calls and runs.
pub type Work = Box<dyn FnOnce() + Send>;

/// Work that waits for other things between its steps.
pub type Job<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The threads that do it, and who counts their time.
pub trait BlockingPool: Send + Sync {
    /// Does the work as soon as the workspace has a thread for it. The time that it takes is the workspace's.
    fn run<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        work: Work,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// What runs jobs of workspaces, such as their connections to upstreams. The time of each of their steps is the
/// workspace's, and one that has used more than its share waits with them.
pub trait Executor: Send + Sync {
    /// Begins a job. It goes on until its end, or that of the threads.
    fn spawn(&self, workspace: &WorkspaceName, job: Job);
}
