//! How many subtasks there are below a task: counted in the head of the one that is no subtask itself, by a note in
//! the record that makes them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{ParentUpdate, Subtasks};
use crate::domain::ids::TaskId;
use crate::domain::subtask::Family;
use crate::domain::task::TaskHead;
use crate::store::StoreError;

/// The families of which a run is under way.
#[derive(Default)]
pub(in crate::engine) struct Families(Mutex<FamilyCache>);

#[derive(Default)]
struct FamilyCache {
    families: HashMap<TaskId, Weak<Family>>,
    /// How many there may be before those that are gone are removed.
    room: usize,
}

impl Families {
    fn get(&self, root: TaskId) -> Option<Arc<Family>> {
        self.0.lock().families.get(&root)?.upgrade()
    }

    /// The family of this root, in which `made` have been made if no run of it is under way.
    fn get_or_new(&self, root: TaskId, made: u32) -> Arc<Family> {
        let mut known = self.0.lock();
        if let Some(family) = known.families.get(&root).and_then(Weak::upgrade) {
            return family;
        }
        if known.families.len() >= known.room {
            known.families.retain(|_, family| family.strong_count() > 0);
            known.room = 64 + 2 * known.families.len();
        }
        let family = Arc::new(Family::new(made));
        known.families.insert(root, Arc::downgrade(&family));
        family
    }
}

impl Subtasks {
    /// What a run of the task counts its subtasks in.
    ///
    /// # Errors
    /// The store could not be read.
    pub(in crate::engine) async fn family(
        &self,
        head: &TaskHead,
    ) -> Result<Arc<Family>, StoreError> {
        if head.parent.is_none() && head.subtasks == 0 {
            // Nothing is below it, so no other run counts in it.
            return Ok(Arc::default());
        }
        if head.parent.is_none()
            && let Some(family) = self.families.get(head.id)
        {
            return Ok(family);
        }
        let above = self.root_of(head).await?;
        let root = above.as_ref().unwrap_or(head);
        Ok(self.families.get_or_new(root.id, root.subtasks))
    }

    /// The note that so many subtasks were made below the root of a task, unless `update` takes it; none if
    /// the task itself is the root, which counts its own.
    pub(super) async fn counted(
        &self,
        head: &TaskHead,
        made: u32,
        update: &mut Option<ParentUpdate>,
    ) -> Result<Option<TaskHead>, StoreError> {
        if made == 0 {
            return Ok(None);
        }
        let Some(mut root) = self.root_of(head).await? else {
            return Ok(None);
        };
        let noted = match update {
            Some(ParentUpdate::Note(parent)) => Some(&mut **parent),
            Some(ParentUpdate::Result(parent)) => Some(&mut parent.head),
            None => None,
        };
        if let Some(parent) = noted.filter(|parent| parent.id == root.id) {
            parent.subtasks += made;
            return Ok(None);
        }
        root.version += 1;
        root.notes += 1;
        root.subtasks += made;
        Ok(Some(root))
    }

    /// The highest task above this one that is there; none if there is none above it.
    async fn root_of(&self, head: &TaskHead) -> Result<Option<TaskHead>, StoreError> {
        let mut root: Option<TaskHead> = None;
        loop {
            let Some(parent) = root.as_ref().unwrap_or(head).parent.clone() else {
                return Ok(root);
            };
            match self.tasks.store.load(&head.workspace, parent.task).await? {
                Some(task) => root = Some(task.head),
                None => return Ok(root),
            }
        }
    }
}
