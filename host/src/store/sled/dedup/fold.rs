//! Folds keys of deliveries: from memory into runs of the tree.

use sled::Batch;

use super::super::failpoint::Write;
use super::super::failure::from_sled;
use super::super::shared::Shared;
use super::block::Entry;
use super::filter::Filter;
use super::recent::Keys;
use super::run::{Run, day_of};
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// Values that are put into the tree in one go.
const AT_ONCE: usize = 64;

/// Folds the keys that wait if they are many, or keep much of the log, or `all` are to be folded. True if any
/// were. For who has the checkpoints' lock.
pub(in super::super) fn fold(shared: &Shared, all: bool) -> Result<bool, StoreError> {
    let settings = &shared.settings;
    // A start has to go through the log that they keep.
    let kept = shared.slots.cut(settings.log_bytes / 4);
    let mut is_any = false;
    // The second time those that came since a fold that did not succeed.
    for _ in 0..2 {
        let keys = {
            let mut overlay = shared.overlay.write();
            let is_wanted = all
                || overlay.dedup.waiting() >= settings.dedup.fold
                || (overlay.dedup.low()).is_some_and(|low| low < overlay.past(kept));
            if !is_wanted {
                break;
            }
            overlay.dedup.begin_fold()
        };
        let Some(keys) = keys else { break };
        write(shared, &keys)?;
        shared.dedup.count_move();
        let gone = shared.overlay.write().dedup.folded();
        drop((gone, keys));
        is_any = true;
    }
    Ok(is_any)
}

/// Writes keys as runs, one for each workspace and day.
pub(super) fn write(shared: &Shared, keys: &Keys) -> Result<(), StoreError> {
    let mut written: Vec<(&WorkspaceName, Run)> = Vec::new();
    let (mut batch, mut values) = (Batch::default(), 0);
    for (workspace, keys) in keys.spaces() {
        let mut sorted: Vec<Entry> = keys.iter().map(|(key, holder)| (*key, *holder)).collect();
        sorted.sort_unstable_by_key(|(key, holder)| (day_of(holder.until), *key));
        let one_day = |a: &Entry, b: &Entry| day_of(a.1.until) == day_of(b.1.until);
        for part in sorted.chunk_by(one_day) {
            let Some((_, first)) = part.first() else {
                continue;
            };
            let run = begin(shared, day_of(first.until), part);
            for piece in part.chunks(shared.settings.dedup.block) {
                run.write(workspace, piece, &mut batch);
                values += 1;
                if values == AT_ONCE {
                    apply(shared, std::mem::take(&mut batch))?;
                    values = 0;
                }
            }
            written.push((workspace, run));
        }
    }
    apply(shared, batch)?;
    shared.dedup.change(|runs| {
        for (workspace, run) in written {
            runs.add(workspace, run);
        }
    });
    Ok(())
}

/// A new run for these keys, with its filter.
fn begin(shared: &Shared, day: u32, part: &[Entry]) -> Run {
    let (run, filter) = shared.dedup.change(|runs| {
        let filter = runs.filter(Filter::lines_for(part.len()));
        (runs.begin(day, 0), filter)
    });
    if let Some(mut filter) = filter {
        for (key, _) in part {
            filter.insert(*key);
        }
        let _ = run.filter.set(filter);
    }
    run
}

/// Has the tree take a batch. Readers of several keys need not wait: what a run says is said elsewhere, too, until
/// the run is whole.
pub(super) fn apply(shared: &Shared, batch: Batch) -> Result<(), StoreError> {
    shared.settings.fail.before(Write::Fold)?;
    shared.with_disk(|disk| disk.db.apply_batch(batch).map_err(from_sled))
}
