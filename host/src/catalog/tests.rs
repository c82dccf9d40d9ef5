use std::sync::Arc;

use crate::store::conformance::owned::Owned;
use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::clock::SimulatedClock;
use crate::domain::data::Document;
use crate::domain::ids::{ConfigKey, ScheduleName, StepName, WebhookName};
use crate::domain::limits::{self, StepLimits};
use crate::domain::schedule::{Missed, ScheduleSettings};
use crate::domain::step::{RetryPolicy, Step, Tuning};
use crate::domain::webhook::WebhookRules;
use crate::sandbox::SandboxSettings;
use crate::store::StoreError;
use crate::store::memory::MemoryStore;

mod authentication;
mod settings;
mod steps;
mod tokens;

/// As it would be read from the store.
fn document(data: serde_json::Value) -> Arc<Document> {
    Arc::new(Document::parse(data.to_string().into()).unwrap())
}

pub(super) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub(super) fn default() -> WorkspaceName {
    name(DEFAULT_WORKSPACE)
}

fn sandbox() -> Arc<Sandbox> {
    Sandbox::new(SandboxSettings {
        concurrency: 1,
        ..SandboxSettings::default()
    })
    .unwrap()
}

pub(super) async fn open(store: &Arc<dyn Store>, key: char) -> Result<Arc<Catalog>, CatalogError> {
    open_with(store, key, Arc::new(SimulatedClock::at(1_000))).await
}

pub(super) async fn open_with(
    store: &Arc<dyn Store>,
    key: char,
    clock: Arc<SimulatedClock>,
) -> Result<Arc<Catalog>, CatalogError> {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::open(dir.path(), Some(&key.to_string().repeat(64))).unwrap();
    Catalog::open(store.clone(), sandbox(), vault, clock).await
}

pub(super) fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

pub(super) fn step(step: &str, condition: serde_json::Value) -> Step {
    Step {
        name: name(step),
        kind: crate::domain::step::StepKind::Component,
        digest: "0".repeat(64),
        size: 3,
        condition: condition.to_string(),
        limits: StepLimits::default(),
        retry: RetryPolicy::default(),
        versions: Vec::new(),
        created: 1,
        updated: 1,
    }
}

pub(super) async fn put(store: &Arc<dyn Store>, workspace: &WorkspaceName, added: Step) {
    let change = Manage::PutStep(workspace.clone(), added, Arc::from(*b"abc"));
    store.manage_now(change).await.unwrap();
}

fn names(steps: Vec<Arc<LiveStep>>) -> Vec<String> {
    let mut names: Vec<String> = steps
        .iter()
        .map(|live| live.step.name.to_string())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_default_workspace_is_always_there() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    assert_eq!(catalog.workspaces(), [default()]);
    catalog
        .add_workspace(name("acme"), Default::default())
        .await
        .unwrap();
    let error = catalog
        .add_workspace(name("acme"), Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is a workspace `acme` already; choose another name, or delete that one first"
    );
    let again = open(&store, 'a').await.unwrap();
    assert_eq!(again.workspaces(), [name("acme"), default()]);
}

#[tokio::test]
async fn a_webhook_is_found_by_key_id_and_name_until_it_is_deleted() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let form: WebhookName = name("Contact Form");
    let webhook = catalog
        .add_webhook(&default(), form.clone(), WebhookRules::default())
        .await
        .unwrap();
    assert_eq!(webhook.created, 1_000);
    assert_eq!(webhook.key.reveal().len(), 33);
    let key = webhook.key.reveal().to_owned();
    for catalog in [&catalog, &open(&store, 'a').await.unwrap()] {
        assert_eq!(catalog.webhook_by_key(&key).unwrap(), webhook);
        assert_eq!(catalog.webhook(&default(), &webhook.id).unwrap(), webhook);
        assert_eq!(
            catalog.webhook(&default(), "Contact Form").unwrap(),
            webhook
        );
        assert_eq!(
            catalog.webhooks(&default()).unwrap(),
            std::slice::from_ref(&webhook)
        );
    }
    let error = catalog
        .add_webhook(&default(), form, WebhookRules::default())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`Contact Form` already in workspace `default`"),
        "{error}"
    );

    catalog
        .delete_webhook(&default(), "Contact Form")
        .await
        .unwrap();
    assert!(catalog.webhook_by_key(&key).is_none());
    let error = catalog
        .delete_webhook(&default(), &webhook.id)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            CatalogError::NotFound {
                what: "webhook",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        open(&store, 'a')
            .await
            .unwrap()
            .webhook_by_key(&key)
            .is_none()
    );
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let (acme, none): (WorkspaceName, WorkspaceName) = (name("acme"), name("none"));
    catalog
        .add_workspace(acme.clone(), Default::default())
        .await
        .unwrap();
    let webhook = catalog
        .add_webhook(&acme, name("Form"), WebhookRules::default())
        .await
        .unwrap();
    catalog
        .set_config(&acme, name("KEY"), "acme's")
        .await
        .unwrap();
    assert!(catalog.webhook(&default(), &webhook.id).is_err());
    assert!(catalog.delete_webhook(&default(), "Form").await.is_err());
    catalog
        .add_webhook(&default(), name("Form"), WebhookRules::default())
        .await
        .unwrap();
    assert!(catalog.config(&default()).is_empty());
    assert!(catalog.webhooks(&none).is_err());
    assert!(catalog.config(&none).is_empty());
    let error = catalog
        .add_webhook(&none, name("Form"), WebhookRules::default())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no workspace `none`");
}

