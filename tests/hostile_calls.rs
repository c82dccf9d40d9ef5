//! Calls that bring much: what connections, TLS and the copying of answers take of the processors is their workspace's
//! time, and a neighbour's tasks go on beside them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server, repository, stepwell};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use stepwell_api::TaskPage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The body of each answer.
const BODY: usize = 2_000_000;

/// A server for `localhost` that answers each request with a large body over TLS; gives its port and how many it answered.
async fn upstream() -> (u16, Arc<AtomicUsize>) {
    let fixture = |name: &str| repository().join("tests/fixtures/tls").join(name);
    let chain = CertificateDer::pem_file_iter(fixture("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answered = Arc::new(AtomicUsize::new(0));
    let counted = answered.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counted) = (acceptor.clone(), counted.clone());
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n");
                let body = vec![b'x'; BODY];
                let (mut request, mut part) = (Vec::new(), [0; 1024]);
                loop {
                    let count = stream.read(&mut part).await?;
                    if count == 0 {
                        return std::io::Result::Ok(());
                    }
                    request.extend_from_slice(&part[..count]);
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        stream.write_all(head.as_bytes()).await?;
                        stream.write_all(&body).await?;
                        stream.flush().await?;
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    (port, answered)
}

/// The middle of the times that so many of the neighbour's tasks take to their end.
async fn median(server: &Server, webhook: &str, count: usize) -> Duration {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        server.run(webhook, &json!({}), "done").await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[count / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_over_tls_leave_a_neighbour_alone() {
    let (port, answered) = upstream().await;
    let authority = repository().join("tests/fixtures/tls/authority-localhost.pem");
    let cache = stepwell();
    let cache = std::path::Path::new(cache.get_program()).with_file_name("tests-cache");
    let variables = format!(
        "export SSL_CERT_FILE='{}' STEPWELL_CACHE_DIR='{}'",
        authority.display(),
        cache.display()
    );
    let mut server = Server::after(&variables, &["--egress-allow", "127.0.0.1/32"]).await;
    server.enter("loud").await;
    let loud = format!(
        "export const condition = {{}};
         export const content = async () => {{
           for (let n = 0; n < 6; n++) {{
             const call = () => fetch('https://localhost:{port}/').then((answer) => answer.status);
             await Promise.all(Array.from({{ length: 32 }}, call));
           }}
           task.redo();
         }};\n"
    );
    server.script("calls", &loud).await;
    let webhook = server.webhook("w").await;
    server.enter("quiet").await;
    let one_line = "export const condition = {}; export const content = () => { data.ok = true; };";
    server.script("one", one_line).await;
    let quiet = server.webhook("w").await;
    median(&server, &quiet, 20).await;
    let alone = median(&server, &quiet, 50).await;

    for _ in 0..8 {
        server.post(&webhook, &json!({})).await;
    }
    let until = Instant::now() + PATIENCE;
    while answered.load(Ordering::SeqCst) < 64 {
        assert!(Instant::now() < until, "the calls do not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = answered.load(Ordering::SeqCst);
    let beside = median(&server, &quiet, 50).await;
    let meanwhile = answered.load(Ordering::SeqCst) - before;
    assert!(meanwhile > 0, "nothing was answered beside the neighbour");
    // The upstream, and all of it, is on the same processors.
    let most = alone * 5 + Duration::from_millis(20);
    assert!(beside < most, "{alone:?} alone, {beside:?} beside calls");
    let path = "/workspaces/loud/tasks?state=error&limit=1";
    let failed = server.get::<TaskPage>(path).await;
    assert!(failed.tasks.is_empty(), "{failed}");
}
