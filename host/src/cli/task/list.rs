//! `stepwell task list`.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::act::document;
use crate::cli::client::Client;
use crate::cli::output::{Output, figures, printable, words};
use crate::cli::units::parse_duration;
use crate::cli::{member, text};
use crate::domain::clock::{Millis, parse_rfc3339, rfc3339};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;

/// Which tasks to list.
#[derive(Debug, Args)]
pub struct Wanted {
    /// Only tasks in this state, or in one of these: error,waiting
    #[arg(long, value_delimiter = ',')]
    state: Vec<TaskState>,
    /// Only tasks that somebody has to look at: in error or unmatched
    #[arg(long, conflicts_with = "state")]
    attention: bool,
    /// Only tasks with this name
    #[arg(long)]
    name: Option<String>,
    /// Only tasks with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only tasks that came in by this webhook
    #[arg(long, value_name = "NAME")]
    webhook: Option<String>,
    /// Only tasks that came in at this time or later: 2h or 1d ago, 2026-11-23, or 2026-11-23T14:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Only tasks that came in at this time or earlier
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// Only tasks whose data matches this pattern, in the language of steps' conditions: JSON, @FILE, or -
    #[arg(long, value_name = "PATTERN")]
    r#where: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only tasks that came in before this one
    #[arg(long, value_name = "ID")]
    before: Option<TaskId>,
}

impl Wanted {
    fn query(self) -> Result<Vec<(&'static str, String)>> {
        let mut query = vec![("limit", self.limit.to_string())];
        if !self.state.is_empty() {
            let states: Vec<&str> = self.state.iter().map(|state| state.as_str()).collect();
            query.push(("state", states.join(",")));
        }
        if self.attention {
            query.push(("attention", "true".into()));
        }
        let pattern = self.r#where.as_deref().map(document).transpose()?;
        let given = [
            ("name", self.name),
            ("tag", self.tag),
            ("webhook", self.webhook),
            ("since", self.since),
            ("until", self.until),
            ("where", pattern.map(|pattern| pattern.to_string())),
            ("before", self.before.map(|before| before.to_string())),
        ];
        query.extend(
            given
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        Ok(query)
    }
}

/// Lists tasks.
pub async fn run(client: &Client, wanted: Wanted, output: Output) -> Result<()> {
    let page = client.get(&["tasks"], &wanted.query()?).await?;
    if output.json {
        return Ok(output.document(&page)?);
    }
    let rows = member(&page, "tasks")
        .map(|task| {
            let runs = task.get("runs").map(Value::to_string).unwrap_or_default();
            let what = match task.get("fault").and_then(Value::as_str) {
                Some(fault) => fault,
                None => text(task, "name"),
            };
            vec![
                text(task, "id").to_owned(),
                text(task, "state").to_owned(),
                text(task, "webhook").to_owned(),
                text(task, "created").to_owned(),
                runs,
                what.to_owned(),
            ]
        })
        .collect();
    let columns = [
        words("ID"),
        words("STATE"),
        words("WEBHOOK"),
        words("CREATED"),
        figures("RUNS"),
        words("NAME OR FAULT"),
    ];
    output.table(&columns, rows, "no tasks")?;
    if let Some(next) = page.get("next").and_then(Value::as_str) {
        output.note(&format!(
            "there may be more: the same command with --before {}",
            printable(next)
        ));
    }
    Ok(())
}

fn time(text: &str) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    time_at(text, now.map_or(0, |now| now.as_millis() as Millis))
}

/// A time of RFC 3339, or how long ago, as RFC 3339.
fn time_at(text: &str, now: Millis) -> Result<String, String> {
    if let Ok(ago) = parse_duration(text) {
        let ago = Millis::try_from(ago.as_millis()).unwrap_or(Millis::MAX);
        return Ok(rfc3339(now.saturating_sub(ago)));
    }
    // A day alone begins at midnight UTC, as the times do that are shown.
    let day = format!("{text}T00:00:00Z");
    let time = parse_rfc3339(text).or_else(|| parse_rfc3339(&day));
    time.map(rfc3339).ok_or_else(|| {
        "give how long ago, e.g. 2h or 1d, a day, e.g. 2026-11-23, or a time of RFC 3339, e.g. 2026-11-23T14:00:00Z".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ago_or_exact() {
        let now = 1_764_000_000_120;
        assert_eq!(time_at("2h", now).unwrap(), "2025-11-24T14:00:00.120Z");
        assert_eq!(
            time_at("2025-11-24T17:00:00+01:00", now).unwrap(),
            "2025-11-24T16:00:00.000Z"
        );
        assert_eq!(
            time_at("1000000h", now).unwrap(),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(time_at("1d", now).unwrap(), "2025-11-23T16:00:00.120Z");
        for (day, midnight) in [
            ("2025-11-24", "2025-11-24T00:00:00.000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(time_at(day, now).unwrap(), midnight);
        }
        for wrong in [
            "",
            "2",
            "yesterday",
            "-2h",
            "2025-11",
            "2025-02-29",
            "2025-13-01",
            "24.11.2025",
            "2025-11-24T",
        ] {
            assert!(time_at(wrong, now).unwrap_err().contains("2h"), "{wrong}");
        }
    }
}
