//! When a request was signed, and whether that is recent.

use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::refused::Refused;

/// Where a request says when it was signed, and which age is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// Where it stands. It must be signed: see [`Scheme::check`](crate::Scheme::check).
    pub at: Place,
    /// What it counts.
    #[serde(default)]
    pub unit: Unit,
    /// The greatest age in seconds. 300 unless it is given: what most providers' libraries allow.
    #[serde(default = "tolerance")]
    pub tolerance_seconds: u32,
    /// How far ahead of this server's clock it may be, in seconds. 60 unless it is given: enough for
    /// clocks that differ, too little to store a request for later.
    #[serde(default = "ahead")]
    pub ahead_seconds: u32,
}

/// What a timestamp counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds since 1970, in digits.
    #[default]
    Seconds,
    /// Milliseconds since 1970, in digits.
    Milliseconds,
    /// A date and time with an offset, as RFC 3339 writes it.
    Rfc3339,
}

const fn tolerance() -> u32 {
    300
}

const fn ahead() -> u32 {
    60
}

impl Unit {
    /// Milliseconds since 1970. Wide, so that no number of seconds overflows it.
    fn read(self, text: &str) -> Option<i128> {
        if self == Self::Rfc3339 {
            return text
                .parse::<jiff::Timestamp>()
                .ok()
                .map(|time| i128::from(time.as_millisecond()));
        }
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let count = i128::from(text.parse::<u64>().ok()?);
        Some(if self == Self::Seconds {
            count * 1000
        } else {
            count
        })
    }

    pub(crate) fn write(self, now_ms: i64) -> Option<String> {
        match self {
            Self::Seconds => Some(now_ms.div_euclid(1000).to_string()),
            Self::Milliseconds => Some(now_ms.to_string()),
            Self::Rfc3339 => jiff::Timestamp::from_millisecond(now_ms)
                .ok()
                .map(|time| time.to_string()),
        }
    }
}

impl Timestamp {
    /// The time in milliseconds since 1970, if it is recent.
    pub(crate) fn check(&self, text: &str, now_ms: i64) -> Result<i64, Refused> {
        let place = self.at.to_string();
        let Some(time) = self.unit.read(text) else {
            return Err(Refused::TimestampMalformed { place });
        };
        let age = i128::from(now_ms) - time;
        if age > i128::from(self.tolerance_seconds) * 1000 {
            return Err(Refused::TimestampTooOld {
                place,
                tolerance_seconds: self.tolerance_seconds,
            });
        }
        if -age > i128::from(self.ahead_seconds) * 1000 {
            return Err(Refused::TimestampInFuture {
                place,
                ahead_seconds: self.ahead_seconds,
            });
        }
        i64::try_from(time).map_err(|_| Refused::TimestampMalformed { place })
    }
}
