//! How the advance of a task ended.

/// How the advance of a task ended.
pub(super) enum Advanced {
    /// The task has ended, or waits for an action or for another node.
    Rests,
    /// The task waits until a time that the timers must know of.
    Waits,
    /// The task is ready, and is to be read again.
    ReadAgain,
    /// The task waits in its lane until there is memory for it.
    Starves(NoRoom),
}

/// How much memory to reserve for a task when it is tried again, in bytes; 0 for the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MemoryNeeds {
    /// For the matching of its steps. It is given back then.
    pub(super) matching: u64,
    /// For its run.
    pub(super) run: u64,
}

/// There is no memory for a task now.
pub(super) struct NoRoom {
    pub(super) needs: MemoryNeeds,
    /// How often memory had been given back before it was tried.
    pub(super) seen: u64,
}
