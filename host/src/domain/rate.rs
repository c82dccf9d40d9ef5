//! A rate of requests: the size and the refill of a token bucket.

use std::fmt;
use std::str::FromStr;

use super::limits;

/// A token bucket: it holds `requests` tokens, takes one for each request, and is refilled evenly, by `requests` tokens in
/// `seconds`. So as many requests may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Requests: 1 to [`limits::RATE_REQUESTS`].
    pub requests: u32,
    /// Seconds: 1 to [`limits::RATE_SECONDS`].
    pub seconds: u32,
}

/// Why a rate is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not a rate.
    #[error("`{0}` is not a rate; write requests per time, e.g. 100/s, 600/m, 1000/h or 50/10s")]
    NotARate(String),
    /// A number out of its range.
    #[error(
        "{requests} requests in {seconds} s is out of range: 1 to {most} requests in 1 to {time} s",
        most = limits::RATE_REQUESTS,
        time = limits::RATE_SECONDS
    )]
    Range {
        /// The requests.
        requests: u64,
        /// The seconds.
        seconds: u64,
    },
}

impl Rate {
    /// A rate within its bounds.
    ///
    /// # Errors
    /// [`RateError::Range`].
    pub fn new(requests: u64, seconds: u64) -> Result<Self, RateError> {
        let within = |number: u64, most: u32| {
            let number = u32::try_from(number).ok();
            number.filter(|number| (1..=most).contains(number))
        };
        let rate = within(requests, limits::RATE_REQUESTS)
            .zip(within(seconds, limits::RATE_SECONDS))
            .map(|(requests, seconds)| Self { requests, seconds });
        rate.ok_or(RateError::Range { requests, seconds })
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError::NotARate(text.chars().take(40).collect());
        let (requests, time) = text.split_once('/').ok_or_else(wrong)?;
        let at = time.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = time.split_at(at);
        let count = if count.is_empty() { "1" } else { count };
        let unit: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        Self::new(number(requests)?, number(count)?.saturating_mul(unit))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
        let unit = units
            .iter()
            .find(|(of, _)| self.seconds.is_multiple_of(*of));
        let (of, unit) = unit.copied().unwrap_or((1, "s"));
        match self.seconds / of {
            1 => write!(f, "{}/{unit}", self.requests),
            count => write!(f, "{}/{count}{unit}", self.requests),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for (text, requests, seconds, again) in [
            ("100/s", 100, 1, "100/s"),
            ("600/m", 600, 60, "600/m"),
            ("1/d", 1, 86_400, "1/d"),
            ("50/10s", 50, 10, "50/10s"),
            ("5/120s", 5, 120, "5/2m"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.requests, rate.seconds), (requests, seconds));
            assert_eq!(rate.to_string(), again);
        }
        for wrong in ["", "100", "100/", "100/x", "/s", "1.5/s", "-1/s", "100/s/m"] {
            let error = wrong.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains("100/s"), "{wrong}: {error}");
        }
        for far in ["0/s", "1000001/s", "1/2d", "1/0s"] {
            let error = far.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains("1 to 1000000 requests"), "{far}: {error}");
        }
    }
}
