//! A lane: one connection that writes what waits in the [`Queue`], many changes in one transaction.
//!
//! A transaction has two round trips. The first locks the rows of the partitions and reads what the changes stand on; then
//! [`Group`] decides; the second writes and commits. For new tasks without a delivery's key nothing is read: that an id is there
//! already, or that the workspace was deleted, lets the second one fail. Then all is done once more, with a look.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Error;

use super::error::{describe, failed, is_cut, is_passing};
use super::group::{CommitEvidence, Group};
use super::look::CommitStatus;
use super::part::Part;
use super::queue::{Batch, Queue};
use super::session::{Session, Slot, in_time};
use super::shared::Shared;
use super::{hints, look, put};
use crate::store::StoreError;

/// Times that a transaction is made which others got in the way of.
const TRIES: u32 = 10;

/// The longest that one half of a transaction may take. A lease is over by then.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// The pause between two queries for the outcome of a transaction.
const PAUSE: Duration = Duration::from_millis(50);

/// How a transaction ended that was not committed.
enum Failure {
    /// Nothing was written.
    Not(Error),
    /// The connection was lost as it was committed: see [`await_commit_status`].
    InDoubt(Box<Doubt>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Not(error)
    }
}

/// A transaction of which is not known whether it was committed.
struct Doubt {
    xid: String,
    evidence: Vec<CommitEvidence>,
    /// How the jobs ended if it was.
    outcome: Outcome,
}

type Outcome = Vec<Result<(), StoreError>>;

/// Writes the queue's batches, until the store is closed.
pub(super) async fn run(shared: Arc<Shared>, slot: Slot, queue: Arc<Queue>) {
    let _lane = queue.lane();
    while let Some(Batch { jobs, guard }) = queue.next().await {
        let (parts, waiting): (Vec<_>, Vec<_>) =
            (jobs.into_iter().map(|job| (job.parts, job.done))).unzip();
        let outcome = write(&shared, &slot, &parts).await;
        // Another lane may begin while these answers are given.
        drop(guard);
        for (done, outcome) in waiting.into_iter().zip(outcome) {
            let _ = done.send(outcome);
        }
    }
}

fn all(count: usize, error: &StoreError) -> Outcome {
    std::iter::repeat_n(Err(error.clone()), count).collect()
}

/// Writes jobs; each is there as a whole, or not at all. Returns how each of them ended.
async fn write(shared: &Shared, slot: &Slot, jobs: &[Vec<Part>]) -> Outcome {
    let mut tries = 0;
    let mut reconnected = false;
    loop {
        tries += 1;
        let session = match slot.get(&shared.settings).await {
            Ok(session) => session,
            Err(error) => return all(jobs.len(), &failed(error)),
        };
        // What made the first try fail is looked for in the second.
        let looks = tries > 1;
        match transaction(shared, &session, jobs, looks).await {
            Ok(outcome) => return outcome,
            Err(Failure::InDoubt(doubt)) => {
                match await_commit_status(shared, slot, jobs, &doubt).await {
                    CommitStatus::Committed => return doubt.outcome,
                    CommitStatus::NotCommitted => {}
                    CommitStatus::Unknown => return all(jobs.len(), &StoreError::InDoubt),
                }
            }
            Err(Failure::Not(error)) => {
                let is_lost = is_cut(&error);
                if is_lost {
                    slot.close().await;
                } else {
                    let _ = session.run("rollback").await;
                }
                // The connection was lost while it was idle, or as the server ended.
                if is_lost && !reconnected {
                    reconnected = true;
                    continue;
                }
                if is_passing(&error) && tries < TRIES {
                    continue;
                }
                if jobs.len() == 1 || is_lost {
                    tracing::debug!(error = describe(&error), "a transaction was not made");
                    return all(jobs.len(), &failed(error));
                }
                // One of them is the cause, and the others are not to suffer for it.
                let mut outcome = Vec::with_capacity(jobs.len());
                for job in jobs {
                    let one = Box::pin(write(shared, slot, std::slice::from_ref(job)));
                    outcome.extend(one.await);
                }
                return outcome;
            }
        }
        if tries >= TRIES {
            let busy = "PostgreSQL: others changed the same tasks at the same time";
            return all(jobs.len(), &StoreError::unavailable(busy));
        }
    }
}

/// One transaction over all jobs but those that are refused. `looks` is whether it looks for new tasks' ids.
async fn transaction(
    shared: &Shared,
    session: &Session,
    jobs: &[Vec<Part>],
    looks: bool,
) -> Result<Outcome, Failure> {
    let mut group = Group::default();
    let look = look::look(shared, session, jobs, looks, &mut group);
    let xid = session.watched(in_time(ANSWER, look)).await?;
    let outcome: Outcome = jobs.iter().map(|parts| group.take(parts)).collect();
    let evidence = group.evidence();
    if evidence.is_empty() {
        session.run("rollback").await?;
        return Ok(outcome);
    }
    let put = tokio::time::timeout(ANSWER, put::put(session, &group));
    match session.watched(put).await {
        Ok((Ok(()), Ok(()))) => {
            if !group.answers.is_empty() {
                hints::answered(shared);
            }
            Ok(outcome)
        }
        // The server aborted the transaction, so that the commit was a rollback.
        Ok((Err(error), _) | (Ok(()), Err(error))) if !is_cut(&error) => Err(Failure::Not(error)),
        _ => Err(Failure::InDoubt(Box::new(Doubt {
            xid,
            evidence,
            outcome,
        }))),
    }
}

/// Asks the server for the outcome of a transaction, as long as this node owns the partitions. After that the node that
/// owns them reads the stored tasks, and this one continues none of them.
async fn await_commit_status(
    shared: &Shared,
    slot: &Slot,
    jobs: &[Vec<Part>],
    doubt: &Doubt,
) -> CommitStatus {
    loop {
        slot.close().await;
        let found = match slot.get(&shared.settings).await {
            Ok(session) => {
                look::read_commit_status(shared, &session, &doubt.xid, &doubt.evidence).await
            }
            Err(error) => Err(error),
        };
        if let Ok(Some(resolved)) = found {
            return resolved;
        }
        let owned = shared.partitions.hold().clone();
        if shared.is_closed() || jobs.iter().flatten().all(|part| owned.is_stale(part.claim)) {
            return CommitStatus::Unknown;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
