//! A task's timeline as people read it: what happened, what each run changed as a diff, what it
//! printed and called, what it cost. Pure: it turns the API's document into lines.

mod changes;
mod line;
mod notice;
mod subtasks;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::clock::parse_rfc3339;
use crate::terminal::output::{Output, Tone, printable};
use crate::terminal::units;
pub use changes::{ChangeView, diff};
use line::{INDENT, later, time};
use notice::{NoticeView, told};
use subtasks::{EndedView, SubtaskView};

/// Lines of one log entry that a terminal shows; `--full` shows all.
const LOG_LINES: usize = 20;
/// Columns that a call's line has beside its request: the indent, the word, the status, the time.
const BESIDE_REQUEST: usize = 38;
/// How much of a step's digest names its version: what `step versions` shows.
const DIGEST: usize = 12;
/// A task as the API gives it, as far as a timeline shows it.
#[derive(Debug, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The webhook it came in by.
    #[serde(default)]
    pub webhook: Option<String>,
    /// When it was accepted, RFC 3339.
    pub created: String,
    /// When it last moved, RFC 3339.
    pub updated: String,
    /// When it goes on, if it waits.
    #[serde(default)]
    pub wake_at: Option<String>,
    /// Why it is in `error`.
    #[serde(default)]
    pub fault: Option<String>,
    /// What it was completed with.
    #[serde(default)]
    pub result: Option<Value>,
    /// Its data.
    #[serde(default)]
    pub data: Value,
    /// Its runs, every attempt.
    #[serde(default)]
    pub runs: Vec<RunView>,
    /// Its changes of state.
    #[serde(default)]
    pub history: Vec<StateView>,
    /// Results of its subtasks.
    #[serde(default)]
    pub ended_subtasks: Vec<EndedView>,
    /// Whether it is kept for ever.
    #[serde(default)]
    pub kept: bool,
    /// Whether somebody was told of its failure.
    #[serde(default)]
    pub notice: Option<NoticeView>,
}

/// One attempt of one run.
#[derive(Debug, Deserialize)]
pub struct RunView {
    #[serde(default)]
    seq: u64,
    run: u64,
    attempt: u64,
    step: String,
    #[serde(default)]
    digest: String,
    at: String,
    outcome: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    fuel: u64,
    #[serde(default)]
    duration_us: u64,
    #[serde(default)]
    changes: Vec<ChangeView>,
    #[serde(default)]
    logs: Vec<LogView>,
    #[serde(default)]
    alternatives: Vec<String>,
    #[serde(default)]
    retry_at: Option<String>,
    #[serde(default)]
    parked_until: Option<String>,
    #[serde(default)]
    subtasks: Vec<SubtaskView>,
    #[serde(default)]
    calls: Vec<CallView>,
}

#[derive(Debug, Deserialize)]
struct LogView {
    level: String,
    text: String,
}

#[derive(Debug, Deserialize)]
struct CallView {
    request: String,
    #[serde(default)]
    status: Option<u64>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    duration_us: u64,
}

/// A change of state.
#[derive(Debug, Deserialize)]
pub struct StateView {
    #[serde(default)]
    seq: u64,
    at: String,
    state: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    changes: Vec<ChangeView>,
}

impl TaskView {
    /// Whether nothing will happen to it by itself any more.
    pub fn is_final(&self) -> bool {
        !matches!(self.state.as_str(), "ready" | "waiting")
    }

    fn fuel(&self) -> u64 {
        self.runs
            .iter()
            .fold(0, |sum, run| sum.saturating_add(run.fuel))
    }

    /// Milliseconds from acceptance to the last move.
    fn elapsed_ms(&self) -> Option<u64> {
        parse_rfc3339(&self.updated)?.checked_sub(parse_rfc3339(&self.created)?)
    }
}

/// What has been shown of a task's timeline. Showing it again gives only what is new, so that a
/// task can be followed.
#[derive(Debug, Default)]
pub struct Timeline {
    runs: BTreeSet<(u64, u64)>,
    states: usize,
    ended: usize,
    opened: bool,
    closed: bool,
}

impl Timeline {
    /// The lines that have not been given yet.
    pub fn news(&mut self, task: &TaskView, output: Output) -> Vec<String> {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.opened, true) {
            lines.push(accepted(task, output));
        }
        // The state in which the task ended has the last line to itself.
        let states = match task.history.split_last() {
            Some((last, before)) if task.is_final() && last.state == task.state => before,
            _ => &task.history,
        };
        let mut events: Vec<(u64, Vec<String>)> = Vec::new();
        for state in states.iter().skip(self.states) {
            if let Some(line) = moved(state, output) {
                let changes = diff(&state.changes, output).into_iter();
                let lines = changes.map(|change| format!("{INDENT}{change}"));
                events.push((state.seq, [line].into_iter().chain(lines).collect()));
            }
        }
        self.states = self.states.max(states.len());
        for run in &task.runs {
            if self.runs.insert((run.run, run.attempt)) {
                events.push((run.seq, run_lines(run, output)));
            }
        }
        for ended in task.ended_subtasks.iter().skip(self.ended) {
            events.push((ended.seq, ended.lines(output)));
        }
        self.ended = self.ended.max(task.ended_subtasks.len());
        // In the journal's order: two events of one millisecond are cause and effect.
        events.sort_by_key(|(seq, _)| *seq);
        lines.extend(events.into_iter().flat_map(|(_, lines)| lines));
        if task.is_final() && !std::mem::replace(&mut self.closed, true) {
            lines.push(ended(task, output));
            lines.extend(task.notice.as_ref().map(|notice| told(notice, output)));
        }
        for line in &mut lines {
            if let Cow::Owned(fitting) = output.fit(line) {
                *line = fitting;
            }
        }
        lines
    }
}

