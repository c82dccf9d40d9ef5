//! Merges runs of keys, and gives those their filters that were there at the start: a little at a time beside
//! the store's work.

use super::super::shared::Shared;
use super::block::Entry;
use super::expire;
use super::filter::Filter;
use super::fold::apply;
use super::index::Merging;
use super::run::Entries;
use crate::store::StoreError;

/// Keys that are written between two looks at whether the store stops.
const STEP: usize = 16 * 1024;
/// Such steps with each checkpoint: some 50 ms. A checkpoint folds fewer keys than are merged meanwhile.
const STEPS: usize = 8;

/// Does a part of the merges. The caller holds the checkpoints' lock.
pub(in super::super) fn tend(shared: &Shared) -> Result<(), StoreError> {
    let mut merging = shared.dedup.merging.lock();
    for _ in 0..STEPS {
        if shared.stopped() {
            return Ok(());
        }
        if merging.is_none() {
            *merging = shared.dedup.change(|runs| runs.next_merge());
        }
        let Some(under_way) = merging.as_mut() else {
            break;
        };
        if step(shared, under_way)?
            && let Some(done) = merging.take()
        {
            finish(shared, done)?;
        }
    }
    add_filter(shared)
}

/// Writes the next keys; true if they were the last.
fn step(shared: &Shared, merging: &mut Merging) -> Result<bool, StoreError> {
    let (workspace, block) = (&merging.workspace, shared.settings.dedup.block);
    let mut next: Vec<Entry> = Vec::with_capacity(STEP.min(4096));
    let is_last = shared.with_disk(|disk| {
        let sources = merging.sources.iter();
        let mut sources = sources
            .map(|run| run.entries(disk, workspace, merging.after))
            .collect::<Result<Vec<Entries>, StoreError>>()?;
        while next.len() < STEP {
            let least = sources.iter().filter_map(|source| source.next);
            let Some((key, mut holder)) = least.min_by_key(|(key, _)| *key) else {
                return Ok(true);
            };
            for source in &mut sources {
                if let Some((_, other)) = source.next.filter(|(other, _)| *other == key) {
                    holder = holder.later(other);
                    source.advance(disk)?;
                }
            }
            next.push((key, holder));
        }
        Ok(false)
    })?;
    for piece in next.chunks(block * 64) {
        let mut batch = sled::Batch::default();
        for some in piece.chunks(block) {
            merging.into.write(workspace, some, &mut batch);
        }
        apply(shared, batch)?;
    }
    if let Some(filter) = &mut merging.filter {
        next.iter().for_each(|(key, _)| filter.insert(*key));
    }
    merging.after = next.last().map(|(key, _)| *key).or(merging.after);
    Ok(is_last)
}

/// Puts the new run in place of those that it was made of.
fn finish(shared: &Shared, done: Merging) -> Result<(), StoreError> {
    let Merging {
        workspace,
        sources,
        into,
        after: _,
        filter,
    } = done;
    if let Some(filter) = filter {
        let _ = into.filter.set(filter);
    }
    shared.dedup.change(|runs| {
        runs.remove(&workspace, &sources);
        runs.add(&workspace, into);
    });
    for run in sources {
        expire::remove(shared, &workspace, &run)?;
    }
    Ok(())
}

/// Gives a run its filter that has none.
fn add_filter(shared: &Shared) -> Result<(), StoreError> {
    let Some((workspace, run)) = shared.dedup.change(|runs| runs.next_unfiltered()) else {
        return Ok(());
    };
    let values = shared.with_disk(|disk| {
        let values = disk.db.scan_prefix(run.prefix(&workspace));
        Ok(values.keys().count())
    })?;
    let lines = Filter::lines_for(values * shared.settings.dedup.block);
    let Some(mut filter) = shared.dedup.runs().filter(lines) else {
        return Ok(());
    };
    shared.with_disk(|disk| {
        let mut entries = run.entries(disk, &workspace, None)?;
        while let Some((key, _)) = entries.next {
            filter.insert(key);
            entries.advance(disk)?;
        }
        Ok(())
    })?;
    shared
        .dedup
        .change(|runs| runs.set_filter(&workspace, &run, filter));
    Ok(())
}
