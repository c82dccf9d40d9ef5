//! How far this node's clock is from the database's, which all nodes have in common.
//!
//! Leases go by the database's clock alone. Timers, schedules and the times that people read go by the node's.
//! What is removed for good, and keys of deliveries, which nodes compare with each other's, go by the common clock if the
//! node's is wrong.

use crate::domain::clock::Millis;

/// More than a clock that is kept synchronised is ever away.
const MOST: i64 = 5_000;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Skew {
    /// By how many milliseconds this node's clock is ahead.
    pub(super) ms: Option<i64>,
    /// The clock is wrong, and the log has it.
    pub(super) is_reported: bool,
}

impl Skew {
    /// By how many milliseconds the clock is ahead of the common one, or behind it; 0 if it is not wrong.
    pub(super) fn wrong_by(&self) -> i64 {
        self.ms.filter(|_| self.is_reported).unwrap_or(0)
    }

    /// What the common clock shows when this node's own shows `at`.
    pub(super) fn common(&self, at: Millis) -> Millis {
        at.saturating_add_signed(self.wrong_by().saturating_neg())
    }

    /// Takes what the database's clock said between two looks at the node's own, and reports a clock that is wrong, once.
    pub(super) fn measure(&mut self, (before, after): (Millis, Millis), database: i64) {
        let number = |at: Millis| i64::try_from(at).unwrap_or(i64::MAX);
        let round = number(after.saturating_sub(before));
        let ahead = number(before) + round / 2 - database;
        self.ms = Some(ahead);
        // The answer says when it was made only up to the time that it took.
        let is_wrong = ahead.saturating_abs() - round / 2 > MOST;
        if is_wrong && !self.is_reported {
            tracing::warn!(
                clock.ahead_ms = ahead,
                "this server's clock is not the database's: its timers and schedules are off by as much; synchronise the clocks (NTP)"
            );
        }
        if !is_wrong && self.is_reported {
            tracing::info!("this server's clock is the database's again");
        }
        self.is_reported = is_wrong;
    }
}
