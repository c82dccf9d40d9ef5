//! Two catalogs over one store, as two nodes have them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use serde_json::Map;

use crate::catalog::tests::{default, name, open, open_with, put, step, store};
use crate::catalog::{Catalog, CatalogError, NewToken};
use crate::clock::SimulatedClock;
use crate::domain::config_digest::token_digest;
use crate::domain::ids::{ConfigKey, ScheduleName, StepName, WebhookName, WorkspaceName};
use crate::domain::limits;
use crate::domain::principal::{Principal, Scope};
use crate::domain::schedule::{Missed, ScheduleSettings};
use crate::domain::step::Tuning;
use crate::domain::webhook::WebhookRules;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Store, StoreError};

async fn two() -> (Arc<dyn Store>, Arc<Catalog>, Arc<Catalog>) {
    let (store, _, one, other) = two_by_a_clock().await;
    (store, one, other)
}

/// The same with their clock: while it stands still, neither asks the store for changes by itself.
async fn two_by_a_clock() -> (
    Arc<dyn Store>,
    Arc<SimulatedClock>,
    Arc<Catalog>,
    Arc<Catalog>,
) {
    let (store, clock) = (store(), Arc::new(SimulatedClock::at(1_000)));
    let one = open_with(&store, 'a', clock.clone()).await.unwrap();
    let other = open_with(&store, 'a', clock.clone()).await.unwrap();
    (store, clock, one, other)
}

/// Advances the clock until the catalog has taken the change in by itself, without a look-up that misses.
async fn until(clock: &SimulatedClock, what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        clock.advance(100);
        tokio::task::yield_now().await;
    }
    panic!("{what}: the other catalog never took it in");
}

fn minutely() -> ScheduleSettings {
    ScheduleSettings {
        cron: "* * * * *".into(),
        timezone: "UTC".into(),
        missed: Missed::All,
        data: Map::new(),
    }
}

#[tokio::test]
async fn what_one_changes_the_other_is_told() {
    let (store, clock, one, other) = two_by_a_clock().await;
    let acme: WorkspaceName = name("acme");
    let form: WebhookName = name("Contact Form");
    one.add_workspace(acme.clone(), WorkspaceSettings::default())
        .await
        .unwrap();
    let webhook = one
        .add_webhook(&acme, form.clone(), WebhookRules::default())
        .await
        .unwrap();
    let token: ConfigKey = name("TOKEN");
    one.set_config(&acme, token.clone(), "1").await.unwrap();
    let hourly: ScheduleName = name("hourly");
    one.put_schedule(&acme, hourly.clone(), minutely())
        .await
        .unwrap();
    until(&clock, "a workspace with all that it has", || {
        other.webhook(&acme, "Contact Form").is_ok()
            && other
                .config(&acme)
                .get("TOKEN")
                .is_some_and(|value| value == "1")
            && other.schedule(&acme, &hourly).is_ok()
    })
    .await;
    assert_eq!(other.webhook_by_key(webhook.key.reveal()).unwrap(), webhook);
    assert_eq!(other.next_fire(|_| true), Some(60_000));
    // A step that a third one has put there, and whose limits one of the two changes.
    put(&store, &acme, step("greet", serde_json::json!({"a": 1}))).await;
    let greet: StepName = name("greet");
    for catalog in [&one, &other] {
        until(&clock, "a step", || catalog.step(&acme, &greet).is_ok()).await;
    }
    let tuning = Tuning {
        attempts: Some(7),
        ..Tuning::default()
    };
    other.tune_step(&acme, &greet, tuning).await.unwrap();
    until(&clock, "a step's policy", || {
        one.step(&acme, &greet).unwrap().step.retry.attempts == 7
    })
    .await;
    // Fires that one has settled are not the other's to make.
    let due = other.due_schedules(60_000, 10, |_| true);
    other
        .settle_schedules(vec![(due[0].clone(), 60_000)])
        .await
        .unwrap();
    until(&clock, "a settled time", || {
        one.next_fire(|_| true) == Some(120_000)
    })
    .await;
    // And what is gone is gone.
    other.delete_webhook(&acme, "Contact Form").await.unwrap();
    other.delete_config(&acme, &token).await.unwrap();
    other.delete_schedule(&acme, &hourly).await.unwrap();
    other.delete_step(&acme, &greet).await.unwrap();
    until(&clock, "deletions", || {
        one.webhook(&acme, "Contact Form").is_err()
            && one.config(&acme).is_empty()
            && one.schedule(&acme, &hourly).is_err()
            && one.step(&acme, &greet).is_err()
    })
    .await;
    assert!(one.webhook_by_key(webhook.key.reveal()).is_none());
    assert_eq!(one.next_fire(|_| true), None);
}

#[tokio::test]
async fn what_is_missing_is_looked_for_in_the_store_before_that_is_said() {
    let (_store, one, other) = two().await;
    let acme: WorkspaceName = name("acme");
    let settings = WorkspaceSettings::default();
    one.add_workspace(acme.clone(), settings).await.unwrap();
    assert!(
        other.check_workspace(&acme).is_err(),
        "it has not taken it in yet"
    );
    let found = other.look_up(|catalog| catalog.check_workspace(&acme));
    found.await.unwrap();
    let webhook = one
        .add_webhook(&acme, name("w"), WebhookRules::default())
        .await
        .unwrap();
    let found = other.look_up(|catalog| catalog.webhook(&acme, &webhook.id));
    assert_eq!(found.await.unwrap(), webhook);
    let missing = other
        .look_up(|catalog| catalog.webhook(&acme, "none"))
        .await;
    assert!(matches!(missing, Err(CatalogError::NotFound { .. })));
}

