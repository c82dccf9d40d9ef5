//! Failure notices: a request to the workspace's failure URL when a task fails for good. The pending notice is
//! part of the task's head, written by the commit that makes the task fail, and due like a waiting task; so no
//! crash loses a notice, and nothing else has to be stored.
//!
//! Notices hold up no task: they are delivered beside the runners, few at once, and one that finds no
//! place is put off. Each attempt is counted, and its successor's time set, before it is made.

use std::sync::Arc;

use serde_json::json;

use super::advanced::Advanced;
use super::commit::TaskWriter;
use super::dispatcher::Dispatcher;
use super::outgoing::Outgoing;
use super::retry;
use super::slots::Slots;
use crate::catalog::Catalog;
use crate::domain::budget::{Charge, Permit};
use crate::domain::clock::{Clock, Millis, rfc3339};
use crate::domain::effect::{FetchRequest, Redirect};
use crate::domain::ids::{StepName, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::limits;
use crate::domain::step::RetryPolicy;
use crate::domain::task::{Notice, Standing, TaskHead, TaskState};
use crate::store::{Commit, StoreError};

/// Attempts over about a day, in which an operator may mend the receiver.
const POLICY: RetryPolicy = RetryPolicy {
    attempts: limits::NOTICE_ATTEMPTS,
    first_ms: 2_000,
    factor: 4,
    cap_ms: 6 * 3_600_000,
};
/// How long after the start of an attempt the next one is due if the process ends before the attempt does.
const LEASE_MS: Millis = limits::NOTICE_TIMEOUT_MS + 5_000;

pub(super) struct Notices {
    pub(super) catalog: Arc<Catalog>,
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) slots: Slots,
}

/// One of the notices under way. Its slot is given back when it is dropped.
struct NoticeSlot {
    notices: Arc<Notices>,
    workspace: WorkspaceName,
}

impl Drop for NoticeSlot {
    fn drop(&mut self) {
        let now = self.notices.clock.now();
        self.notices.slots.give_back(&self.workspace, now);
    }
}

impl Notices {
    /// Owes a notice for a task that is in `error` from the commit on that `head` is made for, if its
    /// workspace has a failure URL. `failed` is the step that failed, and in how many attempts.
    pub(super) fn owe(&self, head: &mut TaskHead, failed: (&StepName, u32)) {
        if head.state() != TaskState::Error {
            return;
        }
        let notice = self.catalog.failure_url(&head.workspace).map(|_| Notice {
            id: format!("{}-{}", head.id, head.version),
            step: failed.0.clone(),
            attempts: failed.1,
            failed_at: head.updated,
            tries: 0,
            error: None,
            due: head.updated,
        });
        head.standing = Standing::Error(notice);
    }

    /// Takes up the notice that a failed task owes, whose time has come.
    pub(super) async fn take_up(
        self: &Arc<Self>,
        writer: &TaskWriter,
        mut head: TaskHead,
    ) -> Result<Advanced, StoreError> {
        let now = self.clock.now();
        let url = self.catalog.failure_url(&head.workspace);
        let (Standing::Error(Some(notice)), Some(url)) = (&mut head.standing, url) else {
            let error = "the workspace no longer has a failure URL";
            self.settle(writer, head, Some(error.into())).await?;
            return Ok(Advanced::Rests);
        };
        let place = match self.slots.take(&head.workspace, now) {
            Ok(()) => Some(NoticeSlot {
                notices: self.clone(),
                workspace: head.workspace.clone(),
            }),
            Err(later) => {
                notice.due = later;
                None
            }
        };
        if place.is_some() {
            notice.tries += 1;
            notice.due = now.saturating_add(LEASE_MS);
        }
        if self.keep(writer, &mut head, Vec::new()).await?
            && let Some(place) = place
        {
            let writer = writer.clone();
            let workspace = head.workspace.clone();
            let delivering = async move {
                place.notices.deliver(&writer, head, &url).await;
                drop(place);
            };
            self.dispatcher
                .workers
                .run(&workspace, Box::pin(delivering));
        }
        Ok(Advanced::Waits)
    }

    /// Makes one attempt to deliver a notice, and stores its result.
    async fn deliver(&self, writer: &TaskWriter, mut head: TaskHead, url: &str) {
        let Some(notice) = head.notice() else {
            return;
        };
        let (id, tries) = (notice.id.clone(), notice.tries);
        let request = request(&head, url, self.clock.now());
        let Some(request) = request else { return };
        // They are few, and what they are answered is not kept.
        let memory = Charge::new(Arc::new(Permit::unlimited()));
        let answer = self
            .outgoing
            .fetch(&head.workspace, request, &id, &memory)
            .await;
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
                if let Standing::Error(Some(notice)) = &mut head.standing {
                    notice.error = Some(error);
                    notice.due = self.clock.now().saturating_add(delay);
                }
                self.keep(writer, &mut head, Vec::new()).await
            }
            (error, _) => {
                if let Some(error) = &error {
                    tracing::warn!(workspace.id = %workspace, task.id = %task, attempts = tries, %error, "a failure notice was given up");
                }
                self.settle(writer, head, error).await
            }
        };
        match kept {
            Ok(_) => self.dispatcher.timer_changed.notify_one(),
            // The attempt was counted, and the next one is due.
            Err(error) if error.is_expected() => {}
            Err(error) => {
                tracing::error!(workspace.id = %workspace, task.id = %task, %error, "what came of a failure notice could not be recorded");
            }
        }
    }

    /// The notice is delivered, or given up with an error.
    async fn settle(
        &self,
        writer: &TaskWriter,
        mut head: TaskHead,
        error: Option<String>,
    ) -> Result<bool, StoreError> {
        let tries = head.notice().map_or(0, |notice| notice.tries);
        head.standing = Standing::Error(None);
        let entry = Entry::Notice {
            at: self.clock.now(),
            tries,
            error,
        };
        self.keep(writer, &mut head, vec![entry]).await
    }

    /// Commits `head` as the next version; false if the task has moved on meanwhile: then it is no
    /// longer as the notice says.
    async fn keep(
        &self,
        writer: &TaskWriter,
        head: &mut TaskHead,
        entries: Vec<Entry>,
    ) -> Result<bool, StoreError> {
        head.version += 1;
        let commit = Commit {
            head: head.clone(),
            data: None,
            entries,
        };
        match writer.commit(commit).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The request that tells of a failed task.
fn request(head: &TaskHead, url: &str, now: Millis) -> Option<FetchRequest> {
    let notice = head.notice()?;
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
