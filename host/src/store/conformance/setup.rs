//! Checks of what tenants set up.

use super::owned::Owned;
use std::sync::Arc;

use super::samples::{digest, package, step, workspace};
use super::subject::Shaken;
use crate::domain::authentication::{Authentication, WebhookSecret, networks};
use crate::domain::dedup::DedupRule;
use crate::domain::ids::{ScheduleName, TaskId, WorkspaceName};
use crate::domain::intake::Intake;
use crate::domain::reply::{ReplyRule, ReplyRules};
use crate::domain::retention::{Period, Retention};
use crate::domain::schedule::{Missed, Schedule};
use crate::domain::step::Step;
use crate::domain::webhook::{FormerKey, Webhook, WebhookKey};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, StoreError};

pub(super) async fn what_is_set_up_is_there(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("a-b"));
    for ws in [&a, &b, &a] {
        let change = Manage::AddWorkspace(ws.clone());
        store.get().await.manage_now(change).await.unwrap();
    }
    let mut webhook = Webhook {
        id: "w1".into(),
        workspace: a.clone(),
        name: "Contact Form".parse().unwrap(),
        key: WebhookKey::new("secret".into()),
        former_keys: vec![FormerKey {
            key: WebhookKey::new("former".into()),
            until: 7,
        }],
        created: 5,
        correlate: Some("/order/taskId".into()),
        dedup: DedupRule::new(None, Some("/event/id"), Some(60_000)).ok(),
        authentication: Authentication {
            provider: "github".into(),
            secrets: vec![WebhookSecret {
                id: "s1".into(),
                added: 5,
                expires: Some(9),
                sealed: vec![3; 50_000],
            }],
            allow_ips: networks(&["10.0.0.0/8"]).unwrap(),
            ..Authentication::default()
        },
        intake: Intake::of(Some(&["GET", "OPTIONS"]), &["x-tenant"]).unwrap(),
        replies: ReplyRules {
            rule: ReplyRule::Wait { seconds: 60 },
            redirect: Some("https://a.example/".into()),
            origins: vec!["*".into()],
        },
        former_names: Vec::new(),
        schema: None,
        is_disabled: true,
    };
    let change = Manage::PutWebhook(webhook.clone());
    store.get().await.manage_now(change).await.unwrap();
    webhook.created = 6;
    let change = Manage::PutWebhook(webhook.clone());
    store.get().await.manage_now(change).await.unwrap();
    let sealed = vec![9; 50_000];
    let key: crate::domain::ids::ConfigKey = "CRM.TOKEN".parse().unwrap();
    for (ws, sealed) in [(&a, vec![1]), (&a, sealed.clone()), (&b, Vec::new())] {
        let change = Manage::SetConfig(ws.clone(), key.clone(), sealed);
        store.get().await.manage_now(change).await.unwrap();
    }
    let slack: crate::domain::ids::ConnectorName = "slackCom".parse().unwrap();
    for sealed in [vec![7], vec![8]] {
        let change = Manage::PutConnector(a.clone(), slack.clone(), sealed);
        store.get().await.manage_now(change).await.unwrap();
    }
    let step = step("crm/sync", b"component");
    let change = Manage::PutStep(b.clone(), step.clone(), b"component".as_slice().into());
    store.get().await.manage_now(change).await.unwrap();
    let registry = store.get().await.registry().await.unwrap();
    let plain = WorkspaceSettings::default();
    assert_eq!(
        registry.workspaces,
        [(a.clone(), plain.clone()), (b.clone(), plain.clone())]
    );
    let settings = WorkspaceSettings {
        failure_url: Some(format!("https://example.com/{}", "x".repeat(1_900))),
        retention: Retention {
            done: Period::Days(7),
            others: Period::Forever,
        },
        rate: None,
    };
    // Adding it once more takes nothing from it.
    for change in [
        Manage::SetWorkspace(b.clone(), settings.clone()),
        Manage::AddWorkspace(b.clone()),
    ] {
        store.get().await.manage_now(change).await.unwrap();
        let registry = store.get().await.registry().await.unwrap();
        assert_eq!(
            registry.workspaces,
            [(a.clone(), plain.clone()), (b.clone(), settings.clone())]
        );
    }
    assert_eq!(registry.webhooks, [webhook]);
    assert_eq!(registry.steps, [(b.clone(), step.clone())]);
    let config = [
        (a.clone(), key.clone(), sealed),
        (b.clone(), key.clone(), Vec::new()),
    ];
    assert_eq!(registry.config, config);
    assert_eq!(registry.connectors, [(a.clone(), slack.clone(), vec![8])]);
    let mut set = step.clone();
    set.retry.attempts = 9;
    let change = Manage::SetStep(b.clone(), set.clone());
    store.get().await.manage_now(change).await.unwrap();
    let registry = store.get().await.registry().await.unwrap();
    assert_eq!(registry.steps, [(b.clone(), set.clone())]);
    let found = store.get().await.component(&step.digest).await.unwrap();
    assert!(found.is_some());
    // A component that was not uploaded cannot be set, and nothing is changed.
    set.digest = digest(b"never brought");
    let change = Manage::SetStep(b.clone(), set);
    let refused = store.get().await.manage_now(change).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
    let registry = store.get().await.registry().await.unwrap();
    assert_eq!(registry.steps[0].1.digest, step.digest);
    for change in [
        Manage::DeleteWebhook(a.clone(), "w1".into()),
        Manage::DeleteWebhook(a.clone(), "never there".into()),
        Manage::DeleteConfig(a.clone(), key.clone()),
        Manage::DeleteConfig(b.clone(), key),
        Manage::DeleteConnector(a.clone(), slack),
        Manage::DeleteStep(b.clone(), step.name),
    ] {
        store.get().await.manage_now(change).await.unwrap();
    }
    let registry = store.get().await.registry().await.unwrap();
    assert_eq!(registry.workspaces.len(), 2);
    assert!(registry.webhooks.is_empty());
    assert!(registry.steps.is_empty());
    assert!(registry.config.is_empty());
    assert!(registry.connectors.is_empty());
}

