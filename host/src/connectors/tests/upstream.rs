//! A server of a few lines that sends exactly what a test gives it, well-formed or not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the server does.
pub enum Answer {
    /// Sends these bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends these bytes when as many requests wait as the barrier is for, and waits for the next request.
    When(Arc<Barrier>, Vec<u8>),
    /// Sends these bytes and closes the connection.
    Last(Vec<u8>),
    /// Sends the first, then the second again and again until the other side goes away.
    Endless(Vec<u8>, Vec<u8>),
    /// The same, with a pause after each.
    Drip(Vec<u8>, Vec<u8>),
}

impl Answer {
    /// A response with a body; `head` is the status line's rest and header lines.
    pub fn with(head: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes =
            format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }

    pub fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", body)
    }

    /// The same bytes, sent when the barrier opens.
    pub fn when(self, all: &Arc<Barrier>) -> Self {
        match self {
            Self::Bytes(bytes) => Self::When(all.clone(), bytes),
            other => other,
        }
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self::with(&format!("{status} Moved\r\nlocation: {location}"), "")
    }
}

type Handler = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// A running server; it ends when dropped.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Upstream {
    pub async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub async fn at(
        address: SocketAddr,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let handler: Handler = Arc::new(answer);
        let accepting = {
            let (seen, connections) = (Arc::clone(&seen), Arc::clone(&connections));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
                    // Ends when the client closes, which it does at the latest when it is dropped.
                    tokio::spawn(async move { serve(stream, handler, seen).await });
                }
            })
        };
        Self {
            address,
            seen,
            connections,
            accepting,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    handler: Handler,
    log: Arc<Mutex<Vec<Seen>>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(seen) = read(&mut stream, &mut buffer).await? {
        log.lock().push(seen.clone());
        let (head, more, pause) = match handler(&seen) {
            Answer::Bytes(bytes) => {
                stream.write_all(&bytes).await?;
                continue;
            }
            Answer::When(all, bytes) => {
                all.wait().await;
                stream.write_all(&bytes).await?;
                continue;
            }
            Answer::Last(bytes) => return stream.write_all(&bytes).await,
            Answer::Endless(head, more) => (head, more, None),
            Answer::Drip(head, more) => (head, more, Some(Duration::from_millis(20))),
        };
        stream.write_all(&head).await?;
        loop {
            stream.write_all(&more).await?;
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tokio::task::yield_now().await,
            }
        }
    }
    Ok(())
}

/// Reads one request; none if the connection was closed.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Seen>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body = buffer.drain(..length).collect();
    Ok(Some(Seen {
        line,
        headers,
        body,
    }))
}
