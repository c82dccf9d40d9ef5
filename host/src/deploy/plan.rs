//! Compares the server's setup with the manifest. Only GETs are sent, and PUTs that are to
//! change nothing.

pub mod item;
mod names;
mod present;
mod prune;
mod webhook;

use std::collections::HashMap;

use stepwell_api::{self as contract, WorkspaceChange};

use super::manifest::model::{Connector, Schedule, Workspace};
use super::sources::{Step, Steps};
use crate::client::{Client, ClientError};
use crate::domain::config_digest::{config_digest, token_digest};
use crate::domain::ids::WorkspaceName;
pub use item::{Action, Change, Item, Kind};
use present::Present;
pub use prune::Unmanaged;

/// The differences, and notes about them.
#[derive(Default)]
pub struct Plan {
    /// In the order in which they are to be sent.
    pub items: Vec<Item>,
    /// Resources on the server that the manifest does not name, and that stay.
    pub kept: Vec<Unmanaged>,
    /// For the reader's eye.
    pub notes: Vec<String>,
}

/// Compares. Of the kinds in `prune`, what the manifest does not name is to be deleted, where it
/// names others of the kind.
pub async fn plan(
    client: &Client,
    wanted: Vec<(Workspace, Steps)>,
    prune: &[Kind],
) -> Result<Plan, ClientError> {
    let listed = client.workspaces().await?.read()?;
    let there: HashMap<&str, &contract::Workspace> = (listed.workspaces.iter())
        .map(|one| (one.name.as_str(), one))
        .collect();
    let mut plan = Plan::default();
    for (workspace, mut steps) in wanted {
        let client = client.of_workspace(workspace.name.as_str());
        let there = there.get(workspace.name.as_str());
        let mut present = match there {
            Some(_) => Present::of(&client, &workspace).await?,
            None => Present::default(),
        };
        let name = workspace.name.clone();
        let named = workspace.named.clone();
        let is_whole = steps.broken.is_empty();
        plan.notes.extend(names::settle(&mut steps, &present));
        let mut items = compare(&client, workspace, steps, there.copied(), &mut present);
        let gone = prune::gone(&name, &items, &present);
        plan.notes.extend(names::rivals(&items, &gone));
        for (kind, gone) in gone {
            let is_pruned = prune.contains(&kind) && named.contains(&kind);
            // The name of a source that could not be read or built is unknown: it may be one of
            // these.
            let is_known = kind != Kind::Step || is_whole;
            if is_pruned && is_known {
                let delete =
                    |one: String| Item::new(&name, kind, &one, Action::Delete, Change::Delete);
                items.extend(gone.into_iter().map(delete));
                continue;
            }
            if is_pruned && !gone.is_empty() {
                plan.notes.push(format!(
                    "no step of {name} is deleted, because not every step of the manifest is known: see the lines with !"
                ));
            }
            plan.kept.extend(gone.into_iter().map(|one| Unmanaged {
                workspace: name.clone(),
                kind,
                name: one,
            }));
        }
        plan.items.extend(items);
    }
    Ok(plan)
}

/// The settings of the manifest that a workspace's present ones differ from.
fn unlike(wanted: WorkspaceChange, there: Option<&contract::Workspace>) -> WorkspaceChange {
    let Some(there) = there else {
        return wanted;
    };
    let (url, mut retention, rate) = (wanted.failure_url, wanted.retention, wanted.rate);
    if let Some(kept) = there.retention {
        retention.done = retention.done.filter(|period| *period != kept.done);
        retention.others = retention.others.filter(|period| *period != kept.others);
    }
    WorkspaceChange {
        failure_url: url.filter(|url| *url != there.failure_url),
        retention,
        rate: rate.filter(|rate| *rate != there.rate),
    }
}

fn compare(
    client: &Client,
    wanted: Workspace,
    steps: Steps,
    there: Option<&contract::Workspace>,
    present: &mut Present,
) -> Vec<Item> {
    let name = &wanted.name;
    let item = |kind, of: &str, action, change| Item::new(name, kind, of, action, change);
    let settings = unlike(wanted.settings, there);
    let (action_of_workspace, change) = match there {
        None => (Action::Create, Change::Workspace(settings)),
        Some(_) if settings.is_empty() => (Action::None, Change::Nothing),
        Some(_) => (Action::Update, Change::Settings(settings)),
    };
    let mut items = vec![item(
        Kind::Workspace,
        name.as_str(),
        action_of_workspace,
        change,
    )];
    let token = token_digest(client.token().as_bytes());
    for setting in wanted.config {
        let digest = config_digest(&token, name, &setting.key, &setting.value);
        let action = action(present.config.get(setting.key.as_str()), |there| {
            **there == digest
        });
        let change = unless_none(action, Change::Config(setting.value));
        items.push(item(Kind::Config, setting.key.as_str(), action, change));
    }
    for Connector {
        name: item_name,
        settings,
    } in wanted.connectors
    {
        let change = Change::Connector(settings);
        let put = present.connectors.remove(&item_name);
        items.push(put_item(name, Kind::Connector, &item_name, put, change));
    }
    for webhook in wanted.webhooks {
        let item_name = webhook.name.to_string();
        let there = present.webhooks.get(&item_name);
        let (change, parts) = webhook::difference(&token, name, webhook, there);
        let action = action(there, |_| change.is_empty());
        let change = unless_none(action, Change::Webhook(Box::new(change)));
        let mut webhook = item(Kind::Webhook, &item_name, action, change);
        webhook.parts = parts;
        items.push(webhook);
    }
    for broken in steps.broken {
        let mut broken_item = item(Kind::Step, &broken.name, Action::None, Change::Nothing);
        broken_item.fail(broken.reason);
        items.push(broken_item);
    }
    for Step {
        name: item_name,
        bytes,
        digest,
        limits,
        retry,
        ..
    } in steps.made
    {
        let there = present.steps.get(item_name.as_str());
        let is_there = there.is_some_and(|(other, _)| *other == digest);
        let wanted = (limits.into(), retry.into());
        let action = action(there, |(_, old)| is_there && *old == wanted);
        let change = match is_there {
            true => Change::Tuning(limits, retry),
            false => Change::Step(bytes, limits, retry),
        };
        let change = unless_none(action, change);
        let mut step = item(Kind::Step, item_name.as_str(), action, change);
        step.digests = (there.map(|(digest, _)| digest.clone()), Some(digest));
        items.push(step);
    }
    for Schedule {
        name: item_name,
        settings,
    } in wanted.schedules
    {
        let change = Change::Schedule(settings.into());
        let put = present.schedules.remove(item_name.as_str());
        items.push(put_item(
            name,
            Kind::Schedule,
            item_name.as_str(),
            put,
            change,
        ));
    }
    items
}

/// The item of something of which the server was asked what putting it would come to.
fn put_item(
    workspace: &WorkspaceName,
    kind: Kind,
    item_name: &str,
    put: Option<Result<Action, ClientError>>,
    change: Change,
) -> Item {
    match put {
        None => Item::new(workspace, kind, item_name, Action::Create, change),
        Some(Ok(action)) => {
            let change = unless_none(action, change);
            Item::new(workspace, kind, item_name, action, change)
        }
        Some(Err(error)) => {
            let mut refused = Item::new(workspace, kind, item_name, Action::None, Change::Nothing);
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
