//! A store with one of everything is copied from a directory into a database, and back.

use std::path::Path;

use tempfile::TempDir;

use super::server::PostgresServer;
use super::*;
use crate::domain::audit::{AuditEntry, AuditQuery, DONE};
use crate::domain::authentication::{Authentication, WebhookSecret};
use crate::domain::delivery::DeliveryQuery;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::intake::Intake;
use crate::domain::principal::Scope;
use crate::domain::reply::ReplyRules;
use crate::domain::run::Ended;
use crate::domain::schedule::{Missed, Schedule};
use crate::domain::task::TaskState;
use crate::domain::token::Token;
use crate::domain::webhook::{Webhook, WebhookKey};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{
    dedup, delivery, effect, new_task, next, run_entry, step, workspace,
};
use crate::store::migration::{self, Item, MigrationError, MissingFiles};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{Manage, NewTask, Store, StoreError, TaskQuery};

pub(super) const AT: u64 = 1_764_000_000_000;

pub(super) fn entry(of: Option<&WorkspaceName>, at: u64, outcome: &str) -> AuditEntry {
    AuditEntry {
        at,
        workspace: of.cloned(),
        who: "ci".into(),
        token: None,
        ip: "192.0.2.7".into(),
        what: "setConfig".into(),
        target: format!("config/{at}"),
        outcome: outcome.into(),
    }
}

fn token(of: Option<&WorkspaceName>, used: Option<u64>) -> Token {
    Token {
        id: "t1".into(),
        name: "ci".parse().unwrap(),
        workspace: of.cloned(),
        scopes: vec![Scope::Read],
        digest: [7; 32],
        added: 5,
        added_by: "admin".into(),
        expires: None,
        used,
    }
}

pub(super) async fn set_up(store: &dyn Store, ws: &WorkspaceName) {
    let change = Manage::SetWorkspace(ws.clone(), WorkspaceSettings::default());
    store.manage_now(change).await.unwrap();
    let webhook = Webhook {
        authentication: Authentication {
            provider: "github".into(),
            secrets: vec![WebhookSecret {
                id: "s1".into(),
                added: 5,
                expires: Some(9),
                sealed: vec![3; 50_000],
            }],
            ..Authentication::default()
        },
        id: "w1".into(),
        workspace: ws.clone(),
        name: "Orders".parse().unwrap(),
        key: WebhookKey::new(format!("key of {ws}")),
        former_keys: Vec::new(),
        created: 5,
        correlate: None,
        dedup: None,
        intake: Intake::default(),
        replies: ReplyRules::default(),
        former_names: Vec::new(),
        schema: None,
        is_disabled: false,
    };
    store.manage_now(Manage::PutWebhook(webhook)).await.unwrap();
    let mut before = None;
    for bytes in [&b"one"[..], b"two", b"three", b"one"] {
        let mut next = step("crm/sync", bytes);
        next.succeed(before.as_ref());
        let change = Manage::PutStep(ws.clone(), next.clone(), bytes.into());
        store.manage_now(change).await.unwrap();
        before = Some(next);
    }
    let config = Manage::SetConfig(ws.clone(), "TOKEN".parse().unwrap(), vec![9; 40_000]);
    store.manage_now(config).await.unwrap();
    let connector = Manage::PutConnector(ws.clone(), "slackCom".parse().unwrap(), vec![7]);
    store.manage_now(connector).await.unwrap();
    for (name, mark) in [("hourly", Some(77)), ("daily", None)] {
        let schedule = Schedule {
            workspace: ws.clone(),
            name: name.parse().unwrap(),
            cron: "0 8 * * 1-5".into(),
            timezone: "Europe/Berlin".into(),
            missed: Missed::Once,
            data: "{}".into(),
            created: 5,
            updated: 6,
        };
        let name = schedule.name.clone();
        store
            .manage_now(Manage::PutSchedule(schedule))
            .await
            .unwrap();
        if let Some(mark) = mark {
            let marks = vec![(ws.clone(), name, mark)];
            store
                .manage_now(Manage::MarkSchedules(marks))
                .await
                .unwrap();
        }
    }
    let used = Manage::PutToken(token(Some(ws), Some(8)));
    store.manage_now(used).await.unwrap();
}

