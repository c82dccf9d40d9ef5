//! A proxy that cuts a node's connection in the middle of a commit: before the server has it, before the answer is there, or
//! before the node has the answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::server::PostgresServer;
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{new_task, next, workspace};
use crate::store::{Manage, Store, StoreError};

/// The socket of the proxy in its folder, as clients expect it.
const SOCKET: &str = ".s.PGSQL.5432";
/// The simple query that ends a transaction.
const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";

#[derive(Default)]
struct Cuts {
    begins: AtomicBool,
    done: [AtomicUsize; 3],
}

/// Forwards connections to the server's socket, and cuts some of them.
fn proxy(server: &PostgresServer, folder: &Path) -> Arc<Cuts> {
    let listener = UnixListener::bind(folder.join(SOCKET)).unwrap();
    let to = server.socket();
    let cuts = Arc::new(Cuts::default());
    let shared = cuts.clone();
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let Ok(to) = UnixStream::connect(&to).await else {
                continue;
            };
            tokio::spawn(forward(from, to, shared.clone()));
        }
    });
    cuts
}

async fn forward(mut from: UnixStream, mut to: UnixStream, cuts: Arc<Cuts>) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = from.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let sent = &asked[..count];
                let commit = sent.windows(COMMIT.len()).position(|part| part == COMMIT);
                let cut = commit.filter(|_| cuts.begins.load(Ordering::Relaxed) && rand::random_bool(0.15));
                let Some(commit) = cut else {
                    if to.write_all(sent).await.is_err() {
                        return;
                    }
                    continue;
                };
                let how = rand::random_range(0..3);
                cuts.done[how].fetch_add(1, Ordering::Relaxed);
                match how {
                    0 => drop(to.write_all(&sent[..commit + 3]).await),
                    1 => drop(to.write_all(sent).await),
                    _ => {
                        if to.write_all(sent).await.is_ok() {
                            // The answer is not passed on.
                            let _ = to.read(&mut answered).await;
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
                return;
            }
            read = to.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if from.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A store that is reached through the proxy.
async fn through(folder: &Path) -> Arc<PostgresStore> {
    let url = format!(
        "postgres:///postgres?user=stepwell&host={}",
        folder.display()
    );
    let files = std::env::temp_dir().join("stepwell-no-files");
    let settings = PostgresSettings::new(&url, files).unwrap();
    PostgresStore::open(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_setup_that_may_have_been_made_is_not_said_to_have_failed() {
    let server = PostgresServer::start();
    let folder = tempfile::tempdir().unwrap();
    let cuts = proxy(&server, folder.path());
    let store = through(folder.path()).await;
    cuts.begins.store(true, Ordering::Relaxed);
    let (mut doubts, mut expected) = (0, store.registry_since(0).await.unwrap().revision);
    for number in 0..80 {
        let name = workspace(&format!("w{number}"));
        let change = Manage::AddWorkspace(name.clone());
        let said = store.manage(change, None, expected).await;
        // What only reads may be cut, too.
        let there = loop {
            if let Ok(registry) = store.registry_since(0).await {
                break registry;
            }
        };
        let is_there = there.workspaces.iter().any(|(there, _)| *there == name);
        match said {
            Ok(revision) => assert_eq!((revision, is_there), (there.revision, true)),
            Err(StoreError::InDoubt) => doubts += 1,
            Err(StoreError::Unavailable { .. }) => assert!(!is_there, "{number}"),
            Err(error) => panic!("{error}"),
        }
        expected = there.revision;
    }
    assert!(doubts > 0);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_doubt_is_resolved_wrongly_when_a_connection_is_cut_within_a_commit() {
    let server = PostgresServer::start();
    let folder = tempfile::tempdir().unwrap();
    let cuts = proxy(&server, folder.path());
    let store = through(folder.path()).await;
    let set_up = Manage::AddWorkspace(workspace("acme"));
    store.manage_now(set_up).await.unwrap();
    cuts.begins.store(true, Ordering::Relaxed);
    let writers: Vec<_> = (0..8u8)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let id = crate::domain::partition::Partition::new(number).place(TaskId::new());
                let task = new_task(&workspace("acme"), id, "{}");
                let space = task.head.workspace.clone();
                store.accept_owned(task.clone()).await.unwrap();
                let mut head = task.head;
                let mut unknown = 0;
                for _ in 0..150 {
                    let step = next(&head, TaskState::Ready, None);
                    match store.commit_owned(step.clone()).await {
                        Ok(()) => head = step.head,
                        // It was not done, and nothing is left of it.
                        Err(StoreError::Unavailable { .. }) => unknown += 1,
                        Err(error) => panic!("{error}"),
                    }
                    let there = store.load(&space, id).await.unwrap().unwrap();
                    assert_eq!(there.head, head, "it is there if and only if that was said");
                }
                (head.version, unknown)
            })
        })
        .collect();
    for writer in writers {
        let (version, unknown) = writer.await.unwrap();
        assert!(version + unknown > 150, "{version} {unknown}");
    }
    for how in &cuts.done {
        assert!(how.load(Ordering::Relaxed) > 0, "{:?}", cuts.done);
    }
    store.close().await;
}
