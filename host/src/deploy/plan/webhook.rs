//! How a webhook that is there differs from the one that is wanted.

use stepwell_api::{self as contract, DedupSettings, WebhookChange};

use super::super::manifest::model::Webhook;
use crate::domain::authentication::{VERIFY_TOKEN, place};
use crate::domain::config_digest::{TokenDigest, config_digest};
use crate::domain::ids::WorkspaceName;

/// The settings of a webhook that are to change, and the names of those that differ. All of them for a new webhook.
pub(super) fn difference(
    token: &TokenDigest,
    workspace: &WorkspaceName,
    wanted: Webhook,
    there: Option<&contract::Webhook>,
) -> (WebhookChange, Vec<&'static str>) {
    let set = wanted.verification;
    let Some(there) = there else {
        let change = WebhookChange {
            name: None,
            disabled: wanted.disabled,
            correlate: wanted.correlate.map(Some),
            dedup: wanted.dedup.map(Some),
            methods: wanted.methods,
            headers: wanted.headers,
            rate: wanted.rate,
            at_once: wanted.at_once,
            record_bodies: wanted.record_bodies,
            reply: wanted.reply.map(|reply| reply.map(Into::into)),
            wait_seconds: wanted.wait_seconds,
            redirect: wanted.redirect,
            allow_origins: wanted.allow_origins,
            schema: wanted.schema,
            on_mismatch: wanted.on_mismatch,
            provider: set.provider,
            scheme: set.scheme,
            secret: set.secret.map(|text| text.to_string()),
            overlap_seconds: None,
            verify_token: set.verify_token.map(|text| Some(text.to_string())),
            allow_ips: set.allow_ips,
            tolerance_seconds: set.tolerance_seconds.map(Some),
        };
        return (change, Vec::new());
    };
    let is = |id: &str, digest: Option<&String>, text: &str| {
        let place = place(&there.id, id).ok();
        let ours = place.map(|place| config_digest(token, workspace, &place, text));
        ours.is_some() && ours.as_ref() == digest
    };
    let has_secret = |text: &str| {
        let valid = there
            .secrets
            .iter()
            .filter(|secret| secret.expires.is_none());
        valid
            .into_iter()
            .any(|secret| is(&secret.id, secret.digest.as_ref(), text))
    };
    let has_token = |text: &str| is(VERIFY_TOKEN, there.verify_token_digest.as_ref(), text);
    let names_provider = set.provider.is_some();
    let is_other_provider = set
        .provider
        .as_ref()
        .is_some_and(|name| *name != there.provider);
    let is_other_scheme = names_provider && set.scheme != there.scheme;
    let known = there.dedup.clone().map(DedupSettings::from);
    let mut change = WebhookChange {
        name: None,
        disabled: wanted
            .disabled
            .filter(|disabled| *disabled != there.disabled),
        correlate: Some(wanted.correlate).filter(|correlate| *correlate != there.correlate),
        dedup: Some(wanted.dedup).filter(|dedup| *dedup != known),
        methods: wanted.methods.filter(|methods| *methods != there.methods),
        headers: wanted.headers.filter(|headers| *headers != there.headers),
        rate: wanted.rate.filter(|rate| *rate != there.rate),
        at_once: wanted.at_once.filter(|at_once| *at_once != there.at_once),
        record_bodies: wanted
            .record_bodies
            .filter(|records| *records != there.record_bodies),
        reply: wanted
            .reply
            .filter(|reply| *reply != there.reply)
            .map(|reply| reply.map(Into::into)),
        wait_seconds: wanted
            .wait_seconds
            .filter(|seconds| *seconds != there.wait_seconds),
        redirect: wanted.redirect.filter(|to| *to != there.redirect),
        allow_origins: wanted
            .allow_origins
            .filter(|origins| *origins != there.allow_origins),
        schema: wanted.schema.filter(|schema| *schema != there.schema),
        on_mismatch: wanted
            .on_mismatch
            .filter(|word| Some(*word) != there.on_mismatch),
        provider: set.provider.filter(|_| is_other_provider),
        scheme: set.scheme.filter(|_| is_other_scheme),
        secret: set
            .secret
            .filter(|text| !has_secret(text))
            .map(|text| text.to_string()),
        overlap_seconds: None,
        verify_token: set
            .verify_token
            .filter(|text| !has_token(text))
            .map(|text| Some(text.to_string())),
        allow_ips: set
            .allow_ips
            .filter(|networks| *networks != there.allow_ips),
        // With a provider, all of it is the manifest's.
        tolerance_seconds: Some(set.tolerance_seconds)
            .filter(|seconds| names_provider && *seconds != there.tolerance_seconds),
    };
    // Secrets of another provider are none of this one's.
    let overlaps = change.secret.is_some() && change.provider.is_none() && change.scheme.is_none();
    change.overlap_seconds = overlaps.then_some(set.overlap_seconds);
    let parts = [
        ("correlate", change.correlate.is_some()),
        ("dedup", change.dedup.is_some()),
        ("methods", change.methods.is_some()),
        ("headers", change.headers.is_some()),
        ("rate", change.rate.is_some()),
        ("atOnce", change.at_once.is_some()),
        ("recordBodies", change.record_bodies.is_some()),
        ("reply", change.reply.is_some()),
        ("wait", change.wait_seconds.is_some()),
        ("redirect", change.redirect.is_some()),
        ("allowOrigins", change.allow_origins.is_some()),
        ("schema", change.schema.is_some()),
        ("onMismatch", change.on_mismatch.is_some()),
        ("disabled", change.disabled.is_some()),
        ("provider", change.provider.is_some()),
        ("scheme", change.scheme.is_some()),
        ("secret", change.secret.is_some()),
        ("verifyToken", change.verify_token.is_some()),
        ("allowIps", change.allow_ips.is_some()),
        ("tolerance", change.tolerance_seconds.is_some()),
    ];
    let parts = parts.into_iter().filter(|(_, differs)| *differs);
    (change, parts.map(|(part, _)| part).collect())
}
