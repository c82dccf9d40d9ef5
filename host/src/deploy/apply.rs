//! Sends what a plan says, one item after another. Each is one request, which the server does or
//! does not: nothing is left half done, and what fails does not keep the independent rest.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::plan::{Action, Change, Item, Kind};
use crate::client::member::{text, warnings};
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
    // What was deleted may be what could not be sent, under a former name.
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
    let answer = loop {
        match (once(client, item).await, waits.next()) {
            (Err(ClientError::Refused { status: 503, .. }), Some(wait)) => {
                tokio::time::sleep(*wait).await;
            }
            (result, _) => break result?,
        }
    };
    if matches!(item.change, Change::Webhook(_)) && item.action == Action::Create {
        item.url = Some(text(&answer, "url").to_owned());
    }
    item.warnings = warnings(&answer).map(str::to_owned).collect();
    item.change = Change::Nothing;
    Ok(())
}

async fn once(client: &Client, item: &Item) -> Result<Value, ClientError> {
    let name = item.name.as_str();
    match &item.change {
        Change::Nothing => Ok(Value::Null),
        Change::Workspace(settings) => {
            let mut body = settings.clone();
            body.insert("name".into(), name.into());
            client.add_workspace(&body.into()).await
        }
        Change::Settings(settings) => client.patch(&[], &settings.clone().into()).await,
        Change::Config(value) => {
            let body = json!({"value": value.as_str()});
            client.put(&["config", name], &body).await
        }
        Change::Connector(kind, config) => {
            let body = json!({"kind": kind, "config": config});
            client.put(&["connectors", name], &body).await
        }
        Change::Webhook(correlate) if item.action == Action::Create => {
            let body = json!({"name": name, "correlate": correlate});
            client.post(&["webhooks"], &body).await
        }
        Change::Webhook(correlate) => {
            let body = json!({"correlate": correlate});
            client.put(&["webhooks", name], &body).await
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
            client.upload(&["steps", name], &query, bytes.clone()).await
        }
        Change::Schedule(settings) => client.put(&["schedules", name], settings).await,
        Change::Tuning(limits, retry) => {
            let body = json!({"limits": limits, "retry": retry});
            client.patch(&["steps", name], &body).await
        }
        Change::Delete => {
            let noun = item.kind.path();
            client.delete(&[noun, name]).await.map(|()| Value::Null)
        }
    }
}
