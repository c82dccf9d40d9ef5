//! A webhook as `webhook show` prints it.

use stepwell_api::{FixedReply, FormerUrl, OnMismatch, Webhook};

use super::dedup;
use super::intake::rate_text;
use crate::terminal::output::{Output, Tone, printable};

/// A webhook for people: a line for each of its settings.
pub(super) fn sheet(webhook: &Webhook, output: Output) -> String {
    let mut rows = vec![
        ("name", webhook.name.clone()),
        ("id", webhook.id.clone()),
        ("url", webhook.url.clone()),
    ];
    rows.push(("formerly", webhook.former_names.join(", ")));
    rows.extend(webhook.former_urls.iter().map(|former| {
        let FormerUrl { url, expires } = former;
        ("former url", format!("{url}, ends {expires}"))
    }));
    let without =
        (!webhook.record_bodies).then_some("bodies of refused deliveries are not recorded");
    rows.extend(without.map(|text| ("deliveries", text.to_owned())));
    rows.extend(
        webhook
            .disabled
            .then(|| ("disabled", "it refuses every request".to_owned())),
    );
    rows.extend([
        ("correlate", webhook.correlate.clone().unwrap_or_default()),
        (
            "dedup",
            webhook.dedup.as_ref().map(dedup::shown).unwrap_or_default(),
        ),
        ("methods", webhook.methods.join(", ")),
        ("headers", webhook.headers.join(", ")),
        ("rate", webhook.rate.map(rate_text).unwrap_or_default()),
        (
            "at once",
            webhook
                .at_once
                .map(|most| most.to_string())
                .unwrap_or_default(),
        ),
    ]);
    rows.extend(replies(webhook));
    if let Some(schema) = &webhook.schema {
        let on_mismatch = webhook.on_mismatch.unwrap_or_default();
        let word = match on_mismatch {
            OnMismatch::Refuse => "what does not fit is refused",
            OnMismatch::Flag => "what does not fit is flagged",
        };
        let bytes = serde_json::Value::Object(schema.clone()).to_string().len();
        rows.push(("schema", format!("{bytes} bytes, {word}")));
    }
    rows.push(("provider", webhook.provider.clone()));
    let scheme = webhook.scheme.clone();
    rows.extend(scheme.map(|scheme| ("scheme", serde_json::Value::Object(scheme).to_string())));
    rows.extend(webhook.secrets.iter().map(|secret| {
        let end = secret.expires.as_ref();
        let end = end.map_or_else(String::new, |end| format!(", ends {end}"));
        (
            "secret",
            format!("{}, added {}{end}", secret.id, secret.added),
        )
    }));
    let token = webhook.verify_token_digest.as_ref();
    rows.extend(token.map(|_| ("token", "a verify token is set".to_owned())));
    rows.push(("allow", webhook.allow_ips.join(", ")));
    let tolerance = webhook.tolerance_seconds;
    rows.extend(tolerance.map(|seconds| ("tolerance", format!("{seconds} s"))));
    rows.push(("created", webhook.created.clone()));
    let lines: Vec<String> = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| {
            let label = output.paint(Tone::Faint, &format!("{label:<11}"));
            format!("{label}{}", printable(value))
        })
        .collect();
    lines.join("\n")
}

fn replies(webhook: &Webhook) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(reply) = &webhook.reply {
        let FixedReply {
            status,
            headers,
            body,
        } = reply;
        rows.push(("reply", format!("{status}, {} bytes", body.len())));
        rows.extend(
            headers
                .iter()
                .map(|(name, value)| ("", format!("{name}: {value}"))),
        );
    }
    let wait = webhook.wait_seconds;
    rows.extend(wait.map(|seconds| ("wait", format!("{seconds} s for what comes of the task"))));
    rows.extend(webhook.redirect.clone().map(|to| ("redirect", to)));
    rows.push(("origins", webhook.allow_origins.join(", ")));
    rows
}
