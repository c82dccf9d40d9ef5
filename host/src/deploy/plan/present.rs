//! What a workspace has on the server, by GETs and by asking what a PUT would come to.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::manifest::model::{Schedule, Workspace};
use super::item::{Action, Kind};
use crate::client::member::{member, text};
use crate::client::{Client, ClientError};

/// What one workspace has, as the API tells it.
#[derive(Default)]
pub(super) struct Present {
    /// With their digests.
    pub config: HashMap<String, String>,
    /// What the server says each would come to.
    pub connectors: HashMap<String, Result<Action, ClientError>>,
    /// With their correlation.
    pub webhooks: HashMap<String, Option<String>>,
    /// What the server says each would come to.
    pub schedules: HashMap<String, Result<Action, ClientError>>,
    /// With their digests, limits and retry policies.
    pub steps: HashMap<String, (String, Value)>,
    /// All connectors and schedules that there are.
    names: HashMap<Kind, Vec<String>>,
}

impl Present {
    /// Asks for all of it.
    pub async fn of(client: &Client, wanted: &Workspace) -> Result<Self, ClientError> {
        let own = |value: &Value, key| text(value, key).to_owned();
        let config = client.get(&["config"], &[]).await?;
        let webhooks = client.get(&["webhooks"], &[]).await?;
        let steps = client.get(&["steps"], &[]).await?;
        let mut names = HashMap::new();
        for kind in [Kind::Connector, Kind::Schedule] {
            let listed = client.get(&[kind.path()], &[]).await?;
            let listed = member(&listed, kind.path()).map(|one| own(one, "name"));
            names.insert(kind, listed.collect());
        }
        let mut connectors = HashMap::new();
        for connector in &wanted.connectors {
            let body = json!({"kind": connector.kind, "config": connector.config});
            let put = would_put(client, &["connectors", &connector.name], &body).await;
            connectors.insert(connector.name.clone(), put);
        }
        let mut schedules = HashMap::new();
        for Schedule { name, settings } in &wanted.schedules {
            let path = ["schedules", name.as_str()];
            let put = would_put(client, &path, &json!(settings)).await;
            schedules.insert(name.to_string(), put);
        }
        Ok(Self {
            config: member(&config, "config")
                .map(|one| (own(one, "key"), own(one, "digest")))
                .collect(),
            connectors,
            schedules,
            names,
            webhooks: member(&webhooks, "webhooks")
                .map(|one| {
                    let correlate = one["correlate"].as_str();
                    (own(one, "name"), correlate.map(str::to_owned))
                })
                .collect(),
            steps: member(&steps, "steps")
                .map(|one| {
                    (
                        own(one, "name"),
                        (own(one, "digest"), json!([one["limits"], one["retry"]])),
                    )
                })
                .collect(),
        })
    }

    /// The names of all that there are of a kind, in order.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        let mut names: Vec<String> = match kind {
            Kind::Workspace => Vec::new(),
            Kind::Config => self.config.keys().cloned().collect(),
            Kind::Webhook => self.webhooks.keys().cloned().collect(),
            Kind::Step => self.steps.keys().cloned().collect(),
            Kind::Connector | Kind::Schedule => self.names.get(&kind).cloned().unwrap_or_default(),
        };
        names.sort();
        names
    }
}

/// What putting a document would come to. The server is asked: a connector's settings never come
/// back, and it knows when two schedules are the same.
async fn would_put(client: &Client, path: &[&str], body: &Value) -> Result<Action, ClientError> {
    let answer = client.check(path, body).await?;
    Ok(match text(&answer, "change") {
        "same" => Action::None,
        "changed" => Action::Update,
        _ => Action::Create,
    })
}
