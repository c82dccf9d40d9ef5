//! What the server has, compared with what it is to have. Only GETs are sent.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::manifest::{Connector, Schedule, Workspace};
use super::sources::{Step, Steps};
use crate::cli::client::{Client, ClientError};
use crate::cli::{member, text};
use crate::domain::config_digest::{config_digest, token_digest};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits::StepLimits;
use crate::domain::step::RetryPolicy;

/// What kind of thing an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A tenant.
    Workspace,
    /// A config value.
    Config,
    /// A connector.
    Connector,
    /// A webhook.
    Webhook,
    /// A step.
    Step,
    /// A schedule.
    Schedule,
}

impl Kind {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Config => "config",
            Self::Connector => "connector",
            Self::Webhook => "webhook",
            Self::Step => "step",
            Self::Schedule => "schedule",
        }
    }
}

/// What is to be done, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The server has it as it is to be.
    None,
    /// The server lacks it.
    Create,
    /// The server has another one.
    Update,
    /// The manifest does not name it.
    Delete,
    /// It cannot be done; see the item's error.
    Failed,
}

/// What has to be sent.
pub enum Change {
    /// Nothing.
    Nothing,
    /// A workspace, with its failure URL.
    Workspace(Option<String>),
    /// A workspace's failure URL.
    FailureUrl(Option<String>),
    /// A config value.
    Config(Zeroizing<String>),
    /// A connector.
    Connector(String, Map<String, Value>),
    /// A webhook, with its correlation.
    Webhook(Option<String>),
    /// A step.
    Step(Bytes, StepLimits, RetryPolicy),
    /// The limits and retry policy of a step whose component is there.
    Tuning(StepLimits, RetryPolicy),
    /// A schedule.
    Schedule(Value),
    /// A deletion.
    Delete,
}

/// One line of the plan.
pub struct Item {
    /// Its workspace.
    pub workspace: WorkspaceName,
    /// Its kind.
    pub kind: Kind,
    /// Its name, unique with workspace and kind.
    pub name: String,
    /// What is to be done.
    pub action: Action,
    /// What is sent for that.
    pub change: Change,
    /// A step's digests: the server's and the manifest's.
    pub digests: (Option<String>, Option<String>),
    /// A created webhook's URL, once the server has told it.
    pub url: Option<String>,
    /// What the server thinks is not meant in a step that it was sent.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Item {
    fn new(
        workspace: &WorkspaceName,
        kind: Kind,
        name: &str,
        action: Action,
        change: Change,
    ) -> Self {
        Self {
            workspace: workspace.clone(),
            kind,
            name: name.to_owned(),
            action,
            change,
            digests: (None, None),
            url: None,
            warnings: Vec::new(),
            error: None,
        }
    }

    /// Notes that it cannot be done.
    pub fn fail(&mut self, error: impl Into<String>) {
        self.action = Action::Failed;
        self.change = Change::Nothing;
        self.error = Some(error.into());
    }
}

/// What one workspace has, as the API tells it.
#[derive(Default)]
struct Present {
    config: HashMap<String, String>,
    /// What the server says each would come to.
    connectors: HashMap<String, Result<Action, ClientError>>,
    /// With their correlation.
    webhooks: HashMap<String, Option<String>>,
    /// What the server says each would come to.
    schedules: HashMap<String, Result<Action, ClientError>>,
    /// Those that there are, if it matters.
    schedule_names: Vec<String>,
    steps: HashMap<String, (String, Value)>,
}

