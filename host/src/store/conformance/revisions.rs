//! Checks of the revisions of what tenants set up.

use super::owned::Owned;
use super::samples::{step, workspace};
use super::subject::{Disturbance, Shaken};
use crate::domain::authentication::Authentication;
use crate::domain::limits;
use crate::domain::schedule::{Missed, Schedule};
use crate::domain::webhook::{Webhook, WebhookKey};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, StoreError};

fn webhook(id: &str, name: &str, key: &str) -> Webhook {
    Webhook {
        id: id.into(),
        workspace: workspace("a"),
        name: name.parse().unwrap(),
        key: WebhookKey::new(key.into()),
        former_keys: Vec::new(),
        created: 1,
        correlate: None,
        dedup: None,
        authentication: Authentication::default(),
        intake: Default::default(),
        replies: Default::default(),
        former_names: Vec::new(),
        schema: None,
        is_disabled: false,
    }
}

fn config(name: &str, key: &str) -> Manage {
    Manage::SetConfig(workspace(name), key.parse().unwrap(), vec![1])
}

pub(super) async fn a_change_stands_on_the_revision_that_there_is(mut store: Shaken<'_>) {
    let mut revision = store.get().await.registry().await.unwrap().revision;
    assert_eq!(revision, 0);
    for change in [
        Manage::AddWorkspace(workspace("a")),
        config("a", "K"),
        Manage::PutWebhook(webhook("1", "w", "k")),
        Manage::MarkSchedules(Vec::new()),
    ] {
        let early = store
            .get()
            .await
            .manage(change.clone(), None, revision + 1)
            .await;
        assert!(
            matches!(early, Err(StoreError::Revised { expected, actual })
                if (expected, actual) == (revision + 1, revision)),
            "{early:?}"
        );
        let next = store
            .get()
            .await
            .manage(change.clone(), None, revision)
            .await;
        assert_eq!(next.unwrap(), revision + 1);
        let late = store.get().await.manage(change, None, revision).await;
        assert!(matches!(late, Err(StoreError::Revised { .. })), "{late:?}");
        revision += 1;
        let there = store.get().await.registry().await.unwrap();
        assert_eq!(there.revision, revision);
    }
    let there = store.get().await.registry().await.unwrap();
    assert_eq!((there.webhooks.len(), there.config.len()), (1, 1));
}

pub(super) async fn what_changed_since_a_revision_is_listed_by_workspace(mut store: Shaken<'_>) {
    let names = ["a", "a-b", "b"];
    for name in names {
        let add = Manage::AddWorkspace(workspace(name));
        store.get().await.manage_now(add).await.unwrap();
        for key in ["K1", "K2"] {
            store
                .get()
                .await
                .manage_now(config(name, key))
                .await
                .unwrap();
        }
    }
    let put = Manage::PutStep(workspace("a-b"), step("s", b"s"), b"s".as_slice().into());
    store.get().await.manage_now(put).await.unwrap();
    let before = store.get().await.registry().await.unwrap();
    assert_eq!(before.changed, names.map(workspace));
    let none = store
        .get()
        .await
        .registry_since(before.revision)
        .await
        .unwrap();
    assert_eq!(none.revision, before.revision);
    assert!(none.changed.is_empty() && none.workspaces.is_empty() && none.config.is_empty());
    store
        .get()
        .await
        .manage_now(config("a", "K3"))
        .await
        .unwrap();
    let one = store
        .get()
        .await
        .registry_since(before.revision)
        .await
        .unwrap();
    assert_eq!(one.revision, before.revision + 1);
    assert_eq!(one.changed, [workspace("a")]);
    assert_eq!(one.workspaces.len(), 1);
    assert_eq!(one.config.len(), 3, "all that the workspace has");
    assert!(one.steps.is_empty());
    let set = Manage::DeleteStep(workspace("a-b"), "s".parse().unwrap());
    store.get().await.manage_now(set).await.unwrap();
    let two = store
        .get()
        .await
        .registry_since(before.revision)
        .await
        .unwrap();
    assert_eq!(two.changed, ["a", "a-b"].map(workspace));
    assert_eq!(two.config.len(), 5);
    let last = store
        .get()
        .await
        .registry_since(one.revision)
        .await
        .unwrap();
    assert_eq!(last.changed, [workspace("a-b")]);
}

