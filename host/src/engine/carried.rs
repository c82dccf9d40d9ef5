//! How a task is left when its runner is done with it.

/// How a task was left.
pub(super) enum Carried {
    /// At its end, or in the hands of an action or another node.
    Rests,
    /// Until a time that the timers must know of.
    Waits,
    /// Ready, and to be read again.
    Again,
}
