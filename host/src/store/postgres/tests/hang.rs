//! A proxy that takes what is sent and passes nothing on: connections that hang without an error.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::server::PostgresServer;
use super::takeover::{LEASE, in_partition};
use super::*;
use crate::store::Store;
use crate::store::conformance::owned::Owned as _;

/// Forwards connections to the server's socket. Those that are older than the number of hang-ups are not heard any more.
fn proxy(server: &PostgresServer, folder: &Path) -> Arc<AtomicUsize> {
    let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
    let to = server.socket();
    let hangs = Arc::new(AtomicUsize::new(0));
    let shared = hangs.clone();
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let Ok(to) = UnixStream::connect(&to).await else {
                continue;
            };
            let age = shared.load(Ordering::SeqCst);
            let ((asks, asked), (answers, answered)) = (from.into_split(), to.into_split());
            tokio::spawn(pass(asks, answered, age, shared.clone()));
            tokio::spawn(pass(answers, asked, age, shared.clone()));
        }
    });
    hangs
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    age: usize,
    hangs: Arc<AtomicUsize>,
) {
    let mut read = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut read).await {
        if hangs.load(Ordering::SeqCst) == age && to.write_all(&read[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_over_connections_that_hang_is_read_over_new_ones() {
    let server = PostgresServer::start();
    let folder = tempfile::tempdir().unwrap();
    let hangs = proxy(&server, folder.path());
    let url = format!(
        "postgres:///postgres?user=stepwell&host={}",
        folder.path().display()
    );
    let files = std::env::temp_dir().join("stepwell-no-files");
    let settings = PostgresSettings {
        lease: LEASE,
        ..PostgresSettings::new(&url, files).unwrap()
    };
    let store = PostgresStore::open(settings).await.unwrap();
    let task = in_partition(1);
    store.accept_owned(task.clone()).await.unwrap();
    hangs.fetch_add(1, Ordering::SeqCst);
    let load = store.load(&task.head.workspace, task.head.id);
    // A statement may take 35 s.
    let found = tokio::time::timeout(Duration::from_secs(15), load).await;
    assert_eq!(found.unwrap().unwrap().unwrap().head, task.head);
    store.close().await;
}
