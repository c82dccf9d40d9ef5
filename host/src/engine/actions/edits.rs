//! A change of a task's data, and the memory of its values.

use std::sync::Arc;

use super::error::ActionError;
use crate::domain::budget::Permit;
use crate::domain::data::{Edit, EditError, diff, edited};
use crate::domain::ids::TaskId;
use crate::store::StoreError;

/// Text whose values need no permit, in bytes.
pub(super) const SMALL: usize = 8 * 1024;

/// What the values of so much text take at most, roughly, in bytes.
pub(super) const SMALL_VALUES: u64 = 1024 * 1024;

/// Memory that is taken for the values of a request until it is answered; none if they are small.
pub type Held = Option<Arc<HeldMemory>>;

/// See [`Held`].
#[derive(Debug)]
pub struct HeldMemory {
    pub(super) values: Permit,
    /// Roughly what the request holds beside it, in bytes: its body.
    pub(super) body: u64,
}

/// What a request holds while it asks for more, in bytes.
pub(super) fn held_bytes(held: &Held) -> u64 {
    held.as_ref()
        .map_or(0, |held| held.values.used() + held.body)
}

/// A change of a task's data.
pub(super) struct Update {
    pub(super) edits: Arc<Vec<Edit>>,
    /// Roughly what its values take in memory, in bytes.
    pub(super) bytes: u64,
    /// What the request for it holds already, in bytes.
    pub(super) beside: u64,
    pub(super) by: String,
}

/// What an update makes of data.
pub(super) struct Made {
    /// None if it changes nothing.
    pub(super) text: Option<Arc<str>>,
    pub(super) changes: String,
}

impl Update {
    pub(super) fn new(edits: Vec<Edit>, by: &str, beside: u64) -> Self {
        Self {
            beside,
            bytes: edits.iter().map(Edit::memory).sum(),
            edits: Arc::new(edits),
            by: by.to_owned(),
        }
    }
}

/// Makes the edits.
///
/// # Errors
/// [`ActionError::Edit`]; [`ActionError::Store`] if the data are damaged.
pub(super) fn change((task, data): (TaskId, &str), edits: Vec<Edit>) -> Result<Made, ActionError> {
    let before = serde_json::from_str(data).map_err(|error| {
        StoreError::Damaged(format!("the data of task {task} is not JSON: {error}"))
    })?;
    let refused = |error: EditError| ActionError::Edit { task, error };
    let (after, text) = edited(&before, edits).map_err(refused)?;
    let changes = diff(&before, &after);
    Ok(Made {
        text: (!changes.is_empty()).then(|| text.into()),
        // Changes are plain JSON: there is nothing in them that could fail to serialise.
        changes: serde_json::to_string(&changes).unwrap_or_default(),
    })
}
