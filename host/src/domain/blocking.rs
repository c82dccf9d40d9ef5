//! Work for a workspace beside its runs, and who counts the time that it takes.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

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

/// Measures the work that is done on threads for what asked for it.
pub trait Meter: Send + Sync {
    /// Does the work, on the thread that calls it.
    fn measure(&self, work: &mut dyn FnMut());
}

tokio::task_local! {
    static METER: Arc<dyn Meter>;
}

/// Has the work measured that the future does by [`spawn_blocking`]. The meter is there until the last of it ends.
pub async fn metered<F: Future>(meter: Arc<dyn Meter>, future: F) -> F::Output {
    METER.scope(meter, future).await
}

/// Does work on a thread of the runtime that may block: as `tokio::task::spawn_blocking`, but of one type for all
/// works. Of each other type, the compiler makes a task of its own, thousands of lines of it.
///
/// # Errors
/// The work panicked, or the runtime ended before it began.
pub async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let Ok(meter) = METER.try_with(Arc::clone) else {
        return spawn_blocking_by(tokio::task::spawn_blocking, work).await;
    };
    let measured = move || {
        let (mut work, mut done) = (Some(work), None);
        meter.measure(&mut || done = work.take().map(|work| work()));
        match done {
            Some(done) => done,
            None => unreachable!("a meter does the work"),
        }
    };
    spawn_blocking_by(tokio::task::spawn_blocking, measured).await
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
