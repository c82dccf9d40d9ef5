//! Failure notices: the workspace's URL is told when a task fails for good. What is owed is part of the
//! task's head, written by the very commit that makes it fail, and due like a waiting task; so no
//! crash loses a notice, and nothing else has to be kept.
//!
//! Notices hold up no task: they are delivered beside the runners, few at once, and one that finds no
//! place is put off. Each attempt is counted, and its successor's time set, before it is made.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;

use super::carry::Carried;
use super::{Engine, retry};
use crate::domain::clock::{Millis, rfc3339};
use crate::domain::effect::{FetchRequest, Redirect};
use crate::domain::ids::{StepName, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::limits;
use crate::domain::step::RetryPolicy;
use crate::domain::task::{Notice, TaskHead, TaskState};
use crate::store::{Commit, StoreError};

/// Attempts over about a day, in which an operator may mend the receiver.
const POLICY: RetryPolicy = RetryPolicy {
    attempts: limits::NOTICE_ATTEMPTS,
    first_ms: 2_000,
    factor: 4,
    cap_ms: 6 * 3_600_000,
};
/// How long after the start of an attempt the next one is due if nobody lives to say how it ended.
const LEASE_MS: Millis = limits::NOTICE_TIMEOUT_MS + 5_000;
/// How far apart notices are put off that find no place, so that many of them do not come back at
/// once again and again.
const SPACING_MS: Millis = 50;

/// The notices under way, by workspace.
#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<WorkspaceName, Slot>>);

#[derive(Default)]
struct Slot {
    under_way: usize,
    /// When the next one that finds no place may come back.
    next: Millis,
}

/// A place among the notices under way, given back when dropped.
struct Place {
    engine: Arc<Engine>,
    workspace: WorkspaceName,
}

impl Slots {
    /// Takes a place, or says when to come back.
    fn take(&self, workspace: &WorkspaceName, now: Millis) -> Result<(), Millis> {
        let mut slots = self.0.lock();
        let all: usize = slots.values().map(|slot| slot.under_way).sum();
        let slot = slots.entry(workspace.clone()).or_default();
        if all < limits::NOTICES_AT_ONCE && slot.under_way < limits::NOTICES_OF_WORKSPACE {
            slot.under_way += 1;
            return Ok(());
        }
        slot.next = slot.next.max(now).saturating_add(SPACING_MS);
        Err(slot.next)
    }

    fn give_back(&self, workspace: &WorkspaceName, now: Millis) {
        let mut slots = self.0.lock();
        if let Some(slot) = slots.get_mut(workspace) {
            slot.under_way = slot.under_way.saturating_sub(1);
        }
        slots.retain(|_, slot| slot.under_way > 0 || slot.next > now);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.engine.clock.now();
        self.engine.notices.give_back(&self.workspace, now);
    }
}

impl Engine {
    /// Owes a notice for a task that is in `error` from the commit on that `head` is made for, if its
    /// workspace wants one. `failed` is the step that failed, and in how many attempts.
    pub(super) fn owe_notice(&self, head: &mut TaskHead, failed: (&StepName, u32)) {
        head.notice = None;
        if head.state != TaskState::Error || self.catalog.failure_url(&head.workspace).is_none() {
            return;
        }
        head.notice = Some(Notice {
            id: format!("{}-{}", head.id, head.version),
            step: failed.0.clone(),
            attempts: failed.1,
            failed_at: head.updated,
            tries: 0,
            error: None,
        });
        head.wake_at = Some(head.updated);
    }

    /// Takes up the notice that a failed task owes, whose time has come.
    pub(super) async fn take_up_notice(
        self: &Arc<Self>,
        mut head: TaskHead,
    ) -> Result<Carried, StoreError> {
        let now = self.clock.now();
        let url = self.catalog.failure_url(&head.workspace);
        let (Some(notice), Some(url)) = (&mut head.notice, url) else {
            let error = "the workspace no longer has a failure URL";
            self.settle_notice(head, Some(error.into())).await?;
            return Ok(Carried::Rests);
        };
        let place = match self.notices.take(&head.workspace, now) {
            Ok(()) => Some(Place {
                engine: self.clone(),
                workspace: head.workspace.clone(),
            }),
            Err(later) => {
                head.wake_at = Some(later);
                None
            }
        };
        if place.is_some() {
            notice.tries += 1;
            head.wake_at = Some(now.saturating_add(LEASE_MS));
        }
        if self.keep(&mut head, Vec::new()).await?
            && let Some(place) = place
        {
            self.threads.spawn(async move {
                let engine = place.engine.clone();
                engine.deliver(head, &url).await;
                drop(place);
            });
        }
        Ok(Carried::Waits)
    }

    /// Makes one attempt to deliver a notice, and writes down what came of it.
    async fn deliver(self: &Arc<Self>, mut head: TaskHead, url: &str) {
        let Some(notice) = &mut head.notice else {
            return;
        };
        let (id, tries) = (notice.id.clone(), notice.tries);
        let request = request(&head, url, self.clock.now());
        let Some(request) = request else { return };
        let answer = self.fetch.fetch(&self.egress, request, &id).await;
        let error = match answer {
            Ok(response) if (200..300).contains(&response.status) => None,
            Ok(response) => Some(format!("the receiver answered {}", response.status)),
            Err(error) => Some(error.to_string()),
        };
        let next = error
            .as_ref()
            .and_then(|_| retry::delay(&POLICY, tries, rand::random(), None));
        let (workspace, task) = (head.workspace.clone(), head.id);
        let kept = match (error, next) {
            (Some(error), Some(delay)) => {
                if let Some(notice) = &mut head.notice {
                    notice.error = Some(error);
                }
                head.wake_at = Some(self.clock.now().saturating_add(delay));
                self.keep(&mut head, Vec::new()).await
            }
            (error, _) => {
                if let Some(error) = &error {
                    tracing::warn!(workspace.id = %workspace, task.id = %task, attempts = tries, %error, "a failure notice was given up");
                }
                self.settle_notice(head, error).await
            }
        };
        match kept {
            Ok(_) => self.timer_set.notify_one(),
            // The attempt was counted, and the next one is due.
            Err(StoreError::Closed | StoreError::Failed | StoreError::Full) => {}
            Err(StoreError::Erasing(_)) => {}
            Err(error) => {
                tracing::error!(workspace.id = %workspace, task.id = %task, %error, "what came of a failure notice could not be recorded");
            }
        }
    }

    /// The notice is delivered, or given up with an error.
    async fn settle_notice(
        &self,
        mut head: TaskHead,
        error: Option<String>,
    ) -> Result<bool, StoreError> {
        head.wake_at = None;
        let tries = head.notice.take().map_or(0, |notice| notice.tries);
        let entry = Entry::Notice {
            at: self.clock.now(),
            tries,
            error,
        };
        self.keep(&mut head, vec![entry]).await
    }

    /// Commits `head` as the next version; false if the task has moved on meanwhile: then it is no
    /// longer as the notice says.
    async fn keep(&self, head: &mut TaskHead, entries: Vec<Entry>) -> Result<bool, StoreError> {
        head.version += 1;
        let commit = Commit {
            head: head.clone(),
            data: None,
            entries,
        };
        match self.store.commit(commit).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The request that tells of a failed task.
fn request(head: &TaskHead, url: &str, now: Millis) -> Option<FetchRequest> {
    let notice = head.notice.as_ref()?;
    let failed_at = rfc3339(notice.failed_at);
    let body = json!({
        "type": "task.failed",
        "timestamp": failed_at,
        "workspace": head.workspace.as_str(),
        "task": {
            "id": head.id.to_string(),
            "name": head.name,
            "tags": head.tags,
            "webhook": head.webhook.as_ref().map(ToString::to_string),
            "fault": head.fault,
            "step": notice.step.as_str(),
            "attempts": notice.attempts,
            "failed_at": failed_at,
        },
    });
    let header = |name: &str, value: String| (name.to_owned(), value);
    Some(FetchRequest {
        url: url.to_owned(),
        method: "POST".into(),
        headers: vec![
            header("content-type", "application/json".into()),
            header("webhook-id", notice.id.clone()),
            header("webhook-timestamp", (now / 1000).to_string()),
        ],
        body: body.to_string().into_bytes(),
        timeout_ms: Some(limits::NOTICE_TIMEOUT_MS),
        redirect: Redirect::Manual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_who_finds_none_is_put_off_in_turn() {
        let slots = Slots::default();
        let (a, b): (WorkspaceName, WorkspaceName) = ("a".parse().unwrap(), "b".parse().unwrap());
        for _ in 0..limits::NOTICES_OF_WORKSPACE {
            assert_eq!(slots.take(&a, 1_000), Ok(()));
        }
        assert_eq!(slots.take(&a, 1_000), Err(1_050));
        assert_eq!(slots.take(&a, 1_000), Err(1_100));
        assert_eq!(slots.take(&a, 9_000), Err(9_050));
        assert_eq!(
            slots.take(&b, 1_000),
            Ok(()),
            "another workspace has its own"
        );
        slots.give_back(&a, 9_000);
        assert_eq!(slots.take(&a, 9_000), Ok(()));
        for at in 0..100 {
            slots.give_back(&a, 10_000 + at);
            slots.give_back(&b, 10_000 + at);
        }
        assert!(slots.0.lock().is_empty(), "idle workspaces cost nothing");
    }

    #[test]
    fn all_workspaces_together_have_so_many_places() {
        let slots = Slots::default();
        let mut taken = 0;
        for number in 0..100 {
            let workspace: WorkspaceName = format!("w{number}").parse().unwrap();
            taken += usize::from(slots.take(&workspace, 1).is_ok());
        }
        assert_eq!(taken, limits::NOTICES_AT_ONCE);
    }
}
