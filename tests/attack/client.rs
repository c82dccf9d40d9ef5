//! The attackers' HTTP/1.1 client of one keep-alive connection. All attackers of a measurement share one thread.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::http::{TIMEOUT, WRITE, chunked_head, head};
use super::response;

/// A connection to a server.
pub struct Client {
    address: SocketAddr,
    /// The bearer token, if the requests carry one.
    token: Option<String>,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    /// It connects at the first request, and again after an error.
    pub fn new(address: SocketAddr, token: Option<&str>) -> Self {
        Self {
            address,
            token: token.map(str::to_owned),
            stream: None,
            buffer: Vec::new(),
        }
    }

    /// Sends a request; gives the answer's status and body.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> anyhow::Result<(u16, &[u8])> {
        let head = head(self.address, self.token.as_deref(), (method, path), body);
        let parts = body.chunks(WRITE);
        self.answered(head, parts)
            .await
            .with_context(|| format!("{method} {path}"))
    }

    /// Posts a body in pieces, without its length (RFC 9112, section 7.1).
    pub async fn send_chunked(&mut self, path: &str, body: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        let size = |part: &[u8]| format!("{:x}\r\n", part.len()).into_bytes();
        let chunk = |part: &[u8]| [&size(part), part, b"\r\n"].concat();
        let mut parts: Vec<Vec<u8>> = body.chunks(WRITE).map(chunk).collect();
        parts.push(chunk(b""));
        let head = chunked_head(self.address, path);
        self.answered(head, parts.iter().map(Vec::as_slice)).await
    }

    async fn answered<'a>(
        &mut self,
        head: String,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> anyhow::Result<(u16, &[u8])> {
        let answer = timeout(TIMEOUT, self.exchange(head, parts)).await;
        match answer.map_err(anyhow::Error::from).flatten() {
            Ok((status, body)) => Ok((status, &self.buffer[body])),
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    /// Asks for a document.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        let (status, answer) = self.send("GET", path, b"").await?;
        ensure!(status == 200, "GET {path} was answered {status}");
        serde_json::from_slice(answer).with_context(|| format!("the answer to GET {path}"))
    }

    async fn exchange<'a>(
        &mut self,
        head: String,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> anyhow::Result<(u16, Range<usize>)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(connect(self.address).await?),
        };
        stream.write_all(head.as_bytes()).await?;
        for part in parts {
            stream.write_all(part).await?;
        }
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            let count = stream.read(&mut chunk).await?;
            if count == 0 {
                bail!("the server closed the connection");
            }
            self.buffer.extend_from_slice(&chunk[..count]);
            if let Some(answer) = response::parse(&self.buffer)? {
                return Ok((answer.status, answer.body));
            }
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
