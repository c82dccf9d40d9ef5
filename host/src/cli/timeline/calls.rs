//! Connector calls on a timeline: those of a run that has ended, and those of one that has not, or that was
//! given up.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_api::{Call, OpenCall, Task, TaskState};

use super::line::{INDENT, attempt, later, time, version};
use crate::terminal::output::{Output, Tone, printable};
use crate::terminal::units;

/// Columns that a call's line has beside its request: the indent, the word, the status, the time.
const BESIDE_REQUEST: usize = 38;

/// The line of a call, without its indent.
pub(super) fn line(call: &Call, output: Output) -> String {
    let came = match (&call.error, call.status) {
        (Some(error), _) => output.paint(Tone::Bad, &printable(error)),
        (None, Some(status)) => status.to_string(),
        // A pause, or an operation of a connector.
        (None, None) => "done".into(),
    };
    let took = output.paint(Tone::Faint, &units::duration_us(call.duration_us));
    let request = printable(&call.request);
    let request = output.fit_beside(&request, BESIDE_REQUEST);
    format!("call  {request}  {came}  {took}")
}

/// Why a run has calls in the journal and no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenRunState {
    UnderWay,
    Paused,
    GivenUp,
}

/// Calls of runs that have not ended, as far as they have been shown.
#[derive(Debug, Default)]
pub(super) struct OpenRuns {
    calls: BTreeSet<(u32, u32, u32)>,
    runs: BTreeMap<(u32, u32), OpenRunState>,
}

impl OpenRuns {
    /// Whether a call of a run has been shown before the run ended.
    pub(super) fn has_shown(&self, run: u32, attempt: u32, call: u32) -> bool {
        self.calls.contains(&(run, attempt, call))
    }

    /// The lines of each run's calls that have not been given yet, with their place in the journal.
    pub(super) fn news(&mut self, task: &Task, output: Output) -> Vec<(u64, Vec<String>)> {
        let mut runs: BTreeMap<(u32, u32), Vec<&OpenCall>> = BTreeMap::new();
        for call in &task.calls_under_way {
            runs.entry((call.run, call.attempt)).or_default().push(call);
        }
        let mut events = Vec::new();
        for (run, calls) in runs {
            let state = open_run_state(task, &calls);
            let shown = self.runs.insert(run, state);
            let mut new = calls
                .iter()
                .filter(|call| self.calls.insert((run.0, run.1, call.call)))
                .peekable();
            let seq = match new.peek() {
                Some(first) => first.seq,
                None => calls.last().map_or(0, |call| call.seq),
            };
            let mut lines = Vec::new();
            if shown != Some(state) {
                lines.extend(calls.first().map(|call| heading(call, state, task, output)));
            }
            lines.extend(new.map(|call| format!("{INDENT}{}", line(&closed(call), output))));
            if !lines.is_empty() {
                events.push((seq, lines));
            }
        }
        events
    }
}

/// A run whose calls are not the last in the journal is over, and one of a task at its end.
fn open_run_state(task: &Task, calls: &[&OpenCall]) -> OpenRunState {
    let last = calls.iter().map(|call| call.seq).max().unwrap_or_default();
    let is_followed = task.runs.iter().any(|run| run.seq > last)
        || task.history.iter().any(|moved| moved.seq > last)
        || task.ended_subtasks.iter().any(|ended| ended.seq > last);
    match task.state {
        _ if is_followed || task.state.is_final() => OpenRunState::GivenUp,
        TaskState::Waiting => OpenRunState::Paused,
        _ => OpenRunState::UnderWay,
    }
}

fn heading(call: &OpenCall, state: OpenRunState, task: &Task, output: Output) -> String {
    let (tone, word) = match (state, &task.wake_at) {
        (OpenRunState::UnderWay, _) => (Tone::Faint, "under way".to_owned()),
        (OpenRunState::Paused, Some(at)) => (
            Tone::Warn,
            format!("paused until {}", later(at, &task.updated)),
        ),
        (OpenRunState::Paused, None) => (Tone::Warn, "paused".to_owned()),
        (OpenRunState::GivenUp, _) => (Tone::Bad, "given up".to_owned()),
    };
    format!(
        "{}  run {}{}  {}  {}{}",
        time(&call.at, output),
        call.run,
        attempt(call.attempt),
        output.paint(Tone::Strong, &printable(&call.step)),
        output.paint(tone, &word),
        version(&call.digest).map_or(String::new(), |version| {
            format!("  {}", output.paint(Tone::Faint, &version))
        }),
    )
}

fn closed(call: &OpenCall) -> Call {
    Call {
        call: call.call,
        request: call.request.clone(),
        status: call.status,
        error: call.error.clone(),
        duration_us: call.duration_us,
        at: call.at.clone(),
    }
}