fn accepted(task: &TaskView, output: Output) -> String {
    let by = match &task.webhook {
        Some(name) => format!("accepted by webhook {}", printable(name)),
        None => "accepted".into(),
    };
    format!("{}  {by}", time(&task.created, output))
}

fn moved(state: &StateView, output: Output) -> Option<String> {
    let reason = state.reason.as_deref().filter(|reason| !reason.is_empty());
    let reason = reason.map(printable);
    let at = time(&state.at, output);
    if state.state == "ready" {
        // Acceptance has its own line, and being ready is what every task is between two runs: of
        // that only what somebody did is worth a line.
        let done = reason.filter(|reason| reason != "accepted")?;
        return Some(format!("{at}  {done}"));
    }
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    Some(format!(
        "{at}  {}{reason}",
        paint_state(&state.state, output)
    ))
}

fn ended(task: &TaskView, output: Output) -> String {
    let runs: BTreeSet<u64> = task.runs.iter().map(|run| run.run).collect();
    let (at, state) = (
        time(&task.updated, output),
        paint_state(&task.state, output),
    );
    let mut text = format!("{at}  {state}");
    let last = task.history.last().filter(|last| last.state == task.state);
    let reason = task
        .fault
        .as_deref()
        .or_else(|| last.and_then(|last| last.reason.as_deref()))
        .filter(|reason| !reason.is_empty());
    if let Some(reason) = reason {
        // The rest stands with the run.
        let first = reason.lines().next().unwrap_or_default();
        text.push_str(&format!(": {}", printable(first)));
    }
    let mut sums = vec![units::plural(runs.len() as u64, "run")];
    if !runs.is_empty() {
        sums.push(format!("{} fuel", units::count(task.fuel())));
    }
    if let Some(ms) = task.elapsed_ms() {
        sums.push(format!(
            "{} after it came in",
            units::duration_us(ms.saturating_mul(1000))
        ));
    }
    let sums = output.paint(Tone::Faint, &sums.join(", "));
    format!("{text}  {sums}")
}

fn run_lines(run: &RunView, output: Output) -> Vec<String> {
    let attempt = match run.attempt {
        0 | 1 => String::new(),
        n => format!(" (attempt {n})"),
    };
    let tone = match run.outcome.as_str() {
        "finished" => Tone::Good,
        "retry" => Tone::Warn,
        _ => Tone::Bad,
    };
    let mut cost = format!(
        "{} fuel, {}",
        units::count(run.fuel),
        units::duration_us(run.duration_us)
    );
    if !run.digest.is_empty() {
        let version: String = run.digest.chars().take(DIGEST).collect();
        cost.push_str(&format!(", version {}", printable(&version)));
    }
    let mut lines = vec![format!(
        "{}  run {}{attempt}  {}  {}  {}",
        time(&run.at, output),
        run.run,
        output.paint(Tone::Strong, &printable(&run.step)),
        output.paint(tone, &printable(&run.outcome)),
        output.paint(Tone::Faint, &cost),
    )];
    let mut push = |line: String| lines.push(format!("{INDENT}{line}"));
    for log in &run.logs {
        let tone = match log.level.as_str() {
            "error" => Tone::Bad,
            "warn" => Tone::Warn,
            _ => Tone::Faint,
        };
        let mut label = output.paint(tone, &printable(&log.level));
        let most = if output.is_bounded() {
            LOG_LINES
        } else {
            usize::MAX
        };
        for line in log.text.split('\n').take(most) {
            push(format!("{label}  {}", printable(line)));
            label = " ".repeat(log.level.len());
        }
        let hidden = log.text.split('\n').count().saturating_sub(most);
        if hidden > 0 {
            push(format!(
                "{label}  … and {}; `--full` has them all",
                units::plural(hidden as u64, "line")
            ));
        }
    }
    for call in &run.calls {
        let came = match (&call.error, call.status) {
            (Some(error), _) => output.paint(Tone::Bad, &printable(error)),
            (None, Some(status)) => status.to_string(),
            // A pause, or an operation of a connector.
            (None, None) => "done".into(),
        };
        let took = output.paint(Tone::Faint, &units::duration_us(call.duration_us));
        let request = printable(&call.request);
        let request = output.fit_beside(&request, BESIDE_REQUEST);
        push(format!("call  {request}  {came}  {took}"));
    }
    if let Some(error) = &run.error {
        // A script's error has several: the place, the line with a caret, the stack.
        let mut label = output.paint(tone, "failed");
        for line in error.lines() {
            push(format!("{label}  {}", printable(line)));
            label = "      ".into();
        }
    }
    for line in diff(&run.changes, output) {
        push(line);
    }
    if let Some(at) = &run.retry_at {
        push(format!("next attempt at {}", later(at, &run.at)));
    }
    if let Some(at) = &run.parked_until {
        push(format!("parked until {}", later(at, &run.at)));
    }
    for made in &run.subtasks {
        push(made.line());
    }
    if !run.alternatives.is_empty() {
        let names = run.alternatives.join(", ");
        push(output.paint(Tone::Faint, &format!("also matched  {}", printable(&names))));
    }
    lines
}

/// A state's word in its colour.
pub fn paint_state(state: &str, output: Output) -> String {
    let tone = match state {
        "done" => Tone::Good,
        "error" => Tone::Bad,
        "ready" | "waiting" | "unmatched" => Tone::Warn,
        _ => Tone::Faint,
    };
    output.paint(tone, &printable(state))
}

#[cfg(test)]
mod tests;
