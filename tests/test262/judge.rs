//! Whether a run ended as its test must.

use serde::Serialize;
use stepwell::domain::run::{RunDirective, RunEnd, RunOutcome, RunOutput, StepFault};

use super::front::Front;
use super::plan::Mode;

/// What came of one run of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It ended as it must.
    Passed,
    /// It ended in another way.
    Failed(String),
    /// The sandbox ended it at a limit or a trap: the engine's fault, contained.
    Contained(String),
    /// The host could not run it. There must be none.
    HostFault(String),
}

/// What came of a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileResult {
    /// It was run, in these modes.
    Run(Vec<(Mode, Verdict)>),
    /// It asks for this, which a step does not have.
    NotApplicable(&'static str),
}

impl FileResult {
    /// A file that could not even be read as a test.
    pub fn failed(why: String) -> Self {
        Self::Run(vec![(Mode::Raw, Verdict::Failed(why))])
    }

    /// The worst of its runs; `None` if it is not applicable.
    pub fn worst(&self) -> Option<(Mode, &Verdict)> {
        let Self::Run(runs) = self else {
            return None;
        };
        let weight = |verdict: &Verdict| match verdict {
            Verdict::Passed => 0,
            Verdict::Failed(_) => 1,
            Verdict::Contained(_) => 2,
            Verdict::HostFault(_) => 3,
        };
        let runs = runs.iter().map(|(mode, verdict)| (*mode, verdict));
        runs.rev().max_by_key(|(_, verdict)| weight(verdict))
    }

    /// Prints what is no pass.
    pub fn print(&self, file: &str) {
        match self {
            Self::NotApplicable(what) => println!("n/a {file}: {what}"),
            Self::Run(runs) => {
                for (mode, verdict) in runs {
                    match verdict {
                        Verdict::Passed => {}
                        Verdict::Failed(why) => println!("failed {file} ({mode:?}): {why}"),
                        Verdict::Contained(why) => println!("contained {file} ({mode:?}): {why}"),
                        Verdict::HostFault(why) => println!("HOST {file} ({mode:?}): {why}"),
                    }
                }
            }
        }
    }
}

/// Whether a run ended as its test must.
pub fn judge(output: &RunOutput, front: &Front) -> Verdict {
    let end = match &output.outcome {
        RunOutcome::Ended(end) => end,
        RunOutcome::Paused { .. } => return Verdict::Failed("the step: it paused".into()),
        RunOutcome::NoRoom { .. } => return Verdict::Failed("the step: no memory".into()),
    };
    let finished = match end {
        RunEnd::Finished(finished) => finished,
        RunEnd::Retry { message: why, .. } | RunEnd::Stop(why) => {
            return Verdict::Failed(format!("the step: {why}"));
        }
        RunEnd::Fault(fault @ StepFault::Host(_)) => return Verdict::HostFault(fault.to_string()),
        RunEnd::Fault(fault) => return Verdict::Contained(fault.to_string()),
        RunEnd::Computed { limit_ms } => {
            return Verdict::Contained(format!("{limit_ms} ms of computing"));
        }
    };
    let RunDirective::Complete(Some(result)) = &finished.directive else {
        return Verdict::Failed("the step did not say how the test ended".to_owned());
    };
    let result: String = match serde_json::from_str(result) {
        Ok(result) => result,
        Err(error) => return Verdict::Failed(format!("{result}: {error}")),
    };
    // The error's constructor on the first line, what it says on the others; nothing for none.
    let error = result.split_once('\n');
    match (&front.negative, error) {
        (None, None) => Verdict::Passed,
        (Some(negative), Some((kind, _))) if *kind == negative.kind => Verdict::Passed,
        (None, Some((kind, text))) => Verdict::Failed(format!("{kind}: {text}")),
        (Some(negative), Some((kind, text))) => Verdict::Failed(format!(
            "a {} at {} was due, and it was {kind}: {text}",
            negative.kind, negative.phase
        )),
        (Some(negative), None) => Verdict::Failed(format!(
            "a {} at {} was due, and there was none",
            negative.kind, negative.phase
        )),
    }
}
