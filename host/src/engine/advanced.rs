//! Where a task is left that was advanced.

/// Where a task is left that was advanced.
pub(super) enum Advanced {
    /// At its end, or to an action or another node.
    Rests,
    /// Until a time that the timers must know of.
    Waits,
    /// Ready, and to be read again.
    ReadAgain,
    /// In its lane, until there is memory for it.
    Starves(NoRoom),
}

/// How much memory is to be set aside for a task when it is tried again, in bytes; 0 for the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Until its steps are matched. It is given back then.
    pub(super) matching: u64,
    /// From then on.
    pub(super) run: u64,
}

/// There is no memory for a task now.
pub(super) struct NoRoom {
    pub(super) needs: Needs,
    /// How often memory had been given back before it was tried.
    pub(super) seen: u64,
}
