//! Work for a workspace beside its runs, and who counts the time that it takes.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use tokio::task::{JoinError, JoinHandle};

use super::ids::WorkspaceName;

/// Threads for what waits for the disk, in each of the server's runtimes: as many as a disk does at once, and not the 512
/// that tokio makes, each of which wants a processor when its read or write has ended.
pub const BLOCKING_THREADS: usize = 32;

/// A piece of work of milliseconds, done beside the threads that serve calls and runs.
pub type Work = Box<dyn FnOnce() + Send>;

/// Work that waits for other things between its steps.
pub type Job<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of a piece of work, until its caller downcasts it.
type Answer = Box<dyn Any + Send>;

/// Does work on a thread of the runtime that may block: as `tokio::task::spawn_blocking`, but of one type for all
/// works. Of each other type, the compiler makes a task of its own, thousands of lines of it.
///
/// # Errors
/// The work panicked, or the runtime ended before it began.
pub async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    spawn_blocking_by(tokio::task::spawn_blocking, work).await
}

/// The same by another runtime's function of that name.
///
/// # Errors
/// As those of [`spawn_blocking`].
pub async fn spawn_blocking_by<T: Send + 'static>(
    spawn: impl FnOnce(Box<dyn FnOnce() -> Answer + Send>) -> JoinHandle<Answer>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let answer = spawn(Box::new(move || Box::new(work()))).await?;
    match answer.downcast() {
        Ok(answer) => Ok(*answer),
        Err(_) => unreachable!("the work gives a `T`"),
    }
}

/// The threads that do it, and who counts their time.
pub trait BlockingPool: Send + Sync {
    /// Does the work as soon as the workspace has a thread for it. The time that it takes is the workspace's.
    fn run<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        work: Work,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// Runs jobs of workspaces, such as their connections to upstreams. The time of each of their steps is the
/// workspace's, and one that has used more than its share waits with them.
pub trait Executor: Send + Sync {
    /// Begins a job. It goes on until its end, or that of the threads.
    fn spawn(&self, workspace: &WorkspaceName, job: Job);
}
