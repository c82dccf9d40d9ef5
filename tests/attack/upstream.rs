//! What the attacker's steps call: a server of the harness that hangs, or answers with much.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;

/// The body of an answer to any path but `/hang`.
const BODY_BYTES: usize = 60_000;

/// Listens for the rest of the process.
pub fn start() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        // Requests that hang are answered never; their connections are kept here.
        let mut hanging = Vec::new();
        for stream in listener.incoming().flatten() {
            if let Some(stream) = answer(stream) {
                hanging.push(stream);
            }
        }
    });
    Ok(address)
}

/// What becomes far more than an answer may have.
fn bomb() -> &'static [u8] {
    static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 10_000_000];
        out.write_all(&zeros)
            .and_then(|()| out.finish())
            .unwrap_or_default()
    });
    &BOMB
}

/// Answers one request, or gives the stream back that is to hang.
fn answer(mut stream: TcpStream) -> Option<TcpStream> {
    let mut head = [0; 1024];
    let count = stream.read(&mut head).ok()?;
    if head[..count].windows(5).any(|word| word == b"/hang") {
        return Some(stream);
    }
    if head[..count].windows(5).any(|word| word == b"/gzip") {
        let body = bomb();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        return None;
    }
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&vec![b'x'; BODY_BYTES]).ok()?;
    None
}
