//! What the API shows of what tenants have set up: webhooks, steps and their versions.

use serde::Serialize;
use serde_json::Value;

use crate::domain::clock::rfc3339;
use crate::domain::ids::{StepName, WebhookName};
use crate::domain::limits::StepLimits;
use crate::domain::step::{RetryPolicy, Step, StepKind, StepVersion};
use crate::domain::webhook::Webhook;

#[derive(Serialize)]
pub(in crate::http) struct WebhookView<'a> {
    id: &'a str,
    name: &'a WebhookName,
    url: String,
    correlate: Option<&'a str>,
    created: String,
}

impl<'a> WebhookView<'a> {
    pub(in crate::http) fn of(webhook: &'a Webhook, base_url: &str) -> Self {
        Self {
            id: &webhook.id,
            name: &webhook.name,
            url: format!("{base_url}/event/{}", webhook.key.reveal()),
            correlate: webhook.correlate.as_deref(),
            created: rfc3339(webhook.created),
        }
    }
}

#[derive(Serialize)]
pub(in crate::http) struct StepView<'a> {
    name: &'a StepName,
    kind: StepKind,
    digest: &'a str,
    size: u64,
    /// The pattern itself; it was parsed when the step was added.
    condition: Value,
    limits: StepLimits,
    retry: RetryPolicy,
    created: String,
    updated: String,
}

impl<'a> StepView<'a> {
    pub(in crate::http) fn of(step: &'a Step) -> Self {
        Self {
            name: &step.name,
            kind: step.kind,
            digest: &step.digest,
            size: step.size,
            condition: serde_json::from_str(&step.condition).unwrap_or_default(),
            limits: step.limits,
            retry: step.retry,
            created: rfc3339(step.created),
            updated: rfc3339(step.updated),
        }
    }
}

/// A step that was added.
#[derive(Serialize)]
pub(in crate::http) struct AddedView<'a> {
    #[serde(flatten)]
    step: StepView<'a>,
    /// What is probably not meant in its condition.
    warnings: Vec<String>,
}

impl<'a> AddedView<'a> {
    pub(in crate::http) fn of(step: &'a Step, warnings: Vec<String>) -> Self {
        Self {
            step: StepView::of(step),
            warnings,
        }
    }
}

/// A version of a step.
#[derive(Serialize)]
pub(in crate::http) struct VersionView<'a> {
    digest: &'a str,
    kind: StepKind,
    size: u64,
    /// When it was last put in place.
    since: String,
    current: bool,
}

impl<'a> VersionView<'a> {
    pub(in crate::http) fn of(version: &'a StepVersion, current: bool) -> Self {
        Self {
            digest: &version.digest,
            kind: version.kind,
            size: version.size,
            since: rfc3339(version.since),
            current,
        }
    }
}