pub(super) async fn names_are_taken_once_and_there_are_bounds(mut store: Shaken<'_>) {
    let settings = WorkspaceSettings::default();
    let new = Manage::NewWorkspace(workspace("a"), settings);
    store.get().await.manage_now(new.clone()).await.unwrap();
    let taken = |done: Result<(), StoreError>| {
        assert!(matches!(done, Err(StoreError::Taken { .. })), "{done:?}");
    };
    taken(store.get().await.manage_now(new).await);
    let put = |id, name, key| Manage::PutWebhook(webhook(id, name, key));
    store
        .get()
        .await
        .manage_now(put("1", "w", "k1"))
        .await
        .unwrap();
    taken(store.get().await.manage_now(put("2", "w", "k2")).await);
    taken(store.get().await.manage_now(put("2", "other", "k1")).await);
    // A webhook is its own; and one that is gone has left its name and its key.
    store
        .get()
        .await
        .manage_now(put("1", "w", "k3"))
        .await
        .unwrap();
    store
        .get()
        .await
        .manage_now(put("2", "other", "k1"))
        .await
        .unwrap();
    let gone = Manage::DeleteWebhook(workspace("a"), "1".into());
    store.get().await.manage_now(gone).await.unwrap();
    store
        .get()
        .await
        .manage_now(put("3", "w", "k3"))
        .await
        .unwrap();
    let schedule = |name: String| {
        Manage::PutSchedule(Schedule {
            workspace: workspace("a"),
            name: name.parse().unwrap(),
            cron: "0 * * * *".into(),
            timezone: "UTC".into(),
            missed: Missed::Skip,
            data: "{}".into(),
            created: 1,
            updated: 1,
        })
    };
    for number in 0..limits::SCHEDULES {
        let put = schedule(format!("n{number}"));
        store.store.manage_now(put).await.unwrap();
    }
    let more = store
        .get()
        .await
        .manage_now(schedule("one more".into()))
        .await;
    assert!(
        matches!(
            more,
            Err(StoreError::TooMany {
                most: limits::SCHEDULES,
                ..
            })
        ),
        "{more:?}"
    );
    let changed = schedule("n9".into());
    store.get().await.manage_now(changed).await.unwrap();
    let there = store.get().await.registry().await.unwrap().schedules.len();
    assert_eq!(there, limits::SCHEDULES);
}

pub(super) async fn of_changes_at_one_revision_one_is_made(store: Shaken<'_>) {
    for revision in 0..10 {
        let all = (0..8).map(|worker| {
            let (store, key) = (store.store.clone(), format!("K{revision}.{worker}"));
            tokio::spawn(async move { store.manage(config("a", &key), None, revision).await })
        });
        let mut made = 0;
        for one in all.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(next) => {
                    assert_eq!(next, revision + 1);
                    made += 1;
                }
                Err(error) => assert!(matches!(error, StoreError::Revised { .. }), "{error}"),
            }
        }
        assert_eq!(made, 1);
    }
    let there = store.store.registry().await.unwrap().config.len();
    assert_eq!(there, 10);
}

pub(super) async fn a_setup_is_bounded_in_bytes(mut store: Shaken<'_>) {
    if store.by == Disturbance::Settle {
        // Nothing of it is kept apart.
        return;
    }
    let put = |name: &str, bytes: usize| {
        Manage::PutConnector(workspace("a"), name.parse().unwrap(), vec![0; bytes])
    };
    let quarter = limits::SETUP_BYTES / 4;
    for name in ["one", "two", "three"] {
        store.store.manage_now(put(name, quarter)).await.unwrap();
    }
    let too_much = put("four", quarter + 1);
    let refused = store.get().await.manage_now(too_much).await;
    assert!(
        matches!(refused, Err(StoreError::SetupTooLarge { .. })),
        "{refused:?}"
    );
    let there = store.get().await.registry().await.unwrap().connectors.len();
    assert_eq!(there, 3, "nothing of it is there");
    let fits = put("four", quarter - 1024);
    store.store.manage_now(fits).await.unwrap();
    // Neither another workspace nor what is smaller than it was is concerned.
    store.store.manage_now(config("b", "K")).await.unwrap();
    store.store.manage_now(put("two", 10)).await.unwrap();
    store.store.manage_now(put("five", quarter)).await.unwrap();
}
