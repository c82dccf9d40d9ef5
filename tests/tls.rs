//! HTTPS by the server itself, and proxies that say which client they connect for.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server, accepted_task, repository, stepwell, texts};
use reqwest::{Certificate, Client, Version};
use serde_json::{Value, json};
use stepwell_api::TaskCounts;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures/tls").join(name)
}

/// A directory with `cert.pem` and `key.pem` of this pair.
fn pair(name: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    put(directory.path(), name);
    directory
}

fn put(directory: &Path, name: &str) {
    for (from, to) in [
        (format!("{name}.pem"), "cert.pem"),
        (format!("{name}.key"), "key.pem"),
    ] {
        // As certificate tools do it: the new file takes the old one's place.
        let new = directory.join("new");
        fs::copy(fixture(&from), &new).unwrap();
        fs::rename(new, directory.join(to)).unwrap();
    }
}

/// A server with TLS, and its address. `server.url` is that of commands on this machine.
async fn start(files: &Path, more: &[&str]) -> (Server, SocketAddr) {
    let (certificate, key) = (files.join("cert.pem"), files.join("key.pem"));
    let tls = [
        "--tls-cert",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let mut server = Server::with(&[&tls, more].concat()).await;
    let address = server.url.strip_prefix("https://").unwrap().to_owned();
    server.url = format!("http://{address}");
    (server, address.parse().unwrap())
}

/// A client that trusts this authority alone and finds `hooks.test` at the address.
fn client(authority: &str, address: SocketAddr) -> reqwest::ClientBuilder {
    let authority = fs::read(fixture(authority)).unwrap();
    Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
        .resolve("hooks.test", address)
}

fn at(webhook: &str, address: SocketAddr) -> String {
    let key = webhook.rsplit('/').next().unwrap();
    format!("https://hooks.test:{}/event/{key}", address.port())
}

#[tokio::test]
async fn webhooks_come_in_by_https_in_both_versions_and_commands_need_none() {
    let files = pair("one");
    let (server, address) = start(files.path(), &[]).await;
    let webhook = server.webhook("Orders").await;
    assert!(
        webhook.starts_with(&format!("https://{address}/event/")),
        "{webhook}"
    );
    let large = json!({"text": "x".repeat(1_000_000)});
    for (builder, version) in [
        (client("authority-one.pem", address), Version::HTTP_2),
        (
            client("authority-one.pem", address).http1_only(),
            Version::HTTP_11,
        ),
    ] {
        let client = builder.build().unwrap();
        for body in [json!({"n": 1}), large.clone()] {
            let request = client.post(at(&webhook, address)).body(body.to_string());
            let response = request
                .header("content-type", "application/json")
                .send()
                .await
                .unwrap();
            assert_eq!(
                (response.status().as_u16(), response.version()),
                (200, version)
            );
            let accepted: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            let task = server.wait(&accepted_task(&accepted), "unmatched").await;
            assert_eq!(task.data["n"], body["n"]);
            assert_eq!(task.data["text"], body["text"]);
        }
        // HEAD has no body in either version, and says how long the body would be.
        let unknown = at("https://hooks.test/event/unknown", address);
        let response = client.head(unknown).send().await.unwrap();
        assert_eq!(response.status(), 404);
        let length = response.headers()["content-length"].to_str().unwrap();
        assert_ne!(length, "0");
        assert_eq!(response.bytes().await.unwrap(), "");
        // Many at once on one connection.
        let sent = (0..50).map(|n| {
            client
                .post(at(&webhook, address))
                .body(json!({"n": n}).to_string())
                .send()
        });
        for response in futures_util::future::join_all(sent).await {
            assert_eq!(response.unwrap().status(), 200);
        }
    }
    // Not trusted, and not encrypted to a name that the certificate does not have.
    let stranger = client("authority-two.pem", address).build().unwrap();
    assert!(stranger.post(at(&webhook, address)).send().await.is_err());
    server.settled().await;
    let counts: TaskCounts = server.cli_json(&["task", "count"]);
    assert_eq!(counts.counts.unmatched, 104);
}

#[tokio::test]
async fn a_changed_certificate_is_used_and_an_unfit_one_is_not() {
    let files = pair("one");
    let (mut server, address) = start(files.path(), &[]).await;
    let webhook = server.webhook("Orders").await;
    let accepts = async |authority: &str| {
        // A new client has no connection and no session to go on with.
        let client = client(authority, address).build().unwrap();
        client
            .post(at(&webhook, address))
            .body("{}")
            .send()
            .await
            .is_ok()
    };
    let kept = client("authority-one.pem", address).build().unwrap();
    assert!(
        kept.post(at(&webhook, address))
            .body("{}")
            .send()
            .await
            .is_ok()
    );
    assert!(!accepts("authority-two.pem").await);
    put(files.path(), "two");
    let until = Instant::now() + PATIENCE;
    while !accepts("authority-two.pem").await {
        assert!(Instant::now() < until, "the new certificate is not used");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!accepts("authority-one.pem").await);
    // A connection that was there goes on.
    assert!(
        kept.post(at(&webhook, address))
            .body("{}")
            .send()
            .await
            .is_ok()
    );

    fs::copy(fixture("one.pem"), files.path().join("cert.pem")).unwrap();
    server
        .has_logged("the changed certificate cannot be used")
        .await;
    assert!(
        accepts("authority-two.pem").await,
        "the old pair stays in use"
    );
    assert!(server.stop().success());
    let log = server.log().await;
    assert_eq!(
        log.matches("the changed certificate is in use").count(),
        1,
        "{log}"
    );
    assert_eq!(
        log.matches("the changed certificate cannot be used")
            .count(),
        1,
        "{log}"
    );
}

#[tokio::test]
async fn a_start_with_unfit_files_names_the_flag_and_the_file() {
    let files = pair("one");
    let file = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    fs::write(file("text"), "no certificate").unwrap();
    for (certificate, key, expected) in [
        (file("missing"), file("key.pem"), "--tls-cert"),
        (
            file("text"),
            file("key.pem"),
            "must hold a certificate in PEM form",
        ),
        (file("key.pem"), file("key.pem"), "must hold"),
        (file("cert.pem"), file("missing"), "--tls-key"),
        (
            file("cert.pem"),
            file("cert.pem"),
            "must hold a private key without a passphrase in PEM form",
        ),
        (
            file("cert.pem"),
            fixture("two.key").to_str().unwrap().to_owned(),
            "cannot be used together",
        ),
    ] {
        let home = TempDir::new().unwrap();
        let output = stepwell()
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--tls-cert",
                &certificate,
                "--tls-key",
                &key,
            ])
            .arg("--data-dir")
            .arg(home.path())
            .output()
            .unwrap();
        let (_, err) = texts(&output);
        assert!(!output.status.success());
        assert!(err.contains(expected), "{expected}: {err}");
        assert!(err.contains(&key) || err.contains(&certificate), "{err}");
        // Nothing was made.
        assert!(!home.path().join("store").exists());
    }
}

