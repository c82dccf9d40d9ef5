//! How long finished tasks are kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::clock::Millis;
use super::limits;
use super::task::{TaskHead, TaskState};

/// Milliseconds of a day.
pub const DAY: Millis = 24 * 3_600_000;

/// For how long something is kept. In JSON a number of days, or `"forever"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// So many days, 1 to [`limits::RETENTION_DAYS`].
    Days(u32),
    /// Without an end.
    Forever,
}

/// A text or number that is no [`Period`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time to keep tasks for: give 1 to {max} days, or `forever`",
    max = limits::RETENTION_DAYS
)]
pub struct PeriodError(String);

impl Period {
    /// So many days.
    ///
    /// # Errors
    /// [`PeriodError`] for none, or more than [`limits::RETENTION_DAYS`].
    pub fn days(days: u64) -> Result<Self, PeriodError> {
        match u32::try_from(days) {
            Ok(days @ 1..=limits::RETENTION_DAYS) => Ok(Self::Days(days)),
            _ => Err(PeriodError(days.to_string())),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.pad("1 day"),
            Self::Days(days) => f.pad(&format!("{days} days")),
            Self::Forever => f.pad("forever"),
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let short = || PeriodError(text.chars().take(40).collect());
        text.parse()
            .map_err(|_| short())
            .and_then(|days| Self::days(days).map_err(|_| short()))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Days(days) => serializer.serialize_u32(*days),
            Self::Forever => serializer.serialize_str("forever"),
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number of days, or `forever`")]
        enum Given {
            Days(u64),
            Word(String),
        }
        let period = match Given::deserialize(deserializer)? {
            Given::Days(days) => Self::days(days),
            Given::Word(word) => word.parse(),
        };
        period.map_err(serde::de::Error::custom)
    }
}

/// How long a workspace's tasks are kept after they were last changed. Only those at their end
/// ([`TaskState::is_final`]) ever go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How long done tasks are kept.
    pub done: Period,
    /// How long the others are kept: error, unmatched, ignored, cancelled.
    pub others: Period,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            done: Period::Days(limits::DONE_DAYS),
            others: Period::Days(limits::OTHERS_DAYS),
        }
    }
}

impl Retention {
    /// A task in `state` that was last changed at this time or before is kept no longer at `now`;
    /// none if it is kept for ever.
    pub fn cut(&self, state: TaskState, now: Millis) -> Option<Millis> {
        let period = match state {
            state if !state.is_final() => return None,
            TaskState::Done => self.done,
            _ => self.others,
        };
        match period {
            Period::Days(days) => now.checked_sub(Millis::from(days) * DAY),
            Period::Forever => None,
        }
    }

    /// Whether a task's time is over, if no other task needs it.
    pub fn is_over(&self, head: &TaskHead, now: Millis) -> bool {
        !head.kept && (self.cut(head.state(), now)).is_some_and(|cut| head.updated <= cut)
    }
}

/// Whether `parent` still needs the subtask `head`: it has to take its result up.
pub fn is_needed(parent: &TaskHead, head: &TaskHead) -> bool {
    !parent.state().is_final() || parent.children.iter().any(|child| child.id == head.id)
}

#[cfg(test)]
mod tests {
    use super::super::ids::TaskId;
    use super::*;

    #[test]
    fn a_period_is_a_number_of_days_or_forever() {
        for (text, period) in [
            ("1", Period::Days(1)),
            ("36500", Period::Days(36_500)),
            ("forever", Period::Forever),
        ] {
            assert_eq!(text.parse(), Ok(period));
            let json = serde_json::to_string(&period).unwrap();
            assert_eq!(json.trim_matches('"'), text);
            assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
        }
        for wrong in [
            "0",
            "36501",
            "-1",
            "1.5",
            "\"x\"",
            "null",
            "\"Forever\"",
            "\"30d\"",
        ] {
            let error = serde_json::from_str::<Period>(wrong).unwrap_err();
            assert!(error.to_string().contains("days, or `forever`"), "{error}");
        }
        assert!("30 d".parse::<Period>().is_err());
        assert_eq!(Period::Days(1).to_string(), "1 day");
    }

    #[test]
    fn only_what_is_at_its_end_and_not_kept_goes() {
        let retention = Retention::default();
        for state in TaskState::ALL {
            let mut head = TaskHead {
                standing: state.into(),
                updated: 5,
                ..TaskHead::new(TaskId::MIN, "w".parse().unwrap(), 1)
            };
            let days = match state {
                TaskState::Ready | TaskState::Waiting => u64::MAX / DAY,
                TaskState::Done => 30,
                _ => 90,
            };
            let end = 5 + days.min(100_000) * DAY;
            assert!(!retention.is_over(&head, end - 1), "{state}");
            assert_eq!(retention.is_over(&head, end), state.is_final());
            head.kept = true;
            assert!(!retention.is_over(&head, u64::MAX));
            head.kept = false;
            let forever = Retention {
                done: Period::Forever,
                others: Period::Forever,
            };
            assert!(!forever.is_over(&head, u64::MAX));
            assert!(!retention.is_over(&head, 3), "a clock that was set back");
        }
    }
}
