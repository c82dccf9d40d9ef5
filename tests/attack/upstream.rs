//! What the attacker's steps call: a server of the harness that hangs, or answers with much, and one that speaks TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::attacker::yield_to_others;
use super::server::fixture;

/// The body of an answer to any path but `/hang`.
const BODY_BYTES: usize = 60_000;
/// The body of an answer over TLS.
const TLS_BODY_BYTES: usize = 2_000_000;

/// Where it listens.
#[derive(Clone, Copy)]
pub struct Upstream {
    pub http: SocketAddr,
    pub tls: SocketAddr,
}

/// Listens for the rest of the process.
pub fn start() -> anyhow::Result<Upstream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let http = listener.local_addr()?;
    std::thread::spawn(move || {
        yield_to_others();
        // Requests that hang are answered never; their connections are kept here.
        let mut hanging = Vec::new();
        for stream in listener.incoming().flatten() {
            if let Some(stream) = answer(stream) {
                hanging.push(stream);
            }
        }
    });
    let tls = start_tls()?;
    Ok(Upstream { http, tls })
}

/// Speaks TLS as `localhost`.
fn start_tls() -> anyhow::Result<SocketAddr> {
    let chain =
        CertificateDer::pem_file_iter(fixture("localhost.pem"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || {
                yield_to_others();
                if let Ok(connection) = ServerConnection::new(config) {
                    // It ends with the connection.
                    let _ = answer_all(StreamOwned::new(connection, stream));
                }
            });
        }
    });
    Ok(address)
}

/// Answers one request after another.
fn answer_all(mut stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let body = vec![b'x'; TLS_BODY_BYTES];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {TLS_BODY_BYTES}\r\n\r\n");
    let mut request = Vec::new();
    let mut part = [0; 1024];
    loop {
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let count = stream.read(&mut part)?;
            if count == 0 {
                return Ok(());
            }
            request.extend_from_slice(&part[..count]);
        }
        request.clear();
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)?;
        stream.flush()?;
    }
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
