//! Changes of webhooks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::dedup::DedupSettings;
use crate::payload_schema::OnMismatch;
use crate::rate::Rate;
use crate::reply::FixedReplySettings;
use crate::webhook::NewWebhook;
use crate::word::named;

/// A change of a webhook; members that are not given stay.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// See [`NewWebhook::name`]. Tasks keep the name that it had when they came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// See [`Webhook::disabled`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// See [`Webhook::correlate`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub correlate: Option<Option<String>>,
    /// See [`Webhook::dedup`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<DedupSettings>)]
    pub dedup: Option<Option<DedupSettings>>,
    /// See [`NewWebhook::methods`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// See [`NewWebhook::headers`]; they take the place of those that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<String>>,
    /// See [`Webhook::rate`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Rate>)]
    pub rate: Option<Option<Rate>>,
    /// See [`NewWebhook::at_once`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>)]
    pub at_once: Option<Option<u32>>,
    /// See [`Webhook::record_bodies`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_bodies: Option<bool>,
    /// See [`Webhook::reply`]; `null` for none. It takes the place of `wait_seconds`.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<FixedReplySettings>)]
    pub reply: Option<Option<FixedReplySettings>>,
    /// See [`NewWebhook::wait_seconds`]; `null` for none. It takes the place of `reply`.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>)]
    pub wait_seconds: Option<Option<u32>>,
    /// See [`NewWebhook::redirect`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub redirect: Option<Option<String>>,
    /// See [`NewWebhook::allow_origins`]; they take the place of those that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
    /// See [`NewWebhook::schema`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Option<Map<String, Value>>>,
    /// See [`Webhook::on_mismatch`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_mismatch: Option<OnMismatch>,
    /// See [`Webhook::provider`]. Secrets that are none of another provider's are refused: name the new one, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// See [`Webhook::scheme`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub scheme: Option<Map<String, Value>>,
    /// A secret that takes the place of all that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// With `secret`: how long those that are there stay valid beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u64>,
    /// See [`NewWebhook::verify_token`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub verify_token: Option<Option<String>>,
    /// See [`Webhook::allow_ips`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_ips: Option<Vec<String>>,
    /// See [`Webhook::tolerance_seconds`].
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>)]
    pub tolerance_seconds: Option<Option<u32>>,
}

impl WebhookChange {
    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        let Self {
            name,
            disabled,
            correlate,
            dedup,
            methods,
            headers,
            rate,
            at_once,
            record_bodies,
            reply,
            wait_seconds,
            redirect,
            allow_origins,
            schema,
            on_mismatch,
            provider,
            scheme,
            secret,
            overlap_seconds: _,
            verify_token,
            allow_ips,
            tolerance_seconds,
        } = self;
        name.is_none()
            && disabled.is_none()
            && correlate.is_none()
            && dedup.is_none()
            && methods.is_none()
            && headers.is_none()
            && rate.is_none()
            && at_once.is_none()
            && record_bodies.is_none()
            && reply.is_none()
            && wait_seconds.is_none()
            && redirect.is_none()
            && allow_origins.is_none()
            && schema.is_none()
            && on_mismatch.is_none()
            && provider.is_none()
            && scheme.is_none()
            && secret.is_none()
            && verify_token.is_none()
            && allow_ips.is_none()
            && tolerance_seconds.is_none()
    }

    /// A new webhook that has what this sets.
    pub fn into_new(self, name: String) -> NewWebhook {
        NewWebhook {
            name,
            disabled: self.disabled.unwrap_or(false),
            correlate: self.correlate.flatten(),
            dedup: self.dedup.flatten(),
            methods: self.methods,
            headers: self.headers,
            rate: self.rate.flatten(),
            at_once: self.at_once.flatten(),
            record_bodies: self.record_bodies,
            reply: self.reply.flatten(),
            wait_seconds: self.wait_seconds.flatten(),
            redirect: self.redirect.flatten(),
            allow_origins: self.allow_origins,
            schema: self.schema.flatten(),
            on_mismatch: self.on_mismatch,
            provider: self.provider,
            scheme: self.scheme,
            secret: self.secret,
            verify_token: self.verify_token.flatten(),
            allow_ips: self.allow_ips.unwrap_or_default(),
            tolerance_seconds: self.tolerance_seconds.flatten(),
        }
    }
}
