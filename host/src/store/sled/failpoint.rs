//! Where a test may let the store die: before every write that reaches the disk.

use crate::store::StoreError;

/// A write that is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// A group goes to the end of the log.
    Append,
    /// The log is made durable.
    Sync,
    /// The rest of a failed append is removed from the log.
    Mend,
    /// A slot of the log is made.
    Slot,
    /// Folded tasks go into the tree.
    Fold,
    /// Folded tasks are appended to the archive, or that is made durable.
    Archive,
    /// The tree is made durable.
    Flush,
    /// The log's low-water mark moves.
    Mark,
    /// A part of the log is let go.
    Drop,
    /// The registry changes.
    Registry,
    /// A component's file is written.
    Component,
    /// A response's body is written.
    Body,
    /// The marks of the store's parts change.
    Marks,
    /// The copy of the catalog changes.
    Copy,
}

#[cfg(test)]
type Hook = std::sync::Arc<dyn Fn(Write) -> Result<(), StoreError> + Send + Sync>;

/// A hook before every write. Outside tests it is nothing.
#[derive(Clone, Default)]
pub(super) struct FailPoint {
    #[cfg(test)]
    pub hook: Option<Hook>,
}

impl FailPoint {
    /// To be called before `write`; an error stands for a crash.
    #[cfg_attr(not(test), expect(clippy::unused_self))]
    #[inline]
    pub(super) fn before(&self, write: Write) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(hook) = &self.hook {
            hook(write)?;
        }
        let _ = write;
        Ok(())
    }
}

impl std::fmt::Debug for FailPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FailPoint")
    }
}
