//! A job that goes on on other threads once it is heavy.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::job::Charged;
use crate::domain::blocking::Job;

/// A job on the threads of what is soon over, until it computes for long beside other workspaces. It does not come back:
/// what has computed mostly does so again.
pub(super) struct Moving {
    /// None when it is elsewhere.
    job: Option<Charged<Job>>,
    computing: Handle,
}

impl Moving {
    pub(super) fn new(job: Charged<Job>, computing: Handle) -> Self {
        let job = Some(job);
        Self { job, computing }
    }
}

impl Future for Moving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let moves = |job: &mut Charged<Job>| job.is_heavy(context);
        if let Some(job) = self.job.take_if(moves) {
            self.computing.spawn(job);
            return Poll::Ready(());
        }
        match &mut self.job {
            Some(job) => Pin::new(job).poll(context),
            None => Poll::Ready(()),
        }
    }
}