/// Tasks in all states, one of them with a run under way, with bodies, files and keys.
async fn tasks(store: &dyn Store, ws: &WorkspaceName, files: &Path) {
    for (n, state) in TaskState::ALL.into_iter().enumerate() {
        for of in 0..12 {
            let id = TaskId::new();
            let data = format!(r#"{{"n":1.50,"z":"{}"}}"#, "x".repeat(of * 40_000));
            let task = NewTask {
                dedup: Some(dedup(&format!("{n} {of}"), AT)),
                entries: vec![run_entry(1, Ended::Finished)],
                ..new_task(ws, id, &data)
            };
            let head = task.head.clone();
            store.accept_owned(task).await.unwrap();
            let mut body = vec![b'b'; 1_000];
            body[0] = of as u8;
            let digest = store.put_body(ws, id, body.into()).await.unwrap();
            let mut call = effect(2, 0, 10);
            call.body = Some(digest);
            store.record_effect_owned(ws, id, call).await.unwrap();
            let wake =
                matches!(state, TaskState::Waiting | TaskState::Error).then_some(AT + of as u64);
            let moved = next(&head, state, wake);
            store.commit_owned(moved).await.unwrap();
            if state == TaskState::Ready {
                for call in 0..3 {
                    let mut call = effect(3, call, 10);
                    call.body = None;
                    store.record_effect_owned(ws, id, call).await.unwrap();
                }
            }
            if of % 5 == 0 {
                let content = format!("file {n} {of}");
                let name = crate::store::conformance::samples::digest(content.as_bytes());
                let directory = files.join(ws.as_str()).join(id.to_string());
                std::fs::create_dir_all(&directory).unwrap();
                std::fs::write(directory.join(name), content).unwrap();
            }
        }
    }
}

async fn fill(store: &dyn Store, files: &Path) {
    for name in ["a", "a-b"] {
        let ws = workspace(name);
        set_up(store, &ws).await;
        tasks(store, &ws, files).await;
        let recorded = (0..40).map(|at| delivery(at, if at % 2 == 0 { "w1" } else { "gone" }));
        store
            .record_deliveries(&ws, u64::MAX, recorded.collect())
            .await
            .unwrap();
        let entries = (0..700).map(|at| {
            entry(
                Some(&ws),
                AT + at / 3,
                if at % 4 == 0 { "forbidden" } else { DONE },
            )
        });
        store.record_audit(entries.collect()).await.unwrap();
    }
    let server = Manage::PutToken(token(None, None));
    store.manage_now(server).await.unwrap();
    store
        .record_audit(vec![entry(None, AT, DONE)])
        .await
        .unwrap();
    // Of a workspace that was deleted nothing is to be seen, also before it is erased.
    let gone = workspace("gone");
    set_up(store, &gone).await;
    store
        .accept_owned(new_task(&gone, TaskId::new(), "{}"))
        .await
        .unwrap();
    store
        .manage_now(Manage::DeleteWorkspace(gone))
        .await
        .unwrap();
}

/// What a store answers, without the walk that copies.
async fn answers(store: &dyn Store) -> String {
    let mut said = String::new();
    let registry = store.registry().await.unwrap();
    let mut registry = format!("{registry:?}");
    registry.replace_range(..registry.find("changed").unwrap(), "");
    said += &registry;
    for name in ["a", "a-b", "gone"] {
        let ws = workspace(name);
        let query = TaskQuery {
            limit: 1_000,
            ..TaskQuery::default()
        };
        for head in store.list(&ws, &query).await.unwrap() {
            let mut history = store.history(&ws, head.id).await.unwrap().unwrap();
            history.task.journal = 0;
            said += &format!("{head:?} {history:?}");
        }
        said += &format!("{:?}", store.counts(&ws).await.unwrap());
        said += &format!(
            "{:?}",
            store
                .recorded_deliveries(&ws, &DeliveryQuery::default())
                .await
                .unwrap()
        );
        for n in 0..7 {
            for of in 0..12 {
                let key = dedup(&format!("{n} {of}"), AT);
                said += &format!("{:?}", store.delivered(&ws, key.key, key.at).await.unwrap());
            }
        }
    }
    let mut audit = AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    };
    loop {
        let page = store.audit(&audit).await.unwrap();
        said += &format!("{:?}", page.entries);
        match page.next {
            Some(next) => audit.before = Some(next),
            None => break,
        }
    }
    said += &format!("{:?}", store.due_owned(u64::MAX, 1_000).await.unwrap());
    for name in ["a", "a-b"] {
        let ready = store
            .ready_owned(&workspace(name), TaskId::MIN, 1_000)
            .await
            .unwrap();
        assert_eq!(ready.len(), 12);
        said += &format!("{ready:?}");
    }
    said
}

pub(super) fn settings(server: &PostgresServer, files: &Path) -> PostgresSettings {
    PostgresSettings::new(&server.url(), files.to_owned()).unwrap()
}