/// The header of version 2 of the PROXY protocol for a client of this address.
fn proxy_header(client: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client);
    header.extend([10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb]);
    header
}

/// Sends bytes and reads until the other end closes.
fn exchange(address: SocketAddr, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for part in parts {
        stream.write_all(part).unwrap();
    }
    let mut answer = Vec::new();
    // A connection that the server drops with bytes unread is reset.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, headers: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: h\r\n{headers}connection: close\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()
}

fn task_of(answer: &str) -> String {
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer}"));
    accepted_task(&serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")))
}

#[tokio::test]
async fn who_comes_without_tls_from_elsewhere_is_told_to_use_it() {
    let files = pair("one");
    let proxies = [
        "--trusted-proxy",
        "127.0.0.1",
        "--proxy-header",
        "proxy-protocol",
    ];
    let (server, address) = start(files.path(), &proxies).await;
    // Each connection from this machine begins with the header now, those of commands too: the proxy's own.
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    let health = b"GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    assert!(exchange(address, &[local, health]).starts_with("HTTP/1.1 200"));
    let stranger = proxy_header([198, 51, 100, 7]);
    let refused = exchange(address, &[&stranger, health]);
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert!(
        refused.contains("tls-required") && refused.contains("https://"),
        "{refused}"
    );
    // No header, or another protocol: no answer, and the server goes on.
    assert_eq!(exchange(address, &[health]), "");
    assert_eq!(
        exchange(
            address,
            &[b"PROXY TCP4 198.51.100.7 10.0.0.1 1 2\r\n", health]
        ),
        ""
    );
    assert_eq!(
        exchange(address, &[local, &[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]]),
        "\u{15}\u{3}\u{3}\0\u{2}\u{2}2"
    );
    assert!(exchange(address, &[local, health]).starts_with("HTTP/1.1 200"));
    drop(server);
}

