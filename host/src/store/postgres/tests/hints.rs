//! Hints between nodes: with them one look finds what there is, and without them the looks do.

use std::time::Duration;

use tokio::time::timeout;

use super::server::PostgresServer;
use super::takeover::{in_partition, node, two_nodes};
use super::*;
use crate::domain::inbox::{RequestId, TaskAction, TaskRefusal, TaskRequest};
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::workspace;
use crate::store::postgres::hints as board;
use crate::store::{Cluster as _, Hint, Hints, Manage, NewTask, Store};

const LONG: Duration = Duration::from_secs(20);
const MOST: (usize, usize) = (10, 1 << 20);

/// Whether a hint comes.
async fn comes(hints: &mut Hints, within: Duration) -> bool {
    timeout(within, hints.next()).await.is_ok()
}

/// Waits until what one node says is heard by the other one.
async fn until_heard(one: &PostgresStore, other: &PostgresStore) {
    let mut hints = other.hints(Hint::Setup);
    for _ in 0..300 {
        board::setup(&one.shared);
        if comes(&mut hints, Duration::from_millis(100)).await {
            // What else was said.
            while comes(&mut hints, Duration::from_millis(300)).await {}
            return;
        }
    }
    panic!("no hint was heard");
}

/// A task of that node.
async fn task_of(node: &PostgresStore) -> NewTask {
    let owned = node.ownership().borrow().clone();
    let mine = (0..=255)
        .map(in_partition)
        .find(|task| owned.owns(task.head.id));
    let task = mine.unwrap();
    node.accept_owned(task.clone()).await.unwrap();
    task
}

fn request(task: &NewTask) -> TaskRequest {
    TaskRequest {
        workspace: task.head.workspace.clone(),
        task: task.head.id,
        by: "ada".into(),
        action: TaskAction::Cancel,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_look_finds_what_a_hint_was_about() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    until_heard(&one, &two).await;
    until_heard(&two, &one).await;
    let task = task_of(&two).await;
    let owned = two.ownership().borrow().clone();
    let (mut asked, mut own) = (two.hints(Hint::Asked), one.hints(Hint::Asked));
    let mut answered = one.hints(Hint::Answered);
    for _ in 0..20 {
        let id = RequestId::random();
        one.ask(id, &request(&task)).await.unwrap();
        assert!(comes(&mut asked, LONG).await);
        let found = two.requests(&owned, &[], MOST).await.unwrap();
        assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [id]);
        two.refuse(id, &TaskRefusal::NotOpen).await.unwrap();
        assert!(comes(&mut answered, LONG).await);
        assert_eq!(one.answers(&[id]).await.unwrap().len(), 1);
        one.forget(&[id]).await;
    }
    assert!(
        !comes(&mut own, Duration::from_millis(50)).await,
        "it was asked for nothing"
    );
    let mut setup = two.hints(Hint::Setup);
    let before = two.registry_since(0).await.unwrap().revision;
    one.manage_now(Manage::AddWorkspace(workspace("new")))
        .await
        .unwrap();
    assert!(comes(&mut setup, LONG).await);
    let now = two.registry_since(before).await.unwrap();
    assert_eq!((now.revision, now.workspaces.len()), (before + 1, 1));
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_hint_is_only_a_hint_and_hints_come_back() {
    let server = PostgresServer::start();
    let (one, two) = two_nodes(&server).await;
    until_heard(&one, &two).await;
    let task = task_of(&two).await;
    let owned = two.ownership().borrow().clone();
    let session = Session::open(&one.shared.settings).await.unwrap();
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
        where pid <> pg_backend_pid() and (query ilike 'listen %' or query like '%pg_notify%')";
    let killed: i64 = session.client.query_one(kill, &[]).await.unwrap().get(0);
    assert!(killed >= 2, "{killed}");
    let id = RequestId::random();
    one.ask(id, &request(&task)).await.unwrap();
    let found = two.requests(&owned, &[], MOST).await.unwrap();
    assert_eq!(found.len(), 1, "it is there whether it is heard of or not");
    // Who listens again looks at once, as something may have been said meanwhile.
    let mut asked = two.hints(Hint::Asked);
    assert!(comes(&mut asked, LONG).await);
    until_heard(&one, &two).await;
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_notifications_is_used_without() {
    let server = PostgresServer::start();
    let superuser = node(&server, Duration::from_secs(60)).await;
    let session = Session::open(&superuser.shared.settings).await.unwrap();
    superuser.close().await;
    let prepare = "drop schema stepwell cascade; create role plain login; \
        grant create on database postgres to plain; \
        revoke execute on function pg_notify(text, text) from public";
    session.run(prepare).await.unwrap();
    let open = || async {
        let url = server.url().replace("user=stepwell", "user=plain");
        let files = std::env::temp_dir().join("stepwell-no-files");
        PostgresStore::open(PostgresSettings::new(&url, files).unwrap())
            .await
            .unwrap()
    };
    let (one, two) = (open().await, open().await);
    let mut setup = two.hints(Hint::Setup);
    // As it begins to listen.
    while comes(&mut setup, Duration::from_millis(500)).await {}
    let before = two.registry_since(0).await.unwrap().revision;
    one.manage_now(Manage::AddWorkspace(workspace("new")))
        .await
        .unwrap();
    assert!(!comes(&mut setup, Duration::from_millis(300)).await);
    assert_eq!(
        two.registry_since(before).await.unwrap().revision,
        before + 1
    );
    one.close().await;
    two.close().await;
}
