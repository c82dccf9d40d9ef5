//! The hints that a node sends to the others, and those that it received: see [`super::hints`].

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::store::{Hint, Hints};

/// How many hints wait to be sent at most. Without a hint the other nodes learn of a change by polling.
const MOST: usize = 1_000;

/// Hints that are to be sent to other nodes, and those that they sent.
pub(super) struct Board {
    pub(super) outgoing: Mutex<Vec<String>>,
    pub(super) wanted: Notify,
    setup: watch::Sender<u64>,
    asked: watch::Sender<u64>,
    answered: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            outgoing: Mutex::default(),
            wanted: Notify::new(),
            setup: watch::Sender::new(0),
            asked: watch::Sender::new(0),
            answered: watch::Sender::new(0),
        }
    }
}

impl Board {
    fn of(&self, hint: Hint) -> &watch::Sender<u64> {
        match hint {
            Hint::Setup => &self.setup,
            Hint::Asked => &self.asked,
            Hint::Answered => &self.answered,
        }
    }

    /// Hints from now on.
    pub(super) fn subscribe(&self, hint: Hint) -> Hints {
        Hints::new(self.of(hint).subscribe())
    }

    pub(super) fn come(&self, hint: Hint) {
        self.of(hint).send_modify(|count| *count += 1);
    }

    pub(super) fn say(&self, what: String) {
        let mut outgoing = self.outgoing.lock();
        // One is enough of those that say the same.
        if outgoing.len() < MOST && !outgoing.contains(&what) {
            outgoing.push(what);
        }
        drop(outgoing);
        self.wanted.notify_one();
    }
}
