//! What the attacker's steps call: a server of the harness that hangs, or answers with much, and one that speaks TLS.
//! One thread serves all connections.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::fixtures::fixture;
use super::urgency;

/// The body of an answer to any path but `/hang`.
const BODY_BYTES: usize = 60_000;
/// The body of an answer over TLS.
const TLS_BODY_BYTES: usize = 2_000_000;
/// Bytes that are written in one go, as those of the attackers' bodies.
const WRITE: usize = 16 * 1024;
/// The longest head of a request.
const HEAD_BYTES: usize = 16 * 1024;

/// Where it listens.
#[derive(Clone, Copy)]
pub struct Upstream {
    pub http: SocketAddr,
    pub tls: SocketAddr,
}

/// Listens for the rest of the process.
pub fn start() -> anyhow::Result<Upstream> {
    let runtime = urgency::runtime("attack-upstream")?;
    let acceptor = TlsAcceptor::from(Arc::new(tls()?));
    let _entered = runtime.enter();
    let (listener, http) = listen()?;
    runtime.spawn(serve(listener, answer));
    let (listener, tls) = listen()?;
    runtime.spawn(serve(listener, move |stream| {
        let acceptor = acceptor.clone();
        async move { answer_all(acceptor.accept(stream).await?).await }
    }));
    Ok(Upstream { http, tls })
}

fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

/// Speaks TLS as `localhost`.
fn tls() -> anyhow::Result<ServerConfig> {
    let chain =
        CertificateDer::pem_file_iter(fixture("localhost.pem"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(config)
}

/// Answers every connection, each until it ends.
async fn serve<A>(listener: TcpListener, answer: impl Fn(TcpStream) -> A)
where
    A: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(answer(stream))),
            // There are no more files: some are closed soon.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Reads the head of a request; `None` at the connection's end.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut part).await?;
        if count == 0 || head.len() > HEAD_BYTES {
            return Ok(None);
        }
        head.extend_from_slice(&part[..count]);
    }
    Ok(Some(head))
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    fields: &str,
    body: &[u8],
) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await?;
    for part in body.chunks(WRITE) {
        stream.write_all(part).await?;
    }
    stream.flush().await
}

/// Answers one request after another.
async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b'x'; TLS_BODY_BYTES]);
    while head(&mut stream).await?.is_some() {
        write(&mut stream, "", &BODY).await?;
    }
    Ok(())
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

/// Answers one request. One that is to hang has no answer until its client goes.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b'x'; BODY_BYTES]);
    let Some(head) = head(&mut stream).await? else {
        return Ok(());
    };
    let asks_for = |path: &[u8]| head.windows(path.len()).any(|part| part == path);
    if asks_for(b" /hang ") {
        while stream.read(&mut [0; 64]).await? > 0 {}
        return Ok(());
    }
    let (fields, body) = match asks_for(b" /gzip ") {
        true => ("content-encoding: gzip\r\n", bomb()),
        false => ("", &**BODY),
    };
    let fields = format!("{fields}connection: close\r\n");
    write(&mut stream, &fields, body).await
}