#[tokio::test]
async fn the_client_behind_trusted_proxies_is_in_via_and_in_address_lists() {
    for (header, head, sent) in [
        (
            "x-forwarded-for",
            Vec::new(),
            "x-forwarded-for: 203.0.113.9, 198.51.100.7\r\n",
        ),
        (
            "forwarded",
            Vec::new(),
            "forwarded: for=203.0.113.9, for=\"198.51.100.7:4711\"\r\n",
        ),
        ("proxy-protocol", proxy_header([198, 51, 100, 7]), ""),
    ] {
        let mut server = Server::with(&[]).await;
        let webhook = server.webhook("Orders").await;
        let (status, body) = server
            .api(
                reqwest::Method::PATCH,
                &server.path("webhooks/Orders"),
                Some(json!({"allow_ips": ["198.51.100.0/24"]})),
            )
            .await;
        assert!(status.is_success(), "{body}");
        let path = format!("/event/{}", webhook.rsplit('/').next().unwrap());
        let address =
            |server: &Server| server.url.strip_prefix("http://").unwrap().parse().unwrap();
        // No proxy is trusted yet.
        let refused = exchange(address(&server), &[&post(&path, sent)]);
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");

        assert!(server.stop().success());
        server.set_args(&[
            "--trusted-proxy",
            "127.0.0.0/8,10.0.0.0/8",
            "--proxy-header",
            header,
        ]);
        server.launch().await;
        let accepted = exchange(address(&server), &[&head, &post(&path, sent)]);
        let id = task_of(&accepted);
        assert!(server.stop().success());
        server.set_args(&[]);
        server.launch().await;
        assert_eq!(
            server.wait(&id, "unmatched").await.data["$via"]["ip"],
            "198.51.100.7",
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_greeting_is_dropped() {
    let files = pair("one");
    let (server, address) = start(files.path(), &["--head-timeout", "1s"]).await;
    // Nothing at all, the beginning of a handshake, and a record that never ends.
    for sent in [&b""[..], &[22], &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]] {
        assert_eq!(exchange(address, &[sent]), "");
    }
    // So is one of HTTP/2 that asks nothing any more.
    let client = client("authority-one.pem", address).build().unwrap();
    let ask = || {
        client
            .get(format!("https://hooks.test:{}/healthz", address.port()))
            .send()
    };
    assert_eq!(ask().await.unwrap().version(), Version::HTTP_2);
    let open = || {
        let sockets = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
        let targets = sockets.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count()
    };
    let until = Instant::now() + PATIENCE;
    let with_it = open();
    while open() >= with_it {
        assert!(Instant::now() < until, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ask().await.unwrap().status(), 200);
}

/// Half of the connections are the most that one client has, or as many as the operator says. The others are for others.
#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    one_address_has(4, &["--connections", "8"]).await;
    one_address_has(2, &["--connections", "8", "--connections-per-address", "2"]).await;
}

async fn one_address_has(most: usize, connections: &[&str]) {
    let proxies = [
        "--trusted-proxy",
        "127.0.0.1",
        "--proxy-header",
        "proxy-protocol",
    ];
    let server = Server::with(&[&proxies, connections].concat()).await;
    let address: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let idle = |client: [u8; 4]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&proxy_header(client)).unwrap();
        stream
    };
    let health = b"GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let taken = |_| {
        let mut stream = idle([203, 0, 113, 1]);
        let kept = b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n";
        stream.write_all(kept).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        stream
    };
    let held: Vec<_> = (0..most).map(taken).collect();
    // Each of the next ones is closed.
    for _ in 0..12 {
        let mut stream = idle([203, 0, 113, 1]);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty());
    }
    // The operator is told.
    server.has_logged("connections were closed at once").await;
    server.has_logged("--connections-per-address").await;
    let other = proxy_header([203, 0, 113, 2]);
    assert!(exchange(address, &[&other, health]).starts_with("HTTP/1.1 200"));
    drop(held);
    // They are given back.
    let until = std::time::Instant::now() + PATIENCE;
    let own = proxy_header([203, 0, 113, 1]);
    while !exchange(address, &[&own, health]).starts_with("HTTP/1.1 200") {
        assert!(std::time::Instant::now() < until, "none is given back");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