/// The differences, in the order in which they are to be sent.
pub async fn plan(
    client: &Client,
    wanted: Vec<(Workspace, Steps)>,
    prune: bool,
) -> Result<Vec<Item>, ClientError> {
    let listed = client.workspaces().await?;
    let there: HashMap<&str, Option<&str>> = member(&listed, "workspaces")
        .map(|one| (text(one, "name"), one["failure_url"].as_str()))
        .collect();
    let mut items = Vec::new();
    for (workspace, steps) in wanted {
        let client = client.of_workspace(workspace.name.as_str());
        let there = there.get(workspace.name.as_str());
        let mut present = match there {
            Some(_) => Present::of(&client).await?,
            None => Present::default(),
        };
        if there.is_some() {
            for connector in &workspace.connectors {
                let body = json!({"kind": connector.kind, "config": connector.config});
                let put = would_put(&client, &["connectors", &connector.name], &body).await;
                present.connectors.insert(connector.name.clone(), put);
            }
            for Schedule { name, settings } in &workspace.schedules {
                let path = ["schedules", name.as_str()];
                let put = would_put(&client, &path, &json!(settings)).await;
                present.schedules.insert(name.to_string(), put);
            }
            if prune {
                let listed = client.get(&["schedules"], &[]).await?;
                let names = member(&listed, "schedules").map(|one| text(one, "name").to_owned());
                present.schedule_names = names.collect();
            }
        }
        items.extend(compare(
            &client,
            workspace,
            steps,
            there.copied(),
            present,
            prune,
        ));
    }
    Ok(items)
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

impl Present {
    async fn of(client: &Client) -> Result<Self, ClientError> {
        let config = client.get(&["config"], &[]).await?;
        let webhooks = client.get(&["webhooks"], &[]).await?;
        let steps = client.get(&["steps"], &[]).await?;
        let own = |value: &Value, key| text(value, key).to_owned();
        Ok(Self {
            config: member(&config, "config")
                .map(|one| (own(one, "key"), own(one, "digest")))
                .collect(),
            connectors: HashMap::new(),
            schedules: HashMap::new(),
            schedule_names: Vec::new(),
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
}

fn compare(
    client: &Client,
    wanted: Workspace,
    steps: Steps,
    there: Option<Option<&str>>,
    mut present: Present,
    prune: bool,
) -> Vec<Item> {
    let name = &wanted.name;
    let item = |kind, of: &str, action, change| Item::new(name, kind, of, action, change);
    let (action_of_workspace, change) = match (there, wanted.failure_url) {
        (None, url) => (Action::Create, Change::Workspace(url.flatten())),
        (Some(old), Some(new)) if old != new.as_deref() => {
            (Action::Update, Change::FailureUrl(new))
        }
        (Some(_), _) => (Action::None, Change::Nothing),
    };
    let mut items = vec![item(
        Kind::Workspace,
        name.as_str(),
        action_of_workspace,
        change,
    )];
    let token = token_digest(client.token().as_bytes());
    let kept: Vec<String> = wanted
        .config
        .iter()
        .map(|setting| setting.key.to_string())
        .collect();
    for setting in wanted.config {
        let digest = config_digest(&token, name, &setting.key, &setting.value);
        let action = action(present.config.get(setting.key.as_str()), |there| {
            **there == digest
        });
        let change = unless_none(action, Change::Config(setting.value));
        items.push(item(Kind::Config, setting.key.as_str(), action, change));
    }
    for Connector {
        name: called,
        kind,
        config,
    } in wanted.connectors
    {
        let change = Change::Connector(kind, config);
        let put = present.connectors.remove(&called);
        items.push(put_item(name, Kind::Connector, &called, put, change));
    }
    for webhook in wanted.webhooks {
        let called = webhook.name.as_str();
        let there = present.webhooks.get(called);
        let action = action(there, |there| **there == webhook.correlate);
        let change = unless_none(action, Change::Webhook(webhook.correlate));
        items.push(item(Kind::Webhook, called, action, change));
    }
    let mut kept_steps = Vec::new();
    let is_whole = steps.broken.is_empty();
    for broken in steps.broken {
        let mut broken_item = item(Kind::Step, &broken.name, Action::None, Change::Nothing);
        broken_item.fail(broken.reason);
        items.push(broken_item);
    }
    for Step {
        name: called,
        bytes,
        digest,
        limits,
        retry,
    } in steps.made
    {
        kept_steps.push(called.to_string());
        let there = present.steps.get(called.as_str());
        let is_there = there.is_some_and(|(other, _)| *other == digest);
        let action = action(there, |(_, old)| is_there && *old == json!([limits, retry]));
        let change = match is_there {
            true => Change::Tuning(limits, retry),
            false => Change::Step(bytes, limits, retry),
        };
        let change = unless_none(action, change);
        let mut step = item(Kind::Step, called.as_str(), action, change);
        step.digests = (there.map(|(digest, _)| digest.clone()), Some(digest));
        items.push(step);
    }
    let mut kept_schedules = Vec::new();
    for Schedule {
        name: called,
        settings,
    } in wanted.schedules
    {
        let change = Change::Schedule(json!(settings));
        let put = present.schedules.remove(called.as_str());
        items.push(put_item(name, Kind::Schedule, called.as_str(), put, change));
        kept_schedules.push(called.to_string());
    }
    if prune {
        let gone = |kind, there: Vec<&String>, kept: &[String]| {
            let mut names: Vec<_> = there
                .into_iter()
                .filter(|one| !kept.contains(one))
                .collect();
            names.sort();
            let items = names.into_iter();
            items
                .map(|one| item(kind, one, Action::Delete, Change::Delete))
                .collect::<Vec<_>>()
        };
        items.extend(gone(Kind::Config, present.config.keys().collect(), &kept));
        let names = present.schedule_names.iter().collect();
        items.extend(gone(Kind::Schedule, names, &kept_schedules));
        // What could not be built has a name that nobody knows: it may be one of the others.
        if is_whole {
            items.extend(gone(
                Kind::Step,
                present.steps.keys().collect(),
                &kept_steps,
            ));
        }
    }
    items
}

/// The item of something of which the server was asked what putting it would come to.
fn put_item(
    workspace: &WorkspaceName,
    kind: Kind,
    called: &str,
    put: Option<Result<Action, ClientError>>,
    change: Change,
) -> Item {
    match put {
        None => Item::new(workspace, kind, called, Action::Create, change),
        Some(Ok(action)) => {
            let change = unless_none(action, change);
            Item::new(workspace, kind, called, action, change)
        }
        Some(Err(error)) => {
            let mut refused = Item::new(workspace, kind, called, Action::None, Change::Nothing);
            refused.fail(error.to_string());
            refused
        }
    }
}

fn action<T>(there: Option<T>, is_equal: impl Fn(&T) -> bool) -> Action {
    match there {
        None => Action::Create,
        Some(there) if is_equal(&there) => Action::None,
        Some(_) => Action::Update,
    }
}

fn unless_none(action: Action, change: Change) -> Change {
    match action {
        Action::None => Change::Nothing,
        _ => change,
    }
}