#[tokio::test]
async fn a_webhooks_correlation_is_changed_and_its_url_is_not() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let rules = WebhookRules {
        correlate: crate::domain::data::Pointer::parse("/order/taskId").ok(),
        dedup: crate::domain::dedup::DedupRule::new(Some("x-id"), None, None).ok(),
        ..WebhookRules::default()
    };
    let form = name("Form");
    let added = catalog.add_webhook(&default(), form, rules).await.unwrap();
    assert_eq!(added.correlate.as_deref(), Some("/order/taskId"));
    assert!(added.dedup.is_some());
    let changed = catalog
        .change_webhook(&default(), "Form", None, None)
        .await
        .unwrap();
    assert_eq!((&changed.correlate, &changed.dedup), (&None, &None));
    assert_eq!((&changed.key, &changed.id), (&added.key, &added.id));
    for catalog in [&catalog, &open(&store, 'a').await.unwrap()] {
        let found = catalog.webhook_by_key(added.key.reveal()).unwrap();
        assert_eq!(found, changed);
        assert_eq!(
            catalog.webhooks(&default()).unwrap(),
            std::slice::from_ref(&changed)
        );
    }
    let error = catalog.change_webhook(&default(), "None", None, None).await;
    assert!(error.unwrap_err().to_string().contains("no webhook `None`"));
}

#[tokio::test]
async fn what_is_no_step_leaves_nothing() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let add = async |bytes: &'static [u8], tuning: Tuning| {
        let (step, bytes): (StepName, _) = (name("s"), Bytes::from_static(bytes));
        let added = catalog.add_step(&default(), step, bytes, tuning).await;
        added.unwrap_err()
    };
    let fine = Tuning::default();
    let error = add(b"no wasm", fine).await;
    assert!(matches!(error, CatalogError::Component(_)), "{error}");
    let greedy = Tuning {
        memory: Some(StepLimits::MOST.memory + 1),
        ..fine
    };
    let error = add(b"no wasm", greedy).await;
    assert!(
        error
            .to_string()
            .starts_with("`memory` is 268435457; it must be 65536 to"),
        "{error}"
    );
    let huge: &'static [u8] = vec![0; limits::COMPONENT_BYTES + 1].leak();
    assert!(matches!(
        add(huge, fine).await,
        CatalogError::TooLarge { .. }
    ));
    assert!(catalog.steps(&default()).unwrap().is_empty());
    assert!(store.registry().await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn config_is_sealed_in_the_store_and_open_to_runs() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let (token, url): (ConfigKey, ConfigKey) = (name("TOKEN"), name("URL"));
    catalog
        .set_config(&default(), token.clone(), "s3cret")
        .await
        .unwrap();
    assert_eq!(catalog.config(&default())["TOKEN"], "s3cret");
    catalog
        .set_config(&default(), url.clone(), "http://x")
        .await
        .unwrap();
    catalog
        .set_config(&default(), token.clone(), "other")
        .await
        .unwrap();
    assert_eq!(catalog.config(&default())["TOKEN"], "other");
    assert_eq!(
        catalog.config_keys(&default()).unwrap(),
        [token.clone(), url.clone()]
    );
    for (_, key, sealed) in store.registry().await.unwrap().config {
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(
            !text.contains("other") && !text.contains("http"),
            "{key}: {text}"
        );
    }
    catalog.delete_config(&default(), &url).await.unwrap();
    assert!(catalog.delete_config(&default(), &url).await.is_err());
    assert_eq!(catalog.config(&default()).len(), 1);
    let long = "x".repeat(limits::CONFIG_BYTES + 1);
    assert!(catalog.set_config(&default(), url, &long).await.is_err());

    assert_eq!(
        open(&store, 'a').await.unwrap().config(&default())["TOKEN"],
        "other"
    );
    let error = open(&store, 'b').await.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("`TOKEN`") && error.contains("vault-key"),
        "{error}"
    );
}

