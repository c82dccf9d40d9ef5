//! Work of milliseconds for a workspace, done beside the threads that serve calls and runs.

use std::future::Future;
use std::pin::Pin;

use super::ids::WorkspaceName;

/// A piece of such work.
pub type Work = Box<dyn FnOnce() + Send>;

/// The threads that do it, and who counts their time.
pub trait BlockingPool: Send + Sync {
    /// Does the work as soon as the workspace has a thread for it. The time that it takes is the workspace's.
    fn run<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        work: Work,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
