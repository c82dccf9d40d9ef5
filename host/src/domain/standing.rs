//! Where a task stands, with what matters only there.

use super::clock::Millis;
use super::ids::StepName;
use super::task_state::TaskState;

/// The state of a task. Each variant holds only the values that are valid in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// See [`TaskState::Ready`].
    Ready {
        /// The run that is to be tried again, if one is.
        retrying: Option<Retrying>,
    },
    /// See [`TaskState::Waiting`].
    Waiting(Wait),
    /// See [`TaskState::Done`].
    Done,
    /// See [`TaskState::Unmatched`].
    Unmatched,
    /// See [`TaskState::Error`]; with the notice that is owed to the workspace's failure URL.
    Error(Option<Notice>),
    /// See [`TaskState::Ignored`].
    Ignored,
    /// See [`TaskState::Cancelled`].
    Cancelled,
}

/// What a waiting task waits for. Its expiry ([`super::task::Expiry`]) may come before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Its subtasks, and nothing else.
    Subtasks,
    /// A time that a step gave, by `task.park` or `nextRetryAt`.
    Until(Millis),
    /// The next attempt of a run that failed.
    Retry {
        /// When it is.
        at: Millis,
        /// The run.
        retrying: Retrying,
    },
    /// The end of a pause within a run. The task's `ready_at` stays as the run began.
    Pause {
        /// When it is.
        until: Millis,
        /// The run.
        paused: Paused,
        /// If the run is one that failed before, and is being tried again.
        retrying: Option<Retrying>,
    },
}

/// A run that failed and will be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrying {
    /// The step.
    pub step: StepName,
    /// Attempts that have failed so far; 0 if a person had it begin anew.
    pub failed: u32,
}

/// A run that pauses for longer than a run may take. It is begun again when the pause is over, with
/// what it has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The step.
    pub step: StepName,
    /// Milliseconds that the run has taken so far, without its long pauses.
    pub spent_ms: u64,
}

/// A failure notice that is owed, and how far its delivery has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for every attempt, and another one if the task fails again: the receiver can tell.
    pub id: String,
    /// The step that failed.
    pub step: StepName,
    /// In how many attempts.
    pub attempts: u32,
    pub failed_at: Millis,
    /// When it is to be delivered next.
    pub due: Millis,
    /// Attempts to deliver it that were begun.
    pub tries: u32,
    /// Why the last of them failed.
    pub error: Option<String>,
}

impl Standing {
    /// Ready for its next run.
    pub fn ready() -> Self {
        Self::Ready { retrying: None }
    }

    /// The state.
    pub fn state(&self) -> TaskState {
        match self {
            Self::Ready { .. } => TaskState::Ready,
            Self::Waiting(_) => TaskState::Waiting,
            Self::Done => TaskState::Done,
            Self::Unmatched => TaskState::Unmatched,
            Self::Error(_) => TaskState::Error,
            Self::Ignored => TaskState::Ignored,
            Self::Cancelled => TaskState::Cancelled,
        }
    }

    /// The run that is to be tried again, if one is.
    pub fn retrying(&self) -> Option<&Retrying> {
        match self {
            Self::Ready { retrying } | Self::Waiting(Wait::Pause { retrying, .. }) => {
                retrying.as_ref()
            }
            Self::Waiting(Wait::Retry { retrying, .. }) => Some(retrying),
            _ => None,
        }
    }

    /// The run that pauses for long, if one does.
    pub fn paused(&self) -> Option<&Paused> {
        match self {
            Self::Waiting(Wait::Pause { paused, .. }) => Some(paused),
            _ => None,
        }
    }

    /// The notice that is owed, if one is.
    pub fn notice(&self) -> Option<&Notice> {
        match self {
            Self::Error(notice) => notice.as_ref(),
            _ => None,
        }
    }

    /// Gives a run up that was to be tried again: it never is. A task that waited for that alone is ready.
    pub fn give_up_retrying(&mut self) -> Option<Retrying> {
        match self {
            Self::Ready { retrying } | Self::Waiting(Wait::Pause { retrying, .. }) => {
                retrying.take()
            }
            Self::Waiting(Wait::Retry { .. }) => match std::mem::replace(self, Self::ready()) {
                Self::Waiting(Wait::Retry { retrying, .. }) => Some(retrying),
                _ => None,
            },
            _ => None,
        }
    }

    /// A task that has waited, or is ready: it is ready, for the run that is to be tried again if there is
    /// one. A pause is over, or given up.
    pub fn into_ready(self) -> Self {
        let retrying = match self {
            Self::Ready { retrying } | Self::Waiting(Wait::Pause { retrying, .. }) => retrying,
            Self::Waiting(Wait::Retry { retrying, .. }) => Some(retrying),
            _ => None,
        };
        Self::Ready { retrying }
    }
}

impl Wait {
    /// When the task goes on by itself; none if it waits for its subtasks alone.
    pub fn goes_on_at(&self) -> Option<Millis> {
        match self {
            Self::Subtasks => None,
            Self::Until(at) | Self::Retry { at, .. } | Self::Pause { until: at, .. } => Some(*at),
        }
    }
}

impl From<TaskState> for Standing {
    /// A task of that state with nothing else to be said of it: one that waits does so for its subtasks.
    fn from(state: TaskState) -> Self {
        match state {
            TaskState::Ready => Self::ready(),
            TaskState::Waiting => Self::Waiting(Wait::Subtasks),
            TaskState::Done => Self::Done,
            TaskState::Unmatched => Self::Unmatched,
            TaskState::Error => Self::Error(None),
            TaskState::Ignored => Self::Ignored,
            TaskState::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_to_be_tried_again_is_kept_by_what_follows_or_given_up() {
        let retrying = Retrying {
            step: "s".parse().unwrap(),
            failed: 2,
        };
        let paused = Paused {
            step: "s".parse().unwrap(),
            spent_ms: 5,
        };
        let again = Some(retrying.clone());
        let ready = Standing::Ready {
            retrying: again.clone(),
        };
        let retry = Standing::Waiting(Wait::Retry {
            at: 9,
            retrying: retrying.clone(),
        });
        let pause = Standing::Waiting(Wait::Pause {
            until: 9,
            paused: paused.clone(),
            retrying: again.clone(),
        });
        for standing in [&ready, &retry, &pause] {
            assert_eq!(standing.retrying(), Some(&retrying));
            assert_eq!(standing.clone().into_ready(), ready);
        }
        for (standing, left) in [
            (ready, Standing::ready()),
            (retry, Standing::ready()),
            (
                pause,
                Standing::Waiting(Wait::Pause {
                    until: 9,
                    paused,
                    retrying: None,
                }),
            ),
        ] {
            let mut standing = standing;
            assert_eq!(standing.give_up_retrying(), again);
            assert_eq!(standing, left);
            assert_eq!(standing.give_up_retrying(), None);
        }
    }

    #[test]
    fn a_standing_is_of_its_state() {
        for state in TaskState::ALL {
            assert_eq!(Standing::from(state).state(), state);
        }
    }
}