const WHOLE: MissingFiles = MissingFiles::Refused;
pub(super) const QUIET: &(dyn Fn(u64) + Sync) = &|_| {};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_into_a_database_and_back_and_is_the_same() {
    let server = PostgresServer::start();
    let home = TempDir::new().unwrap();
    let path = |name: &str| home.path().join(name);
    let first = SledStore::open(SledSettings::at(path("first"))).unwrap();
    fill(first.as_ref(), &path("first/blobs")).await;
    let said = answers(first.as_ref()).await;
    first.close().await;

    let first = SledStore::open(SledSettings::at(path("first"))).unwrap();
    let offline = OfflineStore::write(settings(&server, &path("files")), first.seed())
        .await
        .unwrap();
    let copied = migration::copy(first.as_ref(), offline.store.as_ref(), WHOLE, QUIET)
        .await
        .unwrap();
    for item in Item::ALL {
        assert!(copied.of(item).count > 0, "{}", item.name());
    }
    assert_eq!(copied.of(Item::Tasks).count, 2 * 7 * 12);
    assert_eq!((copied.deliveries_left, copied.bodies_missing), (0, 0));
    let read = migration::read(offline.store.as_ref(), QUIET)
        .await
        .unwrap();
    migration::compare(&copied, &read).unwrap();
    assert_eq!(answers(offline.store.as_ref()).await, said);
    offline.complete().await.unwrap();
    offline.close().await;

    // A node works with it, and then it goes back.
    let node = PostgresStore::open(settings(&server, &path("files")))
        .await
        .unwrap();
    assert_eq!(node.seed(), first.seed());
    let used = OfflineStore::read(settings(&server, &path("files")), "a copy").await;
    assert!(matches!(used, Err(OpenError::InUse(_))), "{:?}", used.err());
    node.close().await;
    let offline = OfflineStore::read(settings(&server, &path("files")), "a copy")
        .await
        .unwrap();
    let mut target = SledSettings::at(path("second"));
    target.seed = Some(offline.store.seed());
    let second = SledStore::open(target.clone()).unwrap();
    let back = migration::copy(offline.store.as_ref(), second.as_ref(), WHOLE, QUIET)
        .await
        .unwrap();
    migration::compare(&copied, &back).unwrap();
    second.close().await;
    let second = SledStore::open(target).unwrap();
    let read = migration::read(second.as_ref(), QUIET).await.unwrap();
    migration::compare(&copied, &read).unwrap();
    assert_eq!(answers(second.as_ref()).await, said);
    assert_eq!(second.seed(), first.seed());
    // Its tasks go on.
    let ws = workspace("a");
    let query = TaskQuery {
        states: vec![TaskState::Ready],
        since: None,
        limit: 1,
        before: None,
    };
    let head = second.list(&ws, &query).await.unwrap().remove(0);
    second
        .commit_owned(next(&head, TaskState::Done, None))
        .await
        .unwrap();
    second.close().await;
    assert_eq!(
        crate::store::sled::salvage::check(&path("second"))
            .unwrap()
            .damages
            .len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_copied_to_its_end_is_not_served_and_is_begun_anew() {
    let server = PostgresServer::start();
    let home = TempDir::new().unwrap();
    let at = || settings(&server, &home.path().join("files"));
    let none = OfflineStore::read(at(), "a copy").await;
    assert!(
        matches!(none, Err(OpenError::NoStore(_))),
        "{:?}",
        none.err()
    );
    let source = SledStore::open(SledSettings::at(home.path().join("store"))).unwrap();
    let ws = workspace("a");
    set_up(source.as_ref(), &ws).await;
    source
        .accept_owned(new_task(&ws, TaskId::new(), "{}"))
        .await
        .unwrap();
    let other = OfflineStore::write(at(), [1; 32]).await.unwrap();
    let seed = migration::copy(source.as_ref(), other.store.as_ref(), WHOLE, QUIET).await;
    assert!(matches!(seed, Err(MigrationError::Seed)));
    // While it works, neither a server nor another copy may open the store.
    let server_there = PostgresStore::open(at()).await;
    assert!(matches!(server_there, Err(OpenError::Offline)));
    let twice = OfflineStore::write(at(), source.seed()).await;
    assert!(
        matches!(twice, Err(OpenError::Offline)),
        "{:?}",
        twice.err()
    );
    other.close().await;
    for _ in 0..2 {
        let target = OfflineStore::write(at(), source.seed()).await.unwrap();
        migration::copy(source.as_ref(), target.store.as_ref(), WHOLE, QUIET)
            .await
            .unwrap();
        target.close().await;
        let refused = PostgresStore::open(at()).await.err();
        assert!(
            matches!(refused, Some(OpenError::Incomplete)),
            "{refused:?}"
        );
        let read = OfflineStore::read(at(), "a copy").await.err();
        assert!(matches!(read, Some(OpenError::Incomplete)), "{read:?}");
        assert!(OfflineStore::is_incomplete(&at()).await.unwrap());
    }
    let target = OfflineStore::write(at(), source.seed()).await.unwrap();
    let copied = migration::copy(source.as_ref(), target.store.as_ref(), WHOLE, QUIET)
        .await
        .unwrap();
    // What is changed in the copy is noticed.
    let changed = Manage::SetConfig(ws.clone(), "TOKEN".parse().unwrap(), vec![9; 39_999]);
    target.store.manage_now(changed).await.unwrap();
    let read = migration::read(target.store.as_ref(), QUIET).await.unwrap();
    match migration::compare(&copied, &read) {
        Err(MigrationError::Differs {
            item: Item::Config,
            there: 1,
            wanted: 1,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    target.complete().await.unwrap();
    target.close().await;
    let full = OfflineStore::write(at(), source.seed()).await.err();
    assert!(matches!(full, Some(OpenError::NotEmpty)), "{full:?}");
    let node = PostgresStore::open(at()).await.unwrap();
    let refused = node
        .manage_now(Manage::DeleteStep(ws, "none".parse().unwrap()))
        .await;
    assert!(!matches!(refused, Err(StoreError::Unavailable { .. })));
    node.close().await;
    source.close().await;
}
