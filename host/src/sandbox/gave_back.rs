//! Whether a guest gave its thread back although it could go on, as it does at a tick of the epoch. Who polls a run
//! sees otherwise only that it is not at its end, as one that waits for an answer.

use std::cell::Cell;

thread_local! {
    static GAVE_BACK: Cell<bool> = const { Cell::new(false) };
}

/// A guest gives this thread back.
pub(super) fn note() {
    GAVE_BACK.set(true);
}

/// Whether one did since this was asked last on this thread.
pub fn take() -> bool {
    GAVE_BACK.take()
}
