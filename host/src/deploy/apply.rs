//! Sends what a plan says, one item after another. Each is one request, which the server does or
//! does not: nothing is left half done, and what fails does not keep the independent rest.

use std::collections::HashSet;
use std::time::Duration;

use stepwell_api::{
    ConfigValue, LimitsChange, NewWorkspace, Put, RetryChange, Schedule, Step, StepChange, Webhook,
    WebhookChange, Workspace,
};

use super::plan::{Action, Change, Item, Kind};
use crate::client::{Client, ClientError};

/// How long the server may be without an answer because too much is going on there.
const PATIENCE: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// Sends the changes, and shows each item when it is done.
pub async fn apply(
    client: &Client,
    items: &mut [Item],
    mut show: impl FnMut(&Item) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Why nothing more can be done: for one workspace, or for all.
    let (mut no_workspace, mut no_server) = (None, None::<String>);
    // A resource that could not be sent may be the deleted one under a new name.
    let mut failed = HashSet::new();
    for item in items {
        let kind = (item.workspace.clone(), item.kind);
        let stop = no_server.clone().or_else(|| {
            if item.action == Action::Delete && failed.contains(&kind) {
                let word = item.kind.word();
                return Some(format!("not deleted, because another {word} failed"));
            }
            let lost = no_workspace.as_ref()?;
            (*lost == item.workspace).then(|| "not tried: its workspace was not made".to_owned())
        });
        match (stop, matches!(item.change, Change::Nothing)) {
            (_, true) => {}
            (Some(reason), false) => item.fail(reason),
            (None, false) => {
                let client = client.of_workspace(item.workspace.as_str());
                if let Err(error) = send(&client, item).await {
                    if item.kind == Kind::Workspace {
                        no_workspace = Some(item.workspace.clone());
                    }
                    if error.is_no_access() {
                        no_server = Some(format!("not tried: {error}"));
                    }
                    item.fail(error.to_string());
                }
            }
        }
        if item.action == Action::Failed {
            failed.insert(kind);
        }
        show(item)?;
    }
    Ok(())
}

/// Sends one item, again if the server says that it is overloaded.
async fn send(client: &Client, item: &mut Item) -> Result<(), ClientError> {
    let mut waits = PATIENCE.iter();
    let done = loop {
        match (once(client, item).await, waits.next()) {
            (Err(ClientError::Refused { status: 503, .. }), Some(wait)) => {
                tokio::time::sleep(*wait).await;
            }
            (result, _) => break result?,
        }
    };
    item.url = done.url;
    item.warnings = done.warnings;
    item.change = Change::Nothing;
    Ok(())
}

/// What an answer tells beside that it is done.
#[derive(Default)]
struct Done {
    /// A created webhook's URL.
    url: Option<String>,
    /// The server's warnings about a step.
    warnings: Vec<String>,
}

async fn once(client: &Client, item: &Item) -> Result<Done, ClientError> {
    let name = item.name.as_str();
    match &item.change {
        Change::Nothing => {}
        Change::Workspace(settings) => {
            let body = NewWorkspace {
                name: name.to_owned(),
                failure_url: settings.failure_url.clone().flatten(),
                retention: settings.retention,
                rate: settings.rate.flatten(),
            };
            client.add_workspace(&body).await?;
        }
        Change::Settings(settings) => {
            client.patch::<Workspace>(&[], settings).await?;
        }
        Change::Config(value) => {
            let value = value.to_string();
            client
                .put::<()>(&["config", name], &ConfigValue { value })
                .await?;
        }
        Change::Connector(settings) => {
            client.put::<Put>(&["connectors", name], settings).await?;
        }
        Change::Webhook(change) if item.action == Action::Create => {
            let body = WebhookChange::clone(change).into_new(name.to_owned());
            let webhook = client.post::<Webhook>(&["webhooks"], &body).await?;
            return Ok(Done {
                url: Some(webhook.read()?.url),
                ..Done::default()
            });
        }
        Change::Webhook(change) => {
            let path = ["webhooks", name];
            client.patch::<Webhook>(&path, &**change).await?;
        }
        Change::Step(bytes, limits, retry) => {
            // All of them, so that the step is the same on a server with other defaults.
            let query = [
                ("fuel", limits.fuel.to_string()),
                ("memory", limits.memory.to_string()),
                ("timeout_ms", limits.timeout_ms.to_string()),
                ("attempts", retry.attempts.to_string()),
                ("first_ms", retry.first_ms.to_string()),
                ("factor", retry.factor.to_string()),
                ("cap_ms", retry.cap_ms.to_string()),
            ];
            let path = ["steps", name];
            let step = client.upload::<Step>(&path, &query, bytes.clone()).await?;
            return Ok(Done {
                warnings: step.read()?.warnings.unwrap_or_default(),
                ..Done::default()
            });
        }
        Change::Schedule(settings) => {
            client
                .put::<Schedule>(&["schedules", name], settings)
                .await?;
        }
        Change::Tuning(limits, retry) => {
            let body = StepChange {
                limits: LimitsChange {
                    fuel: Some(limits.fuel),
                    memory: Some(limits.memory),
                    timeout_ms: Some(limits.timeout_ms),
                },
                retry: RetryChange {
                    attempts: Some(retry.attempts),
                    first_ms: Some(retry.first_ms),
                    factor: Some(retry.factor),
                    cap_ms: Some(retry.cap_ms),
                },
            };
            client.patch::<Step>(&["steps", name], &body).await?;
        }
        Change::Delete => client.delete(&[item.kind.path(), name]).await?,
    }
    Ok(Done::default())
}
