//! A task's timeline as people read it: what happened, what each run changed as a diff, what it
//! printed and called, what it cost. Pure: it turns the API's document into lines.

mod calls;
mod changes;
mod line;
mod notice;
mod subtasks;

use std::borrow::Cow;
use std::collections::BTreeSet;

use stepwell_api::{HistoryEntry, LogLevel, Outcome, Run, Task, TaskState};

use crate::domain::clock::parse_rfc3339;
use crate::terminal::output::{Output, Tone, printable};
use crate::terminal::units;
use calls::OpenRuns;
pub use changes::diff;
use line::{INDENT, attempt, later, time, version};

/// Lines of one log entry that a terminal shows; `--full` shows all.
const LOG_LINES: usize = 20;

fn fuel(task: &Task) -> u64 {
    task.runs
        .iter()
        .fold(0, |sum, run| sum.saturating_add(run.fuel))
}

/// Milliseconds from acceptance to the last move.
fn elapsed_ms(task: &Task) -> Option<u64> {
    parse_rfc3339(&task.updated)?.checked_sub(parse_rfc3339(&task.created)?)
}

/// The part of a task's timeline that has been shown. Showing it again gives only new lines, so that a
/// task can be followed.
#[derive(Debug, Default)]
pub struct Timeline {
    runs: BTreeSet<(u32, u32)>,
    open: OpenRuns,
    states: usize,
    ended: usize,
    opened: bool,
    closed: bool,
    /// A page is shown that is not the newest.
    is_older: bool,
}

impl Timeline {
    /// For a page that newer entries come after: it does not say how the task stands.
    pub fn older() -> Self {
        Self {
            is_older: true,
            ..Self::default()
        }
    }

    /// The lines that have not been given yet.
    pub fn news(&mut self, task: &Task, output: Output) -> Vec<String> {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.opened, true) {
            if !self.is_older || task.earlier.is_none() {
                lines.push(accepted(task, output));
            }
            lines.extend(task.earlier.map(|before| {
                let id = printable(&task.id);
                format!("{INDENT}… older entries: stepwell task log {id} --before {before}")
            }));
        }
        // The state in which the task ended has the last line to itself.
        let states = match task.history.split_last() {
            Some((last, before))
                if !self.is_older && task.state.is_final() && last.state == task.state =>
            {
                before
            }
            _ => &task.history,
        };
        let mut events: Vec<(u64, Vec<String>)> = Vec::new();
        for state in states.iter().skip(self.states) {
            if let Some(line) = moved(state, output) {
                let changes = state.changes.as_deref().unwrap_or_default();
                let changes = diff(changes, output).into_iter();
                let lines = changes.map(|change| format!("{INDENT}{change}"));
                events.push((state.seq, [line].into_iter().chain(lines).collect()));
            }
        }
        self.states = self.states.max(states.len());
        for run in &task.runs {
            if self.runs.insert((run.run, run.attempt)) {
                events.push((run.seq, run_lines(run, &self.open, output)));
            }
        }
        events.extend(self.open.news(task, output));
        for ended in task.ended_subtasks.iter().skip(self.ended) {
            events.push((ended.seq, subtasks::ended(ended, output)));
        }
        self.ended = self.ended.max(task.ended_subtasks.len());
        // In the journal's order: two events of one millisecond are cause and effect.
        events.sort_by_key(|(seq, _)| *seq);
        lines.extend(events.into_iter().flat_map(|(_, lines)| lines));
        if !self.is_older && task.state.is_final() && !std::mem::replace(&mut self.closed, true) {
            lines.push(ended(task, output));
            lines.extend(
                task.notice
                    .as_ref()
                    .map(|notice| notice::line(notice, output)),
            );
        }
        for line in &mut lines {
            if let Cow::Owned(fitting) = output.fit(line) {
                *line = fitting;
            }
        }
        lines
    }
}

fn accepted(task: &Task, output: Output) -> String {
    let by = match &task.webhook {
        Some(name) => format!("accepted by webhook {}", printable(name)),
        None => "accepted".into(),
    };
    format!("{}  {by}", time(&task.created, output))
}

fn moved(state: &HistoryEntry, output: Output) -> Option<String> {
    let reason = state.reason.as_deref().filter(|reason| !reason.is_empty());
    let reason = reason.map(printable);
    let at = time(&state.at, output);
    if state.state == TaskState::Ready {
        // Acceptance has its own line, and being ready is what every task is between two runs: of
        // that only an action is worth a line.
        let done = reason.filter(|reason| reason != "accepted")?;
        return Some(format!("{at}  {done}"));
    }
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    Some(format!(
        "{at}  {}{reason}",
        paint_state(&state.state, output)
    ))
}

fn ended(task: &Task, output: Output) -> String {
    // A run that was given up before it made a call is in no other part of the document.
    let shown: BTreeSet<u32> = task.runs.iter().map(|run| run.run).collect();
    let runs = u64::from(task.run_count).max(shown.len() as u64);
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
    let mut sums = vec![units::plural(runs, "run")];
    if !shown.is_empty() {
        sums.push(format!("{} fuel", units::count(fuel(task))));
    }
    if let Some(ms) = elapsed_ms(task) {
        sums.push(format!(
            "{} after it came in",
            units::duration_us(ms.saturating_mul(1000))
        ));
    }
    let sums = output.paint(Tone::Faint, &sums.join(", "));
    format!("{text}  {sums}")
}

fn run_lines(run: &Run, open: &OpenRuns, output: Output) -> Vec<String> {
    let attempt = attempt(run.attempt);
    let tone = match run.outcome {
        Outcome::Finished => Tone::Good,
        Outcome::Retry => Tone::Warn,
        _ => Tone::Bad,
    };
    let mut cost = format!(
        "{} fuel, {}",
        units::count(run.fuel),
        units::duration_us(run.duration_us)
    );
    if let Some(version) = version(&run.digest) {
        cost.push_str(&format!(", {version}"));
    }
    let mut lines = vec![format!(
        "{}  run {}{attempt}  {}  {}  {}",
        time(&run.at, output),
        run.run,
        output.paint(Tone::Strong, &printable(&run.step)),
        output.paint(tone, &printable(run.outcome.as_str())),
        output.paint(Tone::Faint, &cost),
    )];
    let mut push = |line: String| lines.push(format!("{INDENT}{line}"));
    for log in &run.logs {
        let tone = match log.level {
            LogLevel::Error => Tone::Bad,
            LogLevel::Warn => Tone::Warn,
            _ => Tone::Faint,
        };
        let mut label = output.paint(tone, &printable(log.level.as_str()));
        let most = if output.is_bounded() {
            LOG_LINES
        } else {
            usize::MAX
        };
        for line in log.text.split('\n').take(most) {
            push(format!("{label}  {}", printable(line)));
            label = " ".repeat(log.level.as_str().len());
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
        if !open.has_shown(run.run, run.attempt, call.call) {
            push(calls::line(call, output));
        }
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
        push(subtasks::made(made));
    }
    if !run.alternatives.is_empty() {
        let names = run.alternatives.join(", ");
        push(output.paint(Tone::Faint, &format!("also matched  {}", printable(&names))));
    }
    lines
}

/// A state's word in its colour.
pub fn paint_state(state: &TaskState, output: Output) -> String {
    let tone = match state {
        TaskState::Done => Tone::Good,
        TaskState::Error => Tone::Bad,
        TaskState::Ready | TaskState::Waiting | TaskState::Unmatched => Tone::Warn,
        _ => Tone::Faint,
    };
    output.paint(tone, &printable(state.as_str()))
}

#[cfg(test)]
mod tests;
