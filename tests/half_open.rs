//! A thousand senders that stop in the middle, or send byte by byte: an honest one beside them is answered, they are
//! closed after their time, and there are never more of them than connections are allowed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::upload::{FORM, files};
use crate::support::{PATIENCE, Server, repository};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// How long heads, handshakes and bodies may take.
const TIMES: [&str; 4] = ["--head-timeout", "3s", "--body-timeout", "3s"];
/// Between two bytes of a sender that is slow.
const DRIP: Duration = Duration::from_millis(300);

/// Where a sender stops.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// Before it has sent anything.
    Silent,
    /// In the head, and sends on byte by byte.
    Head,
    /// In the body.
    Body,
    /// In a file of a form, and sends on byte by byte.
    File,
    /// In its greeting of TLS.
    Hello,
    /// After the handshake of TLS, for the protocol.
    Tls(&'static str),
}

/// What all senders share.
struct Senders {
    address: SocketAddr,
    path: String,
    tls: TlsConnector,
    /// Those that have got as far as they go.
    stopped: AtomicUsize,
}

fn fixture(name: &str) -> String {
    let path = repository().join("tests/fixtures/tls").join(name);
    path.to_str().unwrap().to_owned()
}

/// A server that speaks TLS, and plain HTTP with this machine.
async fn start(more: &[&str]) -> (Server, SocketAddr) {
    let (certificate, key) = (fixture("one.pem"), fixture("one.key"));
    let tls = ["--tls-cert", &certificate, "--tls-key", &key];
    let mut server = Server::with(&[&tls, &TIMES[..], more].concat()).await;
    let address = server.url.strip_prefix("https://").unwrap().to_owned();
    server.url = format!("http://{address}");
    (server, address.parse().unwrap())
}

fn senders(address: SocketAddr, webhook: &str) -> Arc<Senders> {
    let authority = std::fs::read(fixture("authority-one.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_slice(&authority).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(Senders {
        address,
        path: webhook[webhook.find("/event/").unwrap()..].to_owned(),
        tls: TlsConnector::from(Arc::new(config)),
        stopped: AtomicUsize::new(0),
    })
}

impl Senders {
    /// What is sent before the stop.
    fn begun(&self, stop: Stop) -> String {
        let path = &self.path;
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n");
        match stop {
            Stop::Silent | Stop::Tls(_) => String::new(),
            Stop::Head => format!("{head}x-a: "),
            Stop::Body => format!("{head}content-length: 1000\r\n\r\n{{\"a\":"),
            Stop::File => format!(
                "{head}content-type: {FORM}\r\ncontent-length: 100000\r\n\r\n--x-y\r\ncontent-disposition: form-data; name=f; filename=f\r\n\r\n{}",
                "0".repeat(9_000)
            ),
            // A record of 512 bytes, of which 6 come.
            Stop::Hello => "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{7c}\u{3}\u{3}".into(),
        }
    }

    /// Sends until the stop, and waits until the server has closed the connection; gives what it said.
    async fn send(self: Arc<Self>, stop: Stop) -> String {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let Stop::Tls(protocol) = stop else {
            return self.stop(stream, stop).await;
        };
        let mut tls = self.tls.clone();
        let mut config = ClientConfig::clone(tls.config());
        config.alpn_protocols = vec![protocol.into()];
        tls = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("hooks.test").unwrap();
        let stream = tls.connect(name, stream).await.unwrap();
        self.stop(stream, stop).await
    }

    async fn stop(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, stop: Stop) -> String {
        let begun = self.begun(stop);
        stream.write_all(begun.as_bytes()).await.unwrap();
        self.stopped.fetch_add(1, Ordering::SeqCst);
        let is_slow = matches!(stop, Stop::Head | Stop::File);
        let (mut said, mut piece) = (Vec::new(), [0; 4096]);
        let mut over = std::pin::pin!(tokio::time::sleep(PATIENCE / 3));
        loop {
            tokio::select! {
                read = stream.read(&mut piece) => match read {
                    Ok(count) if count > 0 => said.extend_from_slice(&piece[..count]),
                    // The end, or a reset: what was sent on is not read any more.
                    _ => return String::from_utf8_lossy(&said).into_owned(),
                },
                () = tokio::time::sleep(DRIP), if is_slow => drop(stream.write_all(b"0").await),
                // The system drops connections that are more than may wait to be accepted, and does not say so to a
                // sender that is silent.
                () = &mut over => return String::from_utf8_lossy(&said).into_owned(),
            }
        }
    }

