//! Where a task is left that was advanced.

/// Where a task is left that was advanced.
pub(super) enum Advanced {
    /// At its end, or to an action or another node.
    Rests,
    /// Until a time that the timers must know of.
    Waits,
    /// Ready, and to be read again.
    Again,
}
