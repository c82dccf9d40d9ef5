//! The two floors: what HTTP and JSON cost by themselves on this machine, and what durability adds
//! to that. Each is a process of its own, this harness run again with `--floor`, so that its CPU is
//! accounted in the same way as the server's. Built from the crates that the server is built from.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Which floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Floor {
    /// Parses the JSON and answers with a fresh id.
    Echo,
    /// Also appends the record to a file and answers after a grouped fdatasync.
    Fdatasync,
}

/// The file's size. Written full of zeros before the start and then used round and round: an
/// append neither allocates blocks nor changes the file's length, so fdatasync has no metadata to
/// write. That is the cheapest durable append there is.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The most record bytes between two fdatasyncs.
const GROUP_BYTES: usize = 1024 * 1024;

/// Serves until the process is ended. Prints the address as the real server does. `dir` is where
/// the fdatasync floor puts its file.
pub fn serve(floor: Floor, dir: &Path) -> anyhow::Result<()> {
    let router = match floor {
        Floor::Echo => Router::new().route("/event/{key}", post(echo)),
        Floor::Fdatasync => {
            let records = start_appender(dir)?;
            Router::new()
                .route("/event/{key}", post(append))
                .with_state(records)
        }
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("listening on http://{}", listener.local_addr()?);
            io::stdout().flush()?;
            let listener = listener.tap_io(|socket| {
                // Without it an answer may wait for the peer's delayed acknowledgement.
                let _ = socket.set_nodelay(true);
            });
            axum::serve(listener, router).await?;
            Ok(())
        })
}

async fn echo(body: Bytes) -> Response {
    match serde_json::from_slice::<Value>(&body) {
        Ok(_) => accepted(Uuid::now_v7()),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn append(State(records): State<mpsc::Sender<Record>>, body: Bytes) -> Response {
    if let Err(error) = serde_json::from_slice::<Value>(&body) {
        return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    }
    let id = Uuid::now_v7();
    let (durable, waiting) = oneshot::channel();
    let record = Record { id, body, durable };
    if records.send(record).is_err() || waiting.await.is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the appender has ended").into_response();
    }
    accepted(id)
}

fn accepted(id: Uuid) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        format!("{{\"task\":\"{id}\"}}"),
    )
        .into_response()
}

struct Record {
    id: Uuid,
    body: Bytes,
    durable: oneshot::Sender<()>,
}

fn start_appender(dir: &Path) -> anyhow::Result<mpsc::Sender<Record>> {
    let path = dir.join("fdatasync-floor");
    let file = preallocate(&path)
        .with_context(|| format!("cannot preallocate {} for the floor", path.display()))?;
    let (records, queue) = mpsc::channel();
    std::thread::Builder::new()
        .name("appender".into())
        .spawn(move || {
            if let Err(error) = append_groups(&file, &queue) {
                eprintln!("the floor cannot append: {error}");
            }
        })?;
    Ok(records)
}

fn preallocate(path: &Path) -> io::Result<File> {
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)?;
    let zeros = vec![0; GROUP_BYTES];
    for _ in 0..FILE_BYTES / GROUP_BYTES as u64 {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// One group: what has queued up while the last one was made durable. One write, one fdatasync,
/// then everybody who waits is woken.
fn append_groups(file: &File, queue: &mpsc::Receiver<Record>) -> io::Result<()> {
    let mut place = 0;
    let mut group = Vec::with_capacity(2 * GROUP_BYTES);
    let mut waiting = Vec::new();
    while let Ok(record) = queue.recv() {
        let mut next = Some(record);
        while let Some(record) = next {
            group.extend_from_slice(record.id.as_bytes());
            group.extend_from_slice(&record.body.len().to_le_bytes());
            group.extend_from_slice(&record.body);
            waiting.push(record.durable);
            next = (group.len() < GROUP_BYTES)
                .then(|| queue.try_recv().ok())
                .flatten();
        }
        if place + group.len() as u64 > FILE_BYTES {
            place = 0;
        }
        file.write_all_at(&group, place)?;
        file.sync_data()?;
        place += group.len() as u64;
        group.clear();
        for durable in waiting.drain(..) {
            // A client that has gone needs no answer.
            let _ = durable.send(());
        }
    }
    Ok(())
}
