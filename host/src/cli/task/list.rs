//! `stepwell task list`.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_api::{TaskCounts, TaskHead, TaskPage};

use super::act::document;
use crate::cli::exit::UsageError;
use crate::client::{Client, ClientError};
use crate::domain::clock::{Millis, parse_rfc3339, rfc3339};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::terminal::output::{Output, figures, printable, words};
use crate::terminal::units::parse_duration;

/// Tasks that are asked for at once: the most that the server gives.
const PAGE: usize = 500;
/// A list that takes no longer shows no progress.
const SOON: Duration = Duration::from_millis(300);

/// Which tasks to list.
#[derive(Debug, Args)]
pub struct TaskFilter {
    /// Only tasks in this state, or in one of these: error,waiting
    #[arg(long, value_delimiter = ',')]
    state: Vec<TaskState>,
    /// Only tasks that need attention: in error or unmatched
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
    /// Only tasks whose data matches this pattern, in the language of steps' conditions: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "PATTERN")]
    r#where: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Only tasks that came in before this one
    #[arg(long, value_name = "ID")]
    before: Option<TaskId>,
}

impl TaskFilter {
    /// How many are wanted, and what every page of them is asked for with.
    fn query(self) -> Result<(usize, Vec<(&'static str, String)>)> {
        let most = if self.all {
            usize::MAX
        } else {
            self.limit as usize
        };
        let mut query = Vec::new();
        if !self.state.is_empty() {
            let states: Vec<&str> = self.state.iter().map(|state| state.as_str()).collect();
            query.push(("state", states.join(",")));
        }
        if self.attention {
            query.push(("attention", "true".into()));
        }
        let pattern = self.r#where.as_deref().map(document).transpose();
        let pattern = pattern.map_err(|error| {
            UsageError::Value(format!(
                "--where: {error}; give a pattern such as '{{\"amount\": {{\"$gt\": 100}}}}', @FILE, or - for standard input"
            ))
        })?;
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
        Ok((most, query))
    }
}

/// Tasks, page by page, until `most` are there or the server has none before them: documents as they
/// came, or heads.
async fn pages<T: DeserializeOwned>(
    client: &Client,
    most: usize,
    query: &[(&'static str, String)],
) -> Result<(Vec<T>, Option<String>), ClientError> {
    let mut tasks = Vec::new();
    let mut query = query.to_vec();
    let mut progress = Progress::new();
    loop {
        let limit = PAGE.min(most - tasks.len());
        let asked = [&query[..], &[("limit", limit.to_string())]].concat();
        let page = client.get::<TaskPage<T>>(&["tasks"], &asked).await?;
        let page = page.read()?;
        tasks.extend(page.tasks);
        match page.next {
            Some(next) if tasks.len() < most => {
                progress.show(tasks.len(), &next);
                query.retain(|(key, _)| *key != "before");
                query.push(("before", next));
            }
            next => {
                progress.clear();
                return Ok((tasks, next));
            }
        }
    }
}

/// How far a list has come, on a terminal, in one line that is written over.
struct Progress {
    on: bool,
    begun: Instant,
    shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            on: io::stderr().is_terminal(),
            begun: Instant::now(),
            shown: false,
        }
    }

    fn show(&mut self, found: usize, next: &str) {
        if self.on && self.begun.elapsed() >= SOON {
            let back = looked_back(next);
            let _ = write!(io::stderr().lock(), "\r\x1b[Kfound {found}, looked {back}");
            self.shown = true;
        }
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// How far back in time a list has looked that goes on before `next`.
fn looked_back(next: &str) -> String {
    match next.parse::<TaskId>() {
        Ok(id) => format!("back to {}", rfc3339(id.time())),
        Err(_) => format!("as far as {}", printable(next)),
    }
}

/// Counts tasks by state.
pub async fn count(client: &Client, output: Output) -> Result<()> {
    let counted = client.get::<TaskCounts>(&["tasks", "count"], &[]).await?;
    if output.json {
        return Ok(output.document(counted.document())?);
    }
    let TaskCounts { counts, exact } = counted.read()?;
    let of = |state| match state {
        TaskState::Ready => counts.ready,
        TaskState::Waiting => counts.waiting,
        TaskState::Done => counts.done,
        TaskState::Unmatched => counts.unmatched,
        TaskState::Error => counts.error,
        TaskState::Ignored => counts.ignored,
        TaskState::Cancelled => counts.cancelled,
    };
    let rows = TaskState::ALL
        .map(|state| vec![state.as_str().to_owned(), of(state).to_string()])
        .to_vec();
    output.table(&[words("STATE"), figures("TASKS")], rows, "no tasks")?;
    if !exact {
        output.note("there are at least so many; states with 100,000 tasks or more are not counted to their end");
    }
    Ok(())
}

/// Lists tasks.
pub async fn run(client: &Client, wanted: TaskFilter, output: Output) -> Result<()> {
    let (most, query) = wanted.query()?;
    if output.json {
        let (tasks, next) = pages::<Value>(client, most, &query).await?;
        if tasks.is_empty() && next.is_none() {
            unknown_webhook(client, &query).await?;
        }
        return Ok(output.document(&json!({ "tasks": tasks, "next": next }))?);
    }
    let (tasks, next) = pages::<TaskHead>(client, most, &query).await?;
    if tasks.is_empty() && next.is_none() {
        unknown_webhook(client, &query).await?;
    }
    let rows = tasks
        .into_iter()
        .map(|task| {
            vec![
                task.id,
                task.state.to_string(),
                task.webhook.unwrap_or_default(),
                task.created,
                task.runs.to_string(),
                task.fault.or(task.name).unwrap_or_default(),
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
    let is_narrowed = query.iter().any(|(key, _)| *key != "before");
    let empty = if is_narrowed {
        "no tasks fit; all were looked at"
    } else {
        "no tasks"
    };
    output.table(&columns, rows, empty)?;
    if let Some(next) = &next {
        output.note(&format!(
            "looked {}; there may be more: the same command with --all, or with --before {}",
            looked_back(next),
            printable(next)
        ));
    }
    Ok(())
}

/// Refuses the name of a webhook that there is not: no task has come in by it. The server says so by
/// itself if one page was enough.
async fn unknown_webhook(client: &Client, query: &[(&'static str, String)]) -> Result<()> {
    // A request with `before` continues a list whose first page was checked.
    let of = |wanted: &str| query.iter().find(|(key, _)| *key == wanted);
    let (Some(_), None) = (of("webhook"), of("before")) else {
        return Ok(());
    };
    // With a limit to its age, the server looks at nothing, and says whether the webhook is there.
    let narrow = [
        (
            "webhook",
            of("webhook")
                .map(|(_, name)| name.clone())
                .unwrap_or_default(),
        ),
        ("until", rfc3339(0)),
    ];
    client.get::<TaskPage>(&["tasks"], &narrow).await?;
    Ok(())
}

/// A time of RFC 3339, or how long ago, as RFC 3339.
pub(in crate::cli) fn time(text: &str) -> Result<String, String> {
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
