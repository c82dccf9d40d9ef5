//! The flags that set a step's limits and retry policy.

use std::time::Duration;

use clap::{Args, value_parser};
use stepwell_api::{LimitsChange, Retry, RetryChange, StepChange};

use crate::domain::step::RetryPolicy;
use crate::terminal::units::{self, parse_count, parse_duration, parse_size};

/// The limits of one run, and when it is tried again; options that are not given keep their values, or the defaults.
#[derive(Debug, Default, Args)]
pub struct TuningArgs {
    /// Fuel of one run, about one per Wasm instruction, e.g. 1000000000 or 1G
    #[arg(long, value_parser = parse_count)]
    fuel: Option<u64>,
    /// Memory of one run, e.g. 64MiB
    #[arg(long, value_parser = parse_size, value_name = "SIZE")]
    memory: Option<u64>,
    /// Time of one run, connector calls included, e.g. 500ms or 2m; at most 10m
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    timeout: Option<Duration>,
    /// Attempts of a run in all, the first included; 1 never tries again
    #[arg(long, value_parser = value_parser!(u32).range(bounds(RetryPolicy::LEAST.attempts, RetryPolicy::MOST.attempts)))]
    attempts: Option<u32>,
    /// The longest delay before the second attempt, e.g. 2s; each delay is a random share of it
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    first_delay: Option<Duration>,
    /// By how much that grows with each attempt
    #[arg(long, value_parser = value_parser!(u32).range(bounds(RetryPolicy::LEAST.factor, RetryPolicy::MOST.factor)))]
    factor: Option<u32>,
    /// Past which it does not grow, e.g. 1h
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    max_delay: Option<Duration>,
}

fn bounds(least: u32, most: u32) -> std::ops::RangeInclusive<i64> {
    i64::from(least)..=i64::from(most)
}

fn ms(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| duration.as_millis() as u64)
}

impl TuningArgs {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.query().is_empty()
    }

    /// As an upload's query has it.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("fuel", self.fuel),
            ("memory", self.memory),
            ("timeout_ms", ms(self.timeout)),
            ("attempts", self.attempts.map(u64::from)),
            ("first_ms", ms(self.first_delay)),
            ("factor", self.factor.map(u64::from)),
            ("cap_ms", ms(self.max_delay)),
        ];
        all.into_iter()
            .filter_map(|(key, value)| Some((key, value?.to_string())))
            .collect()
    }

    /// As a change's body has it.
    pub fn patch(&self) -> StepChange {
        StepChange {
            limits: LimitsChange {
                fuel: self.fuel,
                memory: self.memory,
                timeout_ms: ms(self.timeout),
            },
            retry: RetryChange {
                attempts: self.attempts,
                first_ms: ms(self.first_delay),
                factor: self.factor,
                cap_ms: ms(self.max_delay),
            },
        }
    }
}

/// A retry policy in one line.
pub fn policy(retry: &Retry) -> String {
    let delay = |ms: u64| units::duration_us(ms.saturating_mul(1000));
    match retry.attempts {
        0 | 1 => "never; one attempt".to_owned(),
        attempts => format!(
            "{attempts} attempts in all, delays up to {}, × {}, at most {}",
            delay(retry.first_ms),
            retry.factor,
            delay(retry.cap_ms)
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_given_is_sent() {
        let none = TuningArgs::default();
        assert!(none.is_empty() && none.query().is_empty());
        let some = TuningArgs {
            fuel: Some(5),
            timeout: Some(Duration::from_millis(1500)),
            attempts: Some(9),
            max_delay: Some(Duration::from_secs(60)),
            ..TuningArgs::default()
        };
        let text = |key, value: &str| (key, value.to_owned());
        assert_eq!(
            some.query(),
            [
                text("fuel", "5"),
                text("timeout_ms", "1500"),
                text("attempts", "9"),
                text("cap_ms", "60000")
            ]
        );
        assert_eq!(
            serde_json::to_value(some.patch()).unwrap(),
            json!({"limits": {"fuel": 5, "timeout_ms": 1500}, "retry": {"attempts": 9, "cap_ms": 60_000}})
        );
    }

    #[test]
    fn a_policy_for_people() {
        let usual = Retry {
            attempts: 3,
            first_ms: 1000,
            factor: 2,
            cap_ms: 3_600_000,
        };
        assert_eq!(
            policy(&usual),
            "3 attempts in all, delays up to 1 s, × 2, at most 60 m"
        );
        let once = Retry {
            attempts: 1,
            ..usual
        };
        assert_eq!(policy(&once), "never; one attempt");
    }
}