pub(super) async fn components_live_as_long_as_a_step_has_them(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("b"));
    let bytes: Arc<[u8]> = vec![b'w'; 300_000].into();
    let other: Arc<[u8]> = b"other".as_slice().into();
    let (digest, other_digest) = (digest(&bytes), digest(&other));
    for (ws, name) in [(&a, "one"), (&a, "two"), (&b, "one")] {
        let change = Manage::PutStep(ws.clone(), step(name, &bytes), bytes.clone());
        store.get().await.manage_now(change).await.unwrap();
    }
    let found = store.get().await.component(&digest).await.unwrap();
    assert_eq!(found.as_deref(), Some(&*bytes));
    for absent in ["", "../../../etc/passwd", &"0".repeat(64), &other_digest] {
        assert!(store.get().await.component(absent).await.unwrap().is_none());
    }
    // Replaced, deleted, put again as it is, deleted: then nothing refers to it.
    let change = Manage::PutStep(a.clone(), step("one", &other), other.clone());
    store.get().await.manage_now(change).await.unwrap();
    let name = step("two", &bytes).name;
    let change = Manage::DeleteStep(a.clone(), name);
    store.get().await.manage_now(change).await.unwrap();
    let change = Manage::PutStep(b.clone(), step("one", &bytes), bytes.clone());
    store.get().await.manage_now(change).await.unwrap();
    let found = store.get().await.component(&digest).await.unwrap();
    assert!(found.is_some());
    let change = Manage::DeleteStep(b.clone(), step("one", &bytes).name);
    store.get().await.manage_now(change).await.unwrap();
    assert!(
        store
            .get()
            .await
            .component(&digest)
            .await
            .unwrap()
            .is_none()
    );
    let found = store.get().await.component(&other_digest).await.unwrap();
    assert_eq!(found.as_deref(), Some(&*other));
}

pub(super) async fn a_text_of_several_components_is_whole_in_each_of_them(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("b"));
    let library = "a = 1; ".repeat(3_000);
    let scripts = ["one", "two", "three"].map(|own| (own, package(own, &library)));
    for (ws, (name, bytes)) in [&a, &a, &b].into_iter().zip(&scripts) {
        let change = Manage::PutStep(ws.clone(), step(name, bytes), bytes.clone());
        store.get().await.manage_now(change).await.unwrap();
    }
    let there = async |store: &mut Shaken<'_>| {
        let mut found = Vec::new();
        for (_, bytes) in &scripts {
            let component = store.get().await.component(&digest(bytes)).await.unwrap();
            found.push(component.is_some_and(|component| component == *bytes));
        }
        found
    };
    assert_eq!(there(&mut store).await, [true; 3]);
    // One that is deleted leaves the others theirs.
    for (ws, gone, left) in [
        (&a, 0, [false, true, true]),
        (&b, 2, [false, true, false]),
        (&a, 1, [false; 3]),
    ] {
        let (name, bytes) = &scripts[gone];
        let change = Manage::DeleteStep(ws.clone(), step(name, bytes).name);
        store.get().await.manage_now(change).await.unwrap();
        assert_eq!(there(&mut store).await, left);
    }
    // And it can come again.
    let (name, bytes) = &scripts[0];
    let change = Manage::PutStep(b.clone(), step(name, bytes), bytes.clone());
    store.get().await.manage_now(change).await.unwrap();
    assert_eq!(there(&mut store).await, [true, false, false]);
}