/// A change that stands on what another has changed meanwhile is checked again, on what there is then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_take_one_name_one_gets_it() {
    let (_store, one, other) = two().await;
    for round in 0..40 {
        let form: WebhookName = name(&format!("form {round}"));
        let ws = default();
        let (a, b) = tokio::join!(
            one.add_webhook(&ws, form.clone(), WebhookRules::default()),
            other.add_webhook(&ws, form.clone(), WebhookRules::default()),
        );
        let lost = match (&a, &b) {
            (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
            both => panic!("{both:?}"),
        };
        assert!(matches!(lost, CatalogError::Exists { .. }), "{lost}");
        let space: WorkspaceName = name(&format!("space-{round}"));
        let add = |catalog: &Arc<Catalog>| {
            let (catalog, space) = (catalog.clone(), space.clone());
            async move {
                catalog
                    .add_workspace(space, WorkspaceSettings::default())
                    .await
            }
        };
        let (a, b) = tokio::join!(add(&one), add(&other));
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_catalogs_share_one_bound() {
    let (store, one, other) = two().await;
    let all = [(one, "a"), (other, "b")].map(|(catalog, whose)| {
        tokio::spawn(async move {
            for number in 0.. {
                let schedule: ScheduleName = name(&format!("{whose}{number}"));
                match catalog.put_schedule(&default(), schedule, minutely()).await {
                    Ok(_) => {}
                    Err(full) => {
                        assert!(matches!(full, CatalogError::Full { .. }), "{full}");
                        return number;
                    }
                }
            }
            0
        })
    });
    let mut added = 0;
    for one in all {
        added += one.await.unwrap();
    }
    assert_eq!(added, limits::SCHEDULES);
    let there = store.registry_since(0).await.unwrap().schedules.len();
    assert_eq!(there, limits::SCHEDULES);
}

/// A workspace that cannot be opened stays as it was, but for its tokens, and the others go on.
#[tokio::test]
async fn a_change_that_cannot_be_opened_keeps_nothing_else_back() {
    let (store, one, _) = two().await;
    let stranger = open(&store, 'b').await.unwrap();
    let acme: WorkspaceName = name("acme");
    one.add_workspace(acme.clone(), WorkspaceSettings::default())
        .await
        .unwrap();
    let webhook = one
        .add_webhook(&default(), name("w"), WebhookRules::default())
        .await
        .unwrap();
    let new = |name: &str| NewToken {
        workspace: Some(default()),
        name: name.parse().unwrap(),
        scopes: vec![Scope::Read],
        expires_in_seconds: None,
    };
    let admin = Principal::admin();
    let (_, revoked) = one.add_token(new("revoked"), &admin).await.unwrap();
    stranger.refresh().await.unwrap();
    let is_valid = async |text: &str| {
        let found = stranger.principal(&token_digest(text.as_bytes())).await;
        found.unwrap().is_some()
    };
    assert!(is_valid(&revoked).await);
    one.set_config(&default(), name("TOKEN"), "1")
        .await
        .unwrap();
    one.delete_webhook(&default(), &webhook.id).await.unwrap();
    one.revoke_token(Some(&default()), "revoked").await.unwrap();
    let (_, added) = one.add_token(new("added"), &admin).await.unwrap();
    let other = one
        .add_webhook(&acme, name("w"), WebhookRules::default())
        .await
        .unwrap();
    stranger.refresh().await.unwrap();
    assert_eq!(stranger.revision(), one.revision());
    assert!(stranger.webhook(&default(), &webhook.id).is_ok());
    assert!(stranger.webhook(&acme, &other.id).is_ok());
    assert!(!is_valid(&revoked).await && is_valid(&added).await);
    // What is changed there later, too.
    one.delete_webhook(&acme, &other.id).await.unwrap();
    stranger.refresh().await.unwrap();
    assert!(stranger.webhook(&acme, &other.id).is_err());
    // It does not begin so.
    let error = open(&store, 'b').await.err().unwrap();
    assert!(matches!(error, CatalogError::Vault(_)), "{error}");
}

#[tokio::test]
async fn look_ups_that_miss_together_ask_the_store_once() {
    let (store, one, other) = two().await;
    let looks = || other.misses.looks.load(Ordering::Relaxed);
    let look_up = |id: String| {
        let other = other.clone();
        async move {
            other
                .look_up(|catalog| catalog.webhook(&default(), &id))
                .await
        }
    };
    let missing =
        |found: &Result<_, CatalogError>| matches!(found, Err(CatalogError::NotFound { .. }));
    let before = looks();
    let found = join_all((0..900).map(|n| look_up(n.to_string()))).await;
    assert!(found.iter().all(missing), "{found:?}");
    // The catalog may look by itself, too.
    assert!(looks() <= before + 2, "{before} {}", looks());
    // No more than so many wait.
    let found = join_all((0..1_500).map(|n| look_up(n.to_string()))).await;
    let refused = |found: &&Result<_, CatalogError>| {
        let unavailable = matches!(
            found,
            Err(CatalogError::Store(StoreError::Unavailable { .. }))
        );
        assert!(unavailable || missing(found), "{found:?}");
        unavailable
    };
    assert!(found.iter().filter(refused).count() >= 500);
    // Each one of them sees what was there when it came.
    let webhook = one
        .add_webhook(&default(), name("w"), WebhookRules::default())
        .await
        .unwrap();
    for found in join_all((0..100).map(|_| look_up(webhook.id.clone()))).await {
        assert_eq!(found.unwrap(), webhook);
    }
    // If the store cannot be asked, nothing is said to be missing.
    store.close().await;
    for found in join_all((0..100).map(|n| look_up(n.to_string()))).await {
        assert!(
            matches!(found, Err(CatalogError::Store(StoreError::Closed))),
            "{found:?}"
        );
    }
}
