//! Flags for how much of the audit log is kept.

use clap::Args;

use crate::domain::audit::AuditBounds;

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Changes that each audit log keeps: one of each workspace, one of the server
    #[arg(long, value_name = "N", value_parser = parse_entries)]
    audit_entries: Option<usize>,
    /// Refused requests that each audit log keeps beside them
    #[arg(long, value_name = "N", value_parser = parse_entries)]
    audit_refused: Option<usize>,
    /// Days after which an entry of an audit log is removed
    #[arg(long, value_name = "DAYS", value_parser = parse_days)]
    audit_days: Option<u32>,
}

impl AuditArgs {
    pub(super) fn set(&self, bounds: &mut AuditBounds) {
        bounds.done = self.audit_entries.unwrap_or(bounds.done);
        bounds.refused = self.audit_refused.unwrap_or(bounds.refused);
        bounds.days = self.audit_days.unwrap_or(bounds.days);
    }
}

/// The range of `--audit-entries`: the smallest log still holds a burst of changes, the largest is still read quickly when
/// an entry is added.
const ENTRIES: std::ops::RangeInclusive<usize> = 1_000..=1_000_000;

fn parse_entries(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| ENTRIES.contains(number));
    let (least, most) = (ENTRIES.start(), ENTRIES.end());
    number.ok_or_else(|| format!("it must be a whole number from {least} to {most}"))
}

/// A hundred years; a larger number is in the wrong unit.
const MOST_DAYS: u32 = 36_500;

fn parse_days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok();
    let days = days.filter(|days| (1..=MOST_DAYS).contains(days));
    days.ok_or_else(|| format!("it must be a whole number of days from 1 to {MOST_DAYS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_cannot_be_says_what_would_be_right() {
        for text in ["999", "1000001", "-1", "many"] {
            let wrong = parse_entries(text).unwrap_err();
            assert!(wrong.contains("from 1000 to 1000000"), "{text}: {wrong}");
        }
        for text in ["0", "36501", "1d"] {
            let wrong = parse_days(text).unwrap_err();
            assert!(wrong.contains("from 1 to 36500"), "{text}: {wrong}");
        }
        assert_eq!((parse_entries("1000"), parse_days("1")), (Ok(1_000), Ok(1)));
    }
}
