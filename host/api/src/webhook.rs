//! Webhooks: secret URLs that make tasks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::dedup::{Dedup, DedupSettings};
use crate::payload_schema::OnMismatch;
use crate::rate::Rate;
use crate::reply::{FixedReply, FixedReplySettings};
use crate::webhook_secret::{FormerUrl, WebhookSecret};

/// A workspace's webhooks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// By name.
    pub webhooks: Vec<Webhook>,
}

/// A webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// What it is known by beside its name; never changes.
    pub id: String,
    /// Its name; steps match it as `$via.name`.
    pub name: String,
    /// Names that it had before, the last one first, at most 8; its deliveries are found under them, too.
    #[serde(default)]
    #[schema(required)]
    pub former_names: Vec<String>,
    /// Where events are posted. It is a secret: anyone who knows it can create tasks if `provider` is `none`.
    pub url: String,
    /// URLs that it had before a rotation and that still work, the newest first.
    #[serde(default)]
    #[schema(required)]
    pub former_urls: Vec<FormerUrl>,
    /// It refuses every request with `webhook-disabled`.
    #[serde(default)]
    #[schema(required)]
    pub disabled: bool,
    /// Where in a body's data the id of the open task stands that the body is about (RFC 6901).
    #[schema(required)]
    pub correlate: Option<String>,
    /// How a repeated delivery is recognised; `null` if the webhook has no rule of its own.
    #[serde(default)]
    #[schema(required)]
    pub dedup: Option<Dedup>,
    /// The methods that it accepts.
    #[serde(default)]
    #[schema(required)]
    pub methods: Vec<String>,
    /// Names of header fields that its tasks keep in `$via.headers`, in addition to those that identify an event.
    #[serde(default)]
    #[schema(required)]
    pub headers: Vec<String>,
    /// How many requests it takes; `null` for as many as come.
    #[serde(default)]
    #[schema(required)]
    pub rate: Option<Rate>,
    /// How many requests it takes in at once; `null` for as many as come.
    #[serde(default)]
    #[schema(required)]
    pub at_once: Option<u32>,
    /// Bodies of refused deliveries are recorded, so that they can be sent again.
    #[serde(default = "yes")]
    #[schema(required)]
    pub record_bodies: bool,
    /// What it answers every request that it takes, in place of the task's id; or `null`.
    #[serde(default)]
    #[schema(required)]
    pub reply: Option<FixedReply>,
    /// How many seconds a sender waits for the result of its task; `null` if it is answered at once.
    #[serde(default)]
    #[schema(required)]
    pub wait_seconds: Option<u32>,
    /// Where a browser that sent a plain HTML form is led; or `null`.
    #[serde(default)]
    #[schema(required)]
    pub redirect: Option<String>,
    /// Origins whose pages may read its answers (CORS); `*` for all.
    #[serde(default)]
    #[schema(required)]
    pub allow_origins: Vec<String>,
    /// The JSON Schema that its documents are checked with; or `null`.
    #[serde(default)]
    #[schema(required, value_type = Option<Object>)]
    pub schema: Option<Map<String, Value>>,
    /// What happens to a document that does not fit the schema; `null` without a schema.
    #[serde(default)]
    #[schema(required)]
    pub on_mismatch: Option<OnMismatch>,
    /// Whose requests it takes: a provider's name, `custom`, or `none`, which takes every request.
    #[serde(default = "none")]
    #[schema(required)]
    pub provider: String,
    /// With `custom`: where signature or token stand, and what is signed.
    #[serde(default)]
    #[schema(required, value_type = Option<Object>)]
    pub scheme: Option<Map<String, Value>>,
    /// Its secrets, the newest first. Without one that is valid, every request is refused.
    #[serde(default)]
    #[schema(required)]
    pub secrets: Vec<WebhookSecret>,
    /// Tells the token's holder whether a verify token is the one they mean: as a secret's `digest`, with
    /// `verify-token` in place of the secret's id. `null` if none is set.
    #[serde(default)]
    #[schema(required)]
    pub verify_token_digest: Option<String>,
    /// The networks that may send (CIDRs); every one if there is none.
    #[serde(default)]
    #[schema(required)]
    pub allow_ips: Vec<String>,
    /// The greatest age of a signed request in seconds; `null` for the provider's.
    #[serde(default)]
    #[schema(required)]
    pub tolerance_seconds: Option<u32>,
    /// When it was added.
    #[schema(format = DateTime)]
    pub created: String,
    /// With the answer to a new name: the steps whose conditions have the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warnings: Option<Vec<String>>,
}

const fn yes() -> bool {
    true
}

fn none() -> String {
    "none".to_owned()
}

// `N` is the name's type: the server reads one that checks it.
/// A webhook to be added.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewWebhook<N = String> {
    /// Its name, 1 to 80 characters.
    #[schema(value_type = String)]
    pub name: N,
    /// See [`Webhook::disabled`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// See [`Webhook::correlate`].
    #[serde(default)]
    pub correlate: Option<String>,
    /// See [`Webhook::dedup`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<DedupSettings>,
    /// Of POST, PUT, PATCH, GET, HEAD and OPTIONS; POST and PUT if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// See [`Webhook::headers`]; at most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<String>>,
    /// See [`Webhook::rate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// See [`Webhook::at_once`]; 1 to 100,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// See [`Webhook::record_bodies`]; true if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_bodies: Option<bool>,
    /// See [`Webhook::reply`]; not together with `wait_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<FixedReplySettings>,
    /// See [`Webhook::wait_seconds`]; 1 to 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
    /// See [`Webhook::redirect`]; an absolute http or https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// See [`Webhook::allow_origins`]; at most 20, e.g. `https://app.example.com`, or `*` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
    /// See [`Webhook::schema`]; at most 64 KiB. References lead to places in it: nothing is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Map<String, Value>>,
    /// See [`Webhook::on_mismatch`]; `refuse` if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_mismatch: Option<OnMismatch>,
    /// See [`Webhook::provider`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// See [`Webhook::scheme`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub scheme: Option<Map<String, Value>>,
    /// What the provider calls its secret, token or key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The text that the sender repeats when it asks whether the webhook is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<String>,
    /// See [`Webhook::allow_ips`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_ips: Vec<String>,
    /// See [`Webhook::tolerance_seconds`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<u32>,
}

/// The settings of a webhook that `PUT` replaces. A member that is not given is removed; all other settings stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// See [`Webhook::correlate`].
    #[serde(default)]
    pub correlate: Option<String>,
    /// See [`Webhook::dedup`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<DedupSettings>,
}

/// What would leave the webhook as it is.
impl From<Webhook> for WebhookSettings {
    fn from(webhook: Webhook) -> Self {
        Self {
            correlate: webhook.correlate,
            dedup: webhook.dedup.map(DedupSettings::from),
        }
    }
}
