//! Removes runs whose keys' time is over.

use std::sync::Arc;

use sled::Batch;

use super::super::shared::Shared;
use super::fold::apply;
use super::run::{Run, day_of};
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// Values that are removed in one go.
const AT_ONCE: usize = 256;

/// Removes one run that was over before the day of `now`; true if there is none. For who has the checkpoints'
/// lock.
pub(in super::super) fn expire(shared: &Shared, now: Millis) -> Result<bool, StoreError> {
    let today = day_of(now);
    let mut merging = shared.dedup.merging.lock();
    if let Some(given_up) = merging.take_if(|merging| merging.into.day < today) {
        remove(shared, &given_up.workspace, &given_up.into)?;
    }
    let Some((workspace, run)) = shared.dedup.runs().over_before(today) else {
        return Ok(true);
    };
    let gone = [run];
    shared.dedup.change(|runs| runs.remove(&workspace, &gone));
    let [run]: [Arc<Run>; 1] = gone;
    remove(shared, &workspace, &run)?;
    Ok(false)
}

/// Removes the values of a run that is not known any more.
pub(super) fn remove(
    shared: &Shared,
    workspace: &WorkspaceName,
    run: &Run,
) -> Result<(), StoreError> {
    loop {
        let mut batch = Batch::default();
        let is_last = shared.with_disk(|disk| run.remove(disk, workspace, AT_ONCE, &mut batch))?;
        apply(shared, batch)?;
        if is_last {
            return Ok(());
        }
    }
}
