//! Reads the present setup of a workspace from the server, by GETs and by dry runs of PUTs.

use std::collections::HashMap;

use serde::Serialize;
use stepwell_api::{
    ConfigKeys, Connectors, Limits, Put, PutChange, Retry, ScheduleSettings, Schedules, Steps,
    Webhook, Webhooks,
};

use super::super::manifest::model::{Schedule, Workspace};
use super::item::{Action, Kind};
use crate::client::{Client, ClientError};

/// The present setup of one workspace, as the API lists it.
#[derive(Default)]
pub(super) struct Present {
    /// With their digests.
    pub config: HashMap<String, String>,
    /// What the server says each would come to.
    pub connectors: HashMap<String, Result<Action, ClientError>>,
    /// As they are shown.
    pub webhooks: HashMap<String, Webhook>,
    /// What the server says each would come to.
    pub schedules: HashMap<String, Result<Action, ClientError>>,
    /// With their digests, limits and retry policies.
    pub steps: HashMap<String, (String, (Limits, Retry))>,
    /// All connectors and schedules that there are.
    names: HashMap<Kind, Vec<String>>,
}

impl Present {
    /// Asks for all of it.
    pub async fn of(client: &Client, wanted: &Workspace) -> Result<Self, ClientError> {
        let config = client.get::<ConfigKeys>(&["config"], &[]).await?.read()?;
        let webhooks = client.get::<Webhooks>(&["webhooks"], &[]).await?.read()?;
        let steps = client.get::<Steps>(&["steps"], &[]).await?.read()?;
        let named = client.get::<Connectors>(&["connectors"], &[]).await?;
        let named = named.read()?.connectors.into_iter().map(|one| one.name);
        let mut names = HashMap::from([(Kind::Connector, named.collect())]);
        let named = client.get::<Schedules>(&["schedules"], &[]).await?;
        let named = named.read()?.schedules.into_iter().map(|one| one.name);
        names.insert(Kind::Schedule, named.collect());
        let mut connectors = HashMap::new();
        for connector in &wanted.connectors {
            let path = ["connectors", connector.name.as_str()];
            let put = would_put(client, &path, &connector.settings).await;
            connectors.insert(connector.name.clone(), put);
        }
        let mut schedules = HashMap::new();
        for Schedule { name, settings } in &wanted.schedules {
            let path = ["schedules", name.as_str()];
            let settings = ScheduleSettings::from(settings.clone());
            let put = would_put(client, &path, &settings).await;
            schedules.insert(name.to_string(), put);
        }
        let config = config.config.into_iter();
        let webhooks = webhooks.webhooks.into_iter();
        let steps = steps.steps.into_iter();
        Ok(Self {
            config: config
                .map(|one| (one.key, one.digest.unwrap_or_default()))
                .collect(),
            connectors,
            schedules,
            names,
            webhooks: webhooks.map(|one| (one.name.clone(), one)).collect(),
            steps: steps
                .map(|one| (one.name, (one.digest, (one.limits, one.retry))))
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
async fn would_put(
    client: &Client,
    path: &[&str],
    body: &impl Serialize,
) -> Result<Action, ClientError> {
    let answer = client.check::<Put>(path, body).await?.read()?;
    Ok(match answer.change {
        PutChange::Same => Action::None,
        PutChange::Changed => Action::Update,
        _ => Action::Create,
    })
}
