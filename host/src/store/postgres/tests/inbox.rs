//! Requests between nodes: each is done once, refused or taken back, and never two of these.

use super::server::PostgresServer;
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::inbox::{RequestId, TaskAction, TaskRefusal, TaskRequest};
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{new_task, next, workspace};
use crate::store::{Cluster as _, Manage, NewTask, Ownership, Store, StoreError, Transaction};

struct Fixture {
    store: Arc<PostgresStore>,
    task: NewTask,
    _server: PostgresServer,
}

impl Fixture {
    async fn new() -> Self {
        let server = PostgresServer::start();
        let files = std::env::temp_dir().join("stepwell-no-files");
        let settings = PostgresSettings::new(&server.url(), files).unwrap();
        let store = PostgresStore::open(settings).await.unwrap();
        let task = new_task(&workspace("acme"), TaskId::new(), "{}");
        store.accept_owned(task.clone()).await.unwrap();
        Self {
            store,
            task,
            _server: server,
        }
    }

    async fn ask(&self) -> RequestId {
        let id = RequestId::random();
        self.ask_as(id).await;
        id
    }

    async fn ask_as(&self, id: RequestId) {
        let request = TaskRequest {
            workspace: self.task.head.workspace.clone(),
            task: self.task.head.id,
            by: "ada".into(),
            action: TaskAction::Cancel,
        };
        for _ in 0..2 {
            self.store.ask(id, &request).await.unwrap();
        }
    }

    /// Does what was asked for.
    async fn done(&self, id: RequestId, version: u64) -> Result<(), StoreError> {
        let mut head = self.task.head.clone();
        head.version = version;
        let changes = Transaction {
            commits: vec![next(&head, TaskState::Waiting, Some(7))],
            answers: vec![(head.id, id)],
            ..Transaction::default()
        };
        let claim = self.store.ownership().borrow().claim_of(head.id).unwrap();
        self.store.transact(&[claim], changes).await
    }

    async fn version(&self) -> u64 {
        let head = &self.task.head;
        let there = self.store.load(&head.workspace, head.id).await.unwrap();
        there.unwrap().head.version
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_one_end() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let owned = store.ownership().borrow().clone();
    let set_up = Manage::AddWorkspace(workspace("known-to-the-asker"));
    store.manage_now(set_up).await.unwrap();
    let known = store.registry_since(0).await.unwrap().revision;
    let id = fixture.ask().await;
    // Its owner sees it, once; others do not.
    let most = (9, 1);
    let seen = store.requests(&owned, &[], most).await.unwrap();
    assert_eq!(seen.len(), 1);
    let first = &seen[0];
    assert!(first.revision >= known);
    assert_eq!(first.id, id);
    assert_eq!(first.request().unwrap().action, TaskAction::Cancel);
    assert!(
        store
            .requests(&owned, &[id], most)
            .await
            .unwrap()
            .is_empty()
    );
    let none = Ownership::none();
    assert!(store.requests(&none, &[], most).await.unwrap().is_empty());
    // So many, or so many bytes.
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(fixture.ask().await);
    }
    for (most, count) in [
        ((3, 1 << 20), 3),
        ((9, 1 << 20), 5),
        ((9, first.bytes.len() + 1), 2),
    ] {
        let seen = store.requests(&owned, &[], most).await.unwrap();
        assert_eq!(seen.len(), count, "{most:?}");
        assert_eq!(seen[0].id, id, "the oldest first");
    }
    for other in others {
        assert_eq!(store.withdraw(other).await.unwrap(), None);
    }
    assert!(store.answers(&[id]).await.unwrap().is_empty());
    // It is done, and the answer is the task.
    fixture.done(id, 1).await.unwrap();
    assert_eq!(fixture.version().await, 2);
    assert!(store.requests(&owned, &[], most).await.unwrap().is_empty());
    for late in [
        fixture.done(id, 2).await,
        fixture.done(RequestId::random(), 2).await,
    ] {
        assert!(matches!(late, Err(StoreError::Refused(_))), "{late:?}");
    }
    assert_eq!(fixture.version().await, 2, "nothing was done a second time");
    store.refuse(id, &TaskRefusal::Busy).await.unwrap();
    let taken_back = store.withdraw(id).await.unwrap();
    assert_eq!(taken_back.unwrap().unwrap().version, 2, "it was done");
    assert!(
        store.answers(&[id]).await.unwrap().is_empty(),
        "it is read once"
    );
    // Taken back, it is not done.
    let id = fixture.ask().await;
    assert_eq!(store.withdraw(id).await.unwrap(), None);
    assert!(matches!(
        fixture.done(id, 2).await,
        Err(StoreError::Refused(_))
    ));
    assert_eq!(fixture.version().await, 2);
    // Refused, it is not done.
    let id = fixture.ask().await;
    store.refuse(id, &TaskRefusal::NotOpen).await.unwrap();
    assert!(matches!(
        fixture.done(id, 2).await,
        Err(StoreError::Refused(_))
    ));
    // The answer stays until it has been handed out.
    for _ in 0..2 {
        let answers = store.answers(&[id]).await.unwrap();
        assert_eq!(answers, [(id, Err(TaskRefusal::NotOpen))]);
    }
    store.forget(&[id]).await;
    assert!(store.answers(&[id]).await.unwrap().is_empty());
    store.close().await;
}

/// What asks for it was on its way over a connection that was given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_before_it_came_is_not_done() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = RequestId::random();
    assert_eq!(store.withdraw(id).await.unwrap(), None);
    fixture.ask_as(id).await;
    let owned = store.ownership().borrow().clone();
    let seen = store.requests(&owned, &[], (9, 1 << 20)).await.unwrap();
    assert!(seen.is_empty(), "{seen:?}");
    let version = fixture.version().await;
    assert!(fixture.done(id, version).await.is_err());
    assert_eq!(fixture.version().await, version);
    assert!(store.answers(&[id]).await.unwrap().is_empty());
    assert_eq!(store.withdraw(id).await.unwrap(), None);
    // Its row goes in a while.
    let session = Session::open(&store.shared.settings).await.unwrap();
    let later = "update inbox set answered = answered - interval '11 minutes'";
    session.run(later).await.unwrap();
    assert_eq!(
        session
            .execute(crate::store::postgres::inbox::EXPIRE, &[])
            .await
            .unwrap(),
        1
    );
    store.close().await;
}

/// The owner's answer and the asker's withdrawal: the one that comes first counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_owner_and_an_asker_at_once_one_is_first() {
    let fixture = Fixture::new().await;
    let mut done = 0;
    for _ in 0..60 {
        let version = fixture.version().await;
        let id = fixture.ask().await;
        let (made, taken_back) =
            tokio::join!(fixture.done(id, version), fixture.store.withdraw(id));
        match (made, taken_back.unwrap()) {
            (Ok(()), Some(Ok(head))) => {
                assert_eq!(head.version, version + 1);
                done += 1;
            }
            (Err(StoreError::Refused(_)), None) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(fixture.version().await, 1 + done);
    }
    fixture.store.close().await;
}