pub(super) async fn schedules_keep_their_marks(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("b"));
    let schedule = |ws: &WorkspaceName, name: &str, data: &str| Schedule {
        workspace: ws.clone(),
        name: name.parse().unwrap(),
        cron: "0 8 * * 1-5".into(),
        timezone: "Europe/Berlin".into(),
        missed: Missed::Once,
        data: data.into(),
        created: 5,
        updated: 6,
    };
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(60_000));
    let (report, other) = (
        schedule(&a, "Morning report", &long),
        schedule(&a, "z", "{}"),
    );
    let foreign = schedule(&b, "Morning report", "{}");
    for schedule in [&report, &other, &foreign] {
        let change = Manage::PutSchedule(schedule.clone());
        store.get().await.manage_now(change).await.unwrap();
    }
    let gone: ScheduleName = "never there".parse().unwrap();
    for mark in [7, 300, 200] {
        let marks = vec![
            (a.clone(), report.name.clone(), mark),
            (a.clone(), gone.clone(), mark),
            (b.clone(), foreign.name.clone(), mark + 1),
        ];
        let change = Manage::MarkSchedules(marks);
        store.get().await.manage_now(change).await.unwrap();
    }
    // One that is less is late: what is settled stays so.
    let found = store.get().await.registry().await.unwrap().schedules;
    let expected = [
        (report.clone(), Some(300)),
        (other.clone(), None),
        (foreign.clone(), Some(301)),
    ];
    assert_eq!(found, expected);
    // Put again it begins anew, and a mark of what is not there leaves nothing behind.
    for change in [
        Manage::PutSchedule(schedule(&a, "Morning report", "{}")),
        Manage::PutSchedule(schedule(&a, "never there", "{}")),
        Manage::DeleteSchedule(a.clone(), other.name),
        Manage::DeleteSchedule(b.clone(), foreign.name.clone()),
        Manage::DeleteSchedule(b.clone(), gone),
        Manage::PutSchedule(foreign.clone()),
    ] {
        store.get().await.manage_now(change).await.unwrap();
    }
    let found = store.get().await.registry().await.unwrap().schedules;
    let expected = [
        (schedule(&a, "Morning report", "{}"), None),
        (schedule(&a, "never there", "{}"), None),
        (foreign, None),
    ];
    assert_eq!(found, expected);
}

pub(super) async fn components_of_earlier_versions_live_as_long_as_their_step_names_them(
    mut store: Shaken<'_>,
) {
    let ws = workspace("a");
    let contents = [&b"one"[..], b"two", b"three"];
    let mut steps: Vec<Step> = Vec::new();
    for bytes in contents {
        let mut next = step("s", bytes);
        next.succeed(steps.last());
        let change = Manage::PutStep(ws.clone(), next.clone(), bytes.into());
        store.get().await.manage_now(change).await.unwrap();
        steps.push(next);
    }
    let there = async |store: &mut Shaken<'_>| {
        let mut found = Vec::new();
        for bytes in contents {
            let component = store.get().await.component(&digest(bytes)).await.unwrap();
            found.push(component.is_some_and(|component| *component == *bytes));
        }
        found
    };
    assert_eq!(there(&mut store).await, [true; 3]);
    // Back to the second one: all are named still.
    let mut back = step("s", contents[1]);
    back.succeed(steps.last());
    let change = Manage::SetStep(ws.clone(), back.clone());
    store.get().await.manage_now(change).await.unwrap();
    assert_eq!(there(&mut store).await, [true; 3]);
    // One is forgotten, and another step has it too for a while.
    let other = step("other", contents[0]);
    let change = Manage::PutStep(ws.clone(), other.clone(), contents[0].into());
    store.get().await.manage_now(change).await.unwrap();
    back.versions
        .retain(|version| version.digest != other.digest);
    let change = Manage::SetStep(ws.clone(), back.clone());
    store.get().await.manage_now(change).await.unwrap();
    assert_eq!(there(&mut store).await, [true; 3]);
    let change = Manage::DeleteStep(ws.clone(), other.name);
    store.get().await.manage_now(change).await.unwrap();
    assert_eq!(there(&mut store).await, [false, true, true]);
    let change = Manage::DeleteStep(ws.clone(), back.name);
    store.get().await.manage_now(change).await.unwrap();
    assert_eq!(there(&mut store).await, [false; 3]);
}

pub(super) async fn bodies_are_found_by_their_digest(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("b"));
    let (task, other) = (TaskId::new(), TaskId::new());
    let large = vec![9; 300_000];
    let put = async |store: &mut Shaken<'_>, body| {
        let store = store.get().await;
        store.put_body(&a, task, Vec::into(body)).await.unwrap()
    };
    let one = put(&mut store, large.clone()).await;
    let same = put(&mut store, large.clone()).await;
    let empty = put(&mut store, Vec::new()).await;
    assert_eq!((one, one == empty), (same, false));
    let found = store.get().await.body(&a, task, one).await.unwrap();
    assert_eq!(found.as_deref(), Some(&large[..]));
    let found = store.get().await.body(&a, task, empty).await.unwrap();
    assert_eq!(found.as_deref(), Some(&[][..]));
    // A body is found only under the tenant and task that stored it.
    for (ws, task, digest) in [(&b, task, one), (&a, other, one), (&a, task, [1; 32])] {
        let found = store.get().await.body(ws, task, digest).await.unwrap();
        assert!(found.is_none());
    }
}
