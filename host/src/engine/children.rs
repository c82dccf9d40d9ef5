//! The subtasks in a parent's head, and how the head stays right while both tasks change. Pure
//! decisions, no I/O.

use crate::domain::clock::Millis;
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::subtask::{Child, NewSubtask};
use crate::domain::task::{Standing, TaskHead, TaskState, Wait};
use crate::store::Commit;

/// A parent that wakes by itself so soon is left to do so: it may be in a run by the time that its
/// note is durable, and a run's clock must not change.
const SOON: Millis = 1_000;

/// The values of the head that a commit is based on.
#[derive(Debug, Clone)]
pub(super) struct Base {
    version: u64,
    notes: u64,
    pub(super) children: Vec<TaskId>,
    /// Whether the run may have noted something itself.
    pub(super) notes_itself: bool,
}

impl Base {
    pub(super) fn of(head: &TaskHead) -> Self {
        Self {
            version: head.version,
            notes: head.notes,
            children: head.children.iter().map(|child| child.id).collect(),
            notes_itself: false,
        }
    }
}

/// Takes a finished run's subtasks into its task's head.
pub(super) fn remember(head: &mut TaskHead, asked: &[NewSubtask]) {
    for child in &mut head.children {
        child.wait = false;
    }
    head.subtasks += asked.len() as u32;
    head.children.extend(asked.iter().map(|new| Child {
        id: new.id,
        into: new.into.clone(),
        wait: new.wait,
        ended: false,
    }));
}

/// Whether a result is there that is not in the data yet.
pub(super) fn can_land(head: &TaskHead) -> bool {
    head.children.iter().any(|child| child.ended)
}

/// Whether a result is still to come.
pub(super) fn is_owed(head: &TaskHead) -> bool {
    let mut children = head.children.iter();
    children.any(|child| child.into.is_some() && !child.ended)
}

fn is_awaited(head: &TaskHead) -> bool {
    head.children.iter().any(|child| child.wait && !child.ended)
}

/// The parent's head after it was noted that a subtask of it has ended; `None` if that is nothing to
/// it.
pub(super) fn noted(parent: &TaskHead, child: TaskId, now: Millis) -> Option<TaskHead> {
    let at = parent.children.iter().position(|own| own.id == child)?;
    if parent.children[at].ended || parent.state() == TaskState::Cancelled {
        return None;
    }
    let mut head = parent.clone();
    if head.children[at].into.is_some() {
        head.children[at].ended = true;
    } else {
        head.children.remove(at);
    }
    head.version += 1;
    head.notes += 1;
    let for_subtasks = match &head.standing {
        Standing::Waiting(Wait::Subtasks) => true,
        Standing::Waiting(Wait::Until(at) | Wait::Retry { at, .. }) => {
            is_awaited(parent) && *at > now.saturating_add(SOON)
        }
        // A run that pauses has recorded calls, which belong to the data that it began with.
        _ => false,
    };
    if for_subtasks && !is_awaited(&head) {
        head.standing = head.standing.into_ready();
        head.updated = now.max(head.updated);
        head.ready_at = head.updated;
    }
    Some(head)
}

/// Rebases a commit on a head that has got notes since the one that it is based on; `false` if
/// something else happened to the task.
pub(super) fn rebase(commit: &mut Commit, base: &Base, current: &TaskHead) -> bool {
    let head = &mut commit.head;
    if !keep_noted(head, base, current) {
        return false;
    }
    let for_subtasks = matches!(head.standing, Standing::Waiting(Wait::Subtasks));
    if for_subtasks && !is_awaited(head) && can_land(head) {
        head.standing = Standing::ready();
        commit.entries.retain(|entry| {
            let waits = TaskState::Waiting;
            !matches!(entry, Entry::State { state, .. } if *state == waits)
        });
    }
    true
}

/// Rebases a head on one that has got notes since the one that it is based on; `false` if something
/// else happened to the task.
pub(super) fn keep_noted(head: &mut TaskHead, base: &Base, current: &TaskHead) -> bool {
    let moved = current.version.saturating_sub(base.version);
    if moved == 0 || current.notes.saturating_sub(base.notes) != moved {
        return false;
    }
    let kept: Vec<Child> = std::mem::take(&mut head.children);
    let is_new = |child: &Child| !base.children.contains(&child.id);
    // Those that this step dealt with are gone from it, those that ended meanwhile from the other.
    // Those that were made below it meanwhile count in it, if it is no subtask.
    head.subtasks = current.subtasks + kept.iter().filter(|child| is_new(child)).count() as u32;
    head.children = current
        .children
        .iter()
        .filter_map(|child| {
            let own = kept.iter().find(|own| own.id == child.id)?;
            Some(Child {
                ended: child.ended,
                ..own.clone()
            })
        })
        .chain(kept.iter().filter(|child| is_new(child)).cloned())
        .collect();
    head.version = current.version + 1;
    head.notes = current.notes;
    head.reply.clone_from(&current.reply);
    true
}
