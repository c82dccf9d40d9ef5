//! Samples with limits of what comes in.

use super::samples;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;

pub(super) fn webhooks() -> Vec<Webhook> {
    let limits = [(Some("600/m"), None), (None, Some(4))];
    let webhooks = samples::webhooks_with_former_keys().into_iter().zip(limits);
    let with = webhooks.map(|(mut webhook, (rate, at_once))| {
        webhook.intake.rate = rate.and_then(|rate| rate.parse().ok());
        webhook.intake.at_once = at_once;
        webhook.intake.omits_bodies = at_once.is_some();
        webhook
    });
    with.collect()
}

pub(super) fn workspaces() -> Vec<WorkspaceSettings> {
    let with = samples::workspaces_with_retention().into_iter();
    let with = with.map(|settings| WorkspaceSettings {
        rate: "1000/s".parse().ok(),
        ..settings
    });
    with.collect()
}
