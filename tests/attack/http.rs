//! A blocking HTTP/1.1 client of one keep-alive connection: enough to set a server up and to be its honest tenant.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;

use super::response;

/// The longest that an answer may take: a server under attack is slow, and one that is stuck is a result.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that are written in one go. In the kernel a thread gives its processor to no other one, and writing a large body
/// takes milliseconds there, for which the honest tenant would wait.
pub const WRITE: usize = 16 * 1024;

/// A connection to a server.
pub struct Connection {
    address: SocketAddr,
    /// The bearer token, if the requests carry one.
    token: Option<String>,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
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
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        let answer = self.exchange(method, path, body);
        match answer {
            Ok((status, body)) => Ok((status, &self.buffer[body])),
            Err(error) => {
                self.stream = None;
                Err(error.context(format!("{method} {path}")))
            }
        }
    }

    /// As [`Connection::send`], for an answer that must be 2xx and of that type.
    pub fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> anyhow::Result<T> {
        let (status, answer) = self.send(method, path, body)?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path} was answered {status}: {}",
            String::from_utf8_lossy(answer)
        );
        serde_json::from_slice(answer).with_context(|| format!("the answer to {method} {path}"))
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> anyhow::Result<(u16, std::ops::Range<usize>)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                none.insert(stream)
            }
        };
        let head = head(self.address, self.token.as_deref(), (method, path), body);
        stream.write_all(head.as_bytes())?;
        for part in body.chunks(WRITE) {
            stream.write_all(part)?;
        }
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            let count = stream.read(&mut chunk)?;
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

/// The head of a request.
pub fn head(
    address: SocketAddr,
    token: Option<&str>,
    (method, path): (&str, &str),
    body: &[u8],
) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
    if let Some(token) = token {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if !body.is_empty() {
        head.push_str("content-type: application/json\r\n");
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    head
}

/// The head of a post whose body's length is not announced.
pub fn chunked_head(address: SocketAddr, path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
}
