//! The parts of a manifest: the setup that a workspace is to have.

use std::path::PathBuf;

use serde_json::{Map, Value};
use stepwell_api::{
    ConnectorSettings, DedupSettings, FixedReply, OnMismatch, Rate, WorkspaceChange,
};
use zeroize::Zeroizing;

use crate::deploy::error::At;
use crate::deploy::plan::item::Kind;
use crate::domain::ids::{ConfigKey, ScheduleName, StepName, WebhookName, WorkspaceName};
use crate::domain::limits::StepLimits;
use crate::domain::schedule::ScheduleSettings;
use crate::domain::step::RetryPolicy;

/// The setup that one workspace is to have.
pub struct Workspace {
    /// Its name.
    pub name: WorkspaceName,
    /// The kinds that the manifest says something about, if only that there are none (`[]`).
    pub named: Vec<Kind>,
    /// The workspace's own settings, as the API takes them; members that are not given stay.
    pub settings: WorkspaceChange,
    /// Its webhooks, by name; one that is on the server alone stays.
    pub webhooks: Vec<Webhook>,
    /// Where its steps come from.
    pub steps: Vec<StepSource>,
    /// Config values and secrets; the server seals both.
    pub config: Vec<Setting>,
    /// Its connectors, with their kinds and settings.
    pub connectors: Vec<Connector>,
    /// Its schedules, checked as the server checks them.
    pub schedules: Vec<Schedule>,
}

/// A webhook.
pub struct Webhook {
    /// Its name.
    pub name: WebhookName,
    /// Where in a body the id of the task is that it is about.
    pub correlate: Option<String>,
    /// How a repeated delivery is recognised; members that are not given stay.
    pub dedup: Option<DedupSettings>,
    /// The methods that it accepts; without them they stay.
    pub methods: Option<Vec<String>>,
    /// Names of the header fields that its tasks keep; without them they stay.
    pub headers: Option<Vec<String>>,
    /// How many requests it takes; without it that stays.
    pub rate: Option<Option<Rate>>,
    /// How many requests it takes in at once; without it that stays.
    pub at_once: Option<Option<u32>>,
    /// Whether bodies of refused deliveries are recorded; without it that stays.
    pub record_bodies: Option<bool>,
    /// What it answers every request that it takes; without it that stays.
    pub reply: Option<Option<FixedReply>>,
    /// How many seconds a sender waits; without it that stays.
    pub wait_seconds: Option<Option<u32>>,
    /// Where a browser that sent a form is led; without it that stays.
    pub redirect: Option<Option<String>>,
    /// Origins whose pages may read its answers; without them they stay.
    pub allow_origins: Option<Vec<String>>,
    /// The schema that checks its documents; without it that stays.
    pub schema: Option<Option<Map<String, Value>>>,
    /// What happens to documents that do not fit; without it that stays.
    pub on_mismatch: Option<OnMismatch>,
    /// Whether it refuses every request; without it that stays.
    pub disabled: Option<bool>,
    /// How its requests are verified; members that are not given stay.
    pub verification: Verification,
}

/// How a webhook's requests are verified. It may hold secrets, so it is never printed.
#[derive(Default)]
pub struct Verification {
    /// A provider's name, `custom` or `none`.
    pub provider: Option<String>,
    /// The scheme of `custom`.
    pub scheme: Option<Map<String, Value>>,
    /// The secret.
    pub secret: Option<Zeroizing<String>>,
    /// How long, in seconds, those that it takes the place of stay valid.
    pub overlap_seconds: u64,
    /// What the sender repeats in its question.
    pub verify_token: Option<Zeroizing<String>>,
    /// The networks that may send.
    pub allow_ips: Option<Vec<String>>,
    /// The greatest age of a request, in seconds.
    pub tolerance_seconds: Option<u32>,
}

/// A config value.
pub struct Setting {
    /// Its key.
    pub key: ConfigKey,
    /// Its value.
    pub value: Zeroizing<String>,
}

/// A folder of steps, or one step.
pub struct StepSource {
    /// Where the manifest names it.
    pub at: At,
    /// The step's name; without one the path is a folder whose steps have their own names.
    pub name: Option<StepName>,
    /// The folder or file, below the manifest's folder, links included.
    pub path: PathBuf,
    /// The limits of each run.
    pub limits: StepLimits,
    /// When a failed run is tried again.
    pub retry: RetryPolicy,
}

/// A connector. Its config may hold credentials, so it is never printed.
pub struct Connector {
    /// The name by which steps call it.
    pub name: String,
    /// Its declaration.
    pub settings: ConnectorSettings,
}

/// A schedule.
pub struct Schedule {
    /// Its name.
    pub name: ScheduleName,
    /// Its declaration.
    pub settings: ScheduleSettings,
}