#[tokio::test]
async fn a_change_that_the_store_refuses_is_not_seen() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    store.close().await;
    let error = catalog
        .add_webhook(&default(), name("Form"), WebhookRules::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, CatalogError::Store(StoreError::Closed)),
        "{error}"
    );
    assert!(catalog.webhooks(&default()).unwrap().is_empty());
    assert!(
        catalog
            .add_workspace(name("acme"), Default::default())
            .await
            .is_err()
    );
    assert_eq!(catalog.workspaces(), [default()]);
}

#[tokio::test]
async fn schedules_are_bounded_kept_and_settled() {
    let store = store();
    let (catalog, ws) = (open(&store, '1').await.unwrap(), default());
    let settings = |cron: &str| ScheduleSettings {
        cron: cron.into(),
        timezone: "UTC".into(),
        missed: Missed::All,
        data: serde_json::Map::new(),
    };
    let minutely = settings("* * * * *");
    for number in 0..limits::SCHEDULES {
        let schedule: ScheduleName = name(&format!("s{number:04}"));
        let put = catalog.put_schedule(&ws, schedule, minutely.clone());
        assert_eq!(put.await.unwrap().0, Put::Added);
    }
    let full = catalog.put_schedule(&ws, name("one more"), minutely.clone());
    assert!(matches!(
        full.await,
        Err(CatalogError::Full {
            most: limits::SCHEDULES,
            ..
        })
    ));
    let same = catalog.put_schedule(&ws, name("s0000"), minutely);
    assert_eq!(same.await.unwrap().0, Put::Same);

    // The catalog's clock stands at a second past 1970.
    assert_eq!(catalog.next_fire(|_| true), Some(60_000));
    assert!(catalog.due_schedules(59_999, 10, |_| true).is_empty());
    let due = catalog.due_schedules(60_000, 10, |_| true);
    assert_eq!(due.len(), 10);
    let own = due[0].schedule.partition();
    assert_eq!(
        catalog.next_fire(|partition| partition == own),
        Some(60_000)
    );
    let few = catalog.due_schedules(60_000, 5_000, |partition| partition == own);
    assert!(few.len() < limits::SCHEDULES && !few.is_empty());
    assert!(few.iter().all(|live| live.schedule.partition() == own));
    assert_eq!(catalog.next_fire(|_| false), None);
    let (kept, changed) = (due[0].clone(), due[1].clone());
    let schedule = changed.schedule.name.clone();
    let put = catalog.put_schedule(&ws, schedule, settings("0 * * * *"));
    assert_eq!(put.await.unwrap().0, Put::Changed);
    let settled = vec![(kept.clone(), 60_000), (changed.clone(), 60_000)];
    catalog.settle_schedules(settled).await.unwrap();
    assert_eq!(kept.next(), Some(120_000));
    assert_eq!(
        catalog.due_schedules(60_000, 5_000, |_| true).len(),
        limits::SCHEDULES - 2
    );

    let again = open(&store, '1').await.unwrap();
    let next = |name: &ScheduleName| again.schedule(&ws, name).unwrap().next();
    assert_eq!(next(&kept.schedule.name), Some(120_000));
    assert_eq!(next(&changed.schedule.name), Some(3_600_000));
    again
        .delete_schedule(&ws, &kept.schedule.name)
        .await
        .unwrap();
    let gone = again.delete_schedule(&ws, &kept.schedule.name).await;
    assert!(matches!(gone, Err(CatalogError::NotFound { .. })));
    let there = again.due_schedules(120_000, 5_000, |_| true);
    assert!(
        there
            .iter()
            .all(|live| live.schedule.name != kept.schedule.name)
    );
}