    async fn have_stopped(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.stopped.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < until, "they do not get through");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Open sockets of the server.
fn sockets(server: &Server) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let sockets = targets.filter(|target| target.to_string_lossy().starts_with("socket:"));
    sockets.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_half_open_connections_are_closed_and_an_honest_sender_is_answered() {
    let (server, address) = start(&[]).await;
    let webhook = server.webhook("w").await;
    let before = sockets(&server);
    let senders = senders(address, &webhook);
    let mut open = JoinSet::new();
    let kinds = [
        (Stop::Silent, 240),
        (Stop::Head, 240),
        (Stop::Body, 240),
        (Stop::File, 20),
        (Stop::Hello, 220),
        (Stop::Tls("h2"), 20),
        (Stop::Tls("http/1.1"), 20),
    ];
    for (stop, count) in kinds {
        for _ in 0..count {
            let senders = senders.clone();
            open.spawn(async move { (stop, senders.send(stop).await) });
        }
    }
    // An honest sender goes on from before they are there until after they are gone.
    let mut honest = 0;
    let mut most = 0;
    while !open.is_empty() {
        let task = server.post(&webhook, &json!({"n": honest})).await;
        server.wait(&task, "unmatched").await;
        honest += 1;
        most = most.max(sockets(&server));
        while let Some(ended) = open.try_join_next() {
            let (stop, said) = ended.unwrap();
            let expected = match stop {
                Stop::Body | Stop::File => "HTTP/1.1 408 ",
                Stop::Silent | Stop::Hello | Stop::Tls("http/1.1") => "",
                // Frames that end the connection (RFC 9113, 6.8).
                Stop::Tls(_) => continue,
                Stop::Head => "",
            };
            assert!(said.starts_with(expected), "{stop:?}: {said}");
            assert!(!said.starts_with("HTTP/1.1 2"), "{stop:?}: {said}");
        }
    }
    assert!(honest > 10, "{honest}");
    assert!(most >= before + 900, "{most} sockets, {before} before");
    let until = Instant::now() + PATIENCE;
    while sockets(&server) > before + 5 {
        assert!(Instant::now() < until, "{} sockets", sockets(&server));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.tasks("limit=500").await.len(), honest.min(500));
    assert!(files(server.data_dir(), "default").is_empty());
    server.is_well().await;
}

/// Those beyond the bound wait outside, and so does an honest sender: until the first ones have had their time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_as_many_as_are_allowed() {
    const MOST: usize = 100;
    let (server, address) = start(&["--connections", &MOST.to_string()]).await;
    let webhook = server.webhook("w").await;
    let before = sockets(&server);
    let senders = senders(address, &webhook);
    let mut open = JoinSet::new();
    for stop in [Stop::Silent, Stop::Head, Stop::Body, Stop::Hello] {
        for _ in 0..MOST / 2 {
            open.spawn(senders.clone().send(stop));
        }
    }
    // They are connected by the system, as far as they are not taken by the server.
    senders.have_stopped(2 * MOST).await;
    let honest = tokio::spawn({
        let url = format!("{}{}", server.url, senders.path);
        async move {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let sent = client.post(url).body("{}").send();
            tokio::time::timeout(PATIENCE, sent).await.unwrap().unwrap()
        }
    });
    let until = Instant::now() + PATIENCE;
    while !open.is_empty() || !honest.is_finished() {
        assert!(sockets(&server) <= before + MOST, "{}", sockets(&server));
        assert!(Instant::now() < until, "they are not closed");
        while open.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(honest.await.unwrap().status(), 200);
    server.is_well().await;
}
