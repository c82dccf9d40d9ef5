//! A proxy before PostgreSQL's socket that stops forwarding: connections stall without an error.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// What the server's message with its process begins with: a letter and the message's length.
const PROCESS: &[u8] = b"K\0\0\0\x0c";

/// Forwards connections, until it is told not to. What stalls stalls for good.
#[derive(Default)]
pub struct Proxy {
    /// How often all connections of before were stalled.
    age: AtomicUsize,
    /// Server processes whose connections stall.
    stalled: Mutex<HashSet<i32>>,
    /// New connections stall, too.
    all: AtomicBool,
    /// How long each answer is held back, in milliseconds.
    delay: AtomicU64,
    /// What no connection forwards: one that is to send it stalls.
    refused: Mutex<Option<Vec<u8>>>,
}

/// A connection through the proxy.
struct Connection {
    proxy: Arc<Proxy>,
    age: usize,
    process: AtomicI32,
}

impl Proxy {
    /// One that listens in `folder`, for the server at that socket.
    pub fn start(server: PathBuf, folder: &Path) -> Arc<Self> {
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let proxy = Arc::<Self>::default();
        let shared = proxy.clone();
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let Ok(to) = UnixStream::connect(&server).await else {
                    continue;
                };
                let connection = Arc::new(Connection {
                    age: shared.age.load(Ordering::SeqCst),
                    proxy: shared.clone(),
                    process: AtomicI32::new(0),
                });
                let ((asks, asked), (answers, answered)) = (from.into_split(), to.into_split());
                tokio::spawn(connection.clone().pass(asks, answered, false));
                tokio::spawn(connection.pass(answers, asked, true));
            }
        });
        proxy
    }

    /// The URL of the database for a client that goes through the proxy in `folder`.
    pub fn url(folder: &Path) -> String {
        format!(
            "postgres:///postgres?user=stepwell&host={}",
            folder.display()
        )
    }

    /// From now on nothing is forwarded of the connection that this process of the server has.
    pub fn stall(&self, process: i32) {
        self.stalled.lock().unwrap().insert(process);
    }

    /// Nothing is forwarded of the connections that there are. New ones work.
    pub fn stall_old(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
    }

    /// Nothing is forwarded of any connection, and of new ones while this is set.
    pub fn stall_all(&self, all: bool) {
        self.all.store(all, Ordering::SeqCst);
        self.stall_old();
    }

    /// Each answer is held back for so long.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap();
        self.delay.store(millis, Ordering::SeqCst);
    }

    /// A connection over which these bytes are to be sent stalls before they are.
    pub fn refuse(&self, bytes: &[u8]) {
        *self.refused.lock().unwrap() = Some(bytes.to_vec());
    }
}

impl Connection {
    fn is_stalled(&self) -> bool {
        let proxy = &self.proxy;
        let process = self.process.load(Ordering::SeqCst);
        proxy.age.load(Ordering::SeqCst) != self.age
            || proxy.all.load(Ordering::SeqCst)
            || proxy.stalled.lock().unwrap().contains(&process)
    }

    /// Whether the bytes are those that are not forwarded.
    fn is_refused(&self, bytes: &[u8]) -> bool {
        let refused = self.proxy.refused.lock().unwrap();
        let found = |refused: &Vec<u8>| bytes.windows(refused.len()).any(|part| part == refused);
        refused.as_ref().is_some_and(found)
    }

    async fn pass(
        self: Arc<Self>,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        answers: bool,
    ) {
        let mut read = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut read).await {
            let bytes = &read[..count];
            if answers {
                self.note_process(bytes);
                let delay = self.proxy.delay.load(Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(delay)).await;
            } else if self.is_refused(bytes) {
                self.proxy.stall(self.process.load(Ordering::SeqCst));
            }
            if !self.is_stalled() && to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    fn note_process(&self, bytes: &[u8]) {
        if self.process.load(Ordering::SeqCst) != 0 {
            return;
        }
        let at = bytes
            .windows(PROCESS.len())
            .position(|part| part == PROCESS);
        let number = at.and_then(|at| bytes.get(at + PROCESS.len()..)?.first_chunk::<4>());
        if let Some(number) = number {
            self.process
                .store(i32::from_be_bytes(*number), Ordering::SeqCst);
        }
    }
}
