//! The runs of keys that there are, and which of them are to be merged or removed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::super::disk::Disk;
use super::super::settings::SledSettings;
use super::filter::Filter;
use super::run::{self, Run};
use crate::domain::dedup::DedupKey;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// So many runs of a workspace, day and tier are merged into one of the next tier.
const FAN: usize = 4;

pub(in super::super) struct DedupIndex {
    runs: RwLock<Runs>,
    /// The merge that is under way. For who has the checkpoints' lock.
    pub(super) merging: Mutex<Option<Merging>>,
    /// How often keys left memory for the tree, or all was read anew.
    moved: AtomicU64,
}

/// A merge of runs into one, which is written in the order of its keys.
pub(super) struct Merging {
    pub workspace: WorkspaceName,
    pub sources: Vec<Arc<Run>>,
    pub into: Run,
    /// The last key that was written.
    pub after: Option<DedupKey>,
    /// The new run's filter, if all of the others have one.
    pub filter: Option<Filter>,
}

#[derive(Default)]
pub(super) struct Runs {
    spaces: HashMap<WorkspaceName, Vec<Arc<Run>>>,
    /// The number of the newest run.
    last: u64,
    filter_bytes: usize,
    most_filter_bytes: usize,
    /// Workspaces, days and tiers that have enough runs for a merge; may repeat, and be outdated.
    due: Vec<(WorkspaceName, u32, u8)>,
    /// Runs that may get a filter.
    unfiltered: Vec<(WorkspaceName, Arc<Run>)>,
}

impl DedupIndex {
    /// Of the runs that the tree has.
    pub(in super::super) fn read(disk: &Disk, settings: &SledSettings) -> Result<Self, StoreError> {
        let mut runs = Runs {
            most_filter_bytes: settings.dedup.filter_bytes,
            ..Runs::default()
        };
        for (workspace, run) in run::all(disk)? {
            runs.last = runs.last.max(run.number);
            runs.add(&workspace, run);
        }
        Ok(Self {
            runs: RwLock::new(runs),
            merging: Mutex::new(None),
            moved: AtomicU64::new(0),
        })
    }

    /// Replaces the index by one that was read anew.
    pub(in super::super) fn replace(&self, other: Self) {
        *self.merging.lock() = None;
        *self.runs.write() = other.runs.into_inner();
        self.count_move();
    }

    /// The runs. As long as the answer is held, their values stay in the tree.
    pub(super) fn runs(&self) -> RwLockReadGuard<'_, Runs> {
        self.runs.read()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Runs) -> T) -> T {
        change(&mut self.runs.write())
    }

    /// How often keys left memory for the tree. A key that was not found before has to be looked for in the tree
    /// again if this has changed since.
    pub(in super::super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Acquire)
    }

    pub(super) fn count_move(&self) {
        self.moved.fetch_add(1, Ordering::AcqRel);
    }

    /// How many runs there are.
    #[cfg(test)]
    pub(in super::super) fn count(&self) -> usize {
        self.runs().spaces.values().map(Vec::len).sum()
    }

    /// Lets go of a workspace's runs, whose values go with the workspace. For who has the checkpoints' lock.
    pub(in super::super) fn forget(&self, workspace: &WorkspaceName) {
        let mut merging = self.merging.lock();
        if merging
            .as_ref()
            .is_some_and(|merging| merging.workspace == *workspace)
        {
            *merging = None;
        }
        self.change(|runs| runs.forget(workspace));
    }
}

impl Runs {
    /// A workspace's runs.
    pub(super) fn of(&self, workspace: &WorkspaceName) -> &[Arc<Run>] {
        self.spaces.get(workspace).map_or(&[], Vec::as_slice)
    }

    /// A run without keys, to be written.
    pub(super) fn begin(&mut self, day: u32, tier: u8) -> Run {
        self.last += 1;
        Run::new(day, tier, self.last)
    }

    /// A filter of `lines`, if there is room for it in memory.
    pub(super) fn filter(&self, lines: usize) -> Option<Filter> {
        let bytes = self.filter_bytes + Filter::bytes_of(lines);
        (bytes <= self.most_filter_bytes).then(|| Filter::new(lines))
    }

    /// Takes in a run that is written.
    pub(super) fn add(&mut self, workspace: &WorkspaceName, run: Run) {
        let run = Arc::new(run);
        match run.filter.get() {
            Some(filter) => self.filter_bytes += Filter::bytes_of(filter.lines()),
            None => self.unfiltered.push((workspace.clone(), run.clone())),
        }
        let (day, tier) = (run.day, run.tier);
        let runs = self.spaces.entry(workspace.clone()).or_default();
        runs.push(run);
        let like = runs.iter().filter(|one| (one.day, one.tier) == (day, tier));
        if like.count() >= FAN {
            self.due.push((workspace.clone(), day, tier));
        }
    }

    /// Gives a run its filter, if it is still there.
    pub(super) fn set_filter(&mut self, workspace: &WorkspaceName, run: &Arc<Run>, filter: Filter) {
        let is_there = self.of(workspace).iter().any(|one| Arc::ptr_eq(one, run));
        let bytes = Filter::bytes_of(filter.lines());
        if is_there && run.filter.set(filter).is_ok() {
            self.filter_bytes += bytes;
        }
    }

    /// A run that may get a filter.
    pub(super) fn next_unfiltered(&mut self) -> Option<(WorkspaceName, Arc<Run>)> {
        self.unfiltered.pop()
    }

    /// Lets go of runs, before their values are removed.
    pub(super) fn remove(&mut self, workspace: &WorkspaceName, gone: &[Arc<Run>]) {
        let is_gone = |run: &Arc<Run>| gone.iter().any(|gone| Arc::ptr_eq(gone, run));
        let Some(runs) = self.spaces.get_mut(workspace) else {
            return;
        };
        let filters = runs.iter().filter(|run| is_gone(run));
        let bytes: usize = filters
            .filter_map(|run| run.filter.get())
            .map(|filter| Filter::bytes_of(filter.lines()))
            .sum();
        self.filter_bytes -= bytes;
        runs.retain(|run| !is_gone(run));
        if runs.is_empty() {
            self.spaces.remove(workspace);
        }
        self.unfiltered.retain(|(_, run)| !is_gone(run));
    }

    fn forget(&mut self, workspace: &WorkspaceName) {
        let gone = self.of(workspace).to_vec();
        self.remove(workspace, &gone);
        self.due.retain(|(of, ..)| of != workspace);
    }

    /// Runs that are to be merged.
    pub(super) fn next_merge(&mut self) -> Option<Merging> {
        loop {
            let (workspace, day, tier) = self.due.pop()?;
            let like = self.of(&workspace).iter();
            let sources: Vec<Arc<Run>> = like
                .filter(|run| (run.day, run.tier) == (day, tier))
                .cloned()
                .collect();
            if sources.len() < FAN {
                continue;
            }
            let lines = sources
                .iter()
                .map(|run| run.filter.get().map(Filter::lines));
            let filter = lines
                .sum::<Option<usize>>()
                .and_then(|lines| self.filter(lines));
            return Some(Merging {
                workspace,
                sources,
                into: self.begin(day, tier.saturating_add(1)),
                after: None,
                filter,
            });
        }
    }

    /// A run whose keys were over before that day began.
    pub(super) fn over_before(&self, day: u32) -> Option<(WorkspaceName, Arc<Run>)> {
        self.spaces.iter().find_map(|(workspace, runs)| {
            let run = runs.iter().find(|run| run.day < day)?;
            Some((workspace.clone(), run.clone()))
        })
    }
}
