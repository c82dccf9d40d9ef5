//! Forms with files, by the real server: what becomes of the files, who gets them, and what they may cost.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::deliveries::list;
use crate::support::senders::{SECRET, add, settings, url_of};
use crate::support::upload::{self, FORM, Part, form, sha256};
use crate::support::{PATIENCE, Server, accepted_task, correlating, is_postgres, refusal, typed};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Redelivered, TaskHead};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The files of a workspace on the disk, and those on their way in.
fn files(server: &Server, workspace: &str) -> Vec<PathBuf> {
    upload::files(server.data_dir(), workspace)
}

fn file(server: &Server, workspace: &str, task: &str, content: &[u8]) -> PathBuf {
    upload::file(server.data_dir(), workspace, task, content)
}

async fn no_file_is_left(server: &Server) {
    let until = Instant::now() + PATIENCE;
    while !files(server, "default").is_empty() {
        assert!(Instant::now() < until, "{:?}", files(server, "default"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn send(server: &Server, webhook: &str, parts: &[Part<'_>]) -> (StatusCode, Value) {
    server.send(webhook, FORM, form(parts)).await
}

async fn sent(server: &Server, webhook: &str, parts: &[Part<'_>]) -> (String, Value) {
    let (status, answer) = send(server, webhook, parts).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = accepted_task(&answer);
    let data = server.wait(&task, "unmatched").await.data.clone();
    (task, data)
}

async fn get(url: &str, range: Option<&str>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(url);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_file_is_a_member_of_the_data_and_its_link_leads_to_it() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let (task, data) = sent(
        &server,
        &webhook,
        &[
            ("name=\"who[name]\"", "Ada".as_bytes()),
            ("name=\"docs[]\"; filename=\"..\\evil/na\u{ef}ve \u{202e}cv.pdf\"\r\ncontent-type: application/pdf", &content),
            ("name=\"docs[]\"; filename*=UTF-8''x.html\r\ncontent-type: text/html", b"<script>alert(1)</script>"),
            ("name=\"none\"; filename=\"\"", b""),
        ],
    )
    .await;
    assert_eq!(
        (&data["who"]["name"], &data["none"]),
        (&json!("Ada"), &json!(""))
    );
    let (pdf, html) = (&data["docs"][0], &data["docs"][1]);
    assert_eq!(pdf["name"], "na\u{ef}ve cv.pdf");
    assert_eq!(
        (&pdf["type"], &pdf["size"]),
        (&json!("application/pdf"), &json!(1_200_000))
    );
    assert_eq!(pdf["digest"], sha256(&content));
    assert_eq!(html["name"], "x.html");
    let url = pdf["url"].as_str().unwrap();
    let (status, headers, bytes) = get(url, None).await;
    assert_eq!((status, bytes == content), (StatusCode::OK, true));
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-length", "1200000"),
        (
            "content-disposition",
            "attachment; filename*=UTF-8''na%C3%AFve%20cv.pdf",
        ),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "private, no-store"),
    ] {
        assert_eq!(headers[name], value);
    }
    let (status, headers, bytes) = get(url, Some("bytes=4-11")).await;
    assert_eq!(
        (status, &bytes[..]),
        (StatusCode::PARTIAL_CONTENT, &content[4..12])
    );
    assert_eq!(headers["content-range"], "bytes 4-11/1200000");
    let (status, _, _) = get(url, Some("bytes=1200000-")).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);
    // What a stranger sent is no page of this server.
    let (_, headers, _) = get(html["url"].as_str().unwrap(), None).await;
    assert_eq!(headers["content-type"], "application/octet-stream");
    let other = sent(&server, &webhook, &[("name=a; filename=b", b"1")])
        .await
        .0;
    for (wrong, status) in [
        (url.replacen("signature=", "signature=0", 1), 403),
        (url.replacen(&task, &other, 1), 403),
        (url.replacen("/default/", "/acme/", 1), 403),
        (url.split('?').next().unwrap().to_owned(), 403),
        (url.replacen("/files/", "/file/", 1), 404),
    ] {
        let (got, _, body) = get(&wrong, None).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(got.as_u16(), status, "{wrong}: {problem}");
    }
    // The link is as good after a restart, on the port that the server has then.
    let mut server = server;
    server.restart().await;
    let path = &url[url.find("/files/").unwrap()..];
    let (status, _, bytes) = get(&format!("{}{path}", server.url), None).await;
    assert_eq!((status, bytes == content), (StatusCode::OK, true));
}

#[tokio::test]
async fn files_go_with_their_workspace_and_no_other_one_has_them() {
    let mut server = Server::start().await;
    let here = server.webhook("w").await;
    server.enter("acme").await;
    let there = server.webhook("w").await;
    let content = b"the same in both";
    let (first, data) = sent(&server, &there, &[("name=f; filename=f", content)]).await;
    let url = data["f"]["url"].as_str().unwrap().to_owned();
    assert!(file(&server, "acme", &first, content).exists());
    let (status, answer) = send(&server, &here, &[("name=f; filename=f", content)]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let second = &accepted_task(&answer);
    let (status, answer) = server.api(Method::DELETE, "/workspaces/acme", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    assert_eq!(get(&url, None).await.0, StatusCode::NOT_FOUND, "at once");
    let until = Instant::now() + PATIENCE;
    while upload::folder(server.data_dir()).join("acme").exists() {
        assert!(Instant::now() < until, "they are not removed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(file(&server, "default", second, content).exists());
}

#[tokio::test]
async fn a_copy_of_a_task_has_its_files_and_so_has_an_open_task_that_is_changed() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let content = b"shared";
    let (task, data) = sent(&server, &webhook, &[("name=f; filename=f", content)]).await;
    let (status, answer) = server.act(&task, "clone", None).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let copy: TaskHead = typed(&answer);
    assert!(file(&server, "default", &copy.id, content).exists());
    let path = server.path(&format!("deliveries/{task}/redeliver"));
    let (status, answer) = server.api(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let again = &typed::<Redelivered>(&answer).tasks[0];
    assert!(file(&server, "default", again, content).exists());
    assert_eq!(server.wait(again, "unmatched").await.data["f"], data["f"]);
    // A task that waits is changed by a form that names it.
    server
        .script("waits", "export const condition = {wait: '1', f: null};\nexport const content = () => task.park(3_600_000);")
        .await;
    let more = correlating(&server, "more", "/task").await;
    let (status, answer) = send(&server, &webhook, &[("name=wait", b"1")]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let open = accepted_task(&answer);
    server.waiting(&open).await;
    let parts: &[Part<'_>] = &[
        ("name=task", open.as_bytes()),
        ("name=f; filename=g", b"late"),
    ];
    let (status, answer) = send(&server, &more, parts).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(accepted_task(&answer), open);
    assert!(file(&server, "default", &open, b"late").exists());
    let data = &server.task(&open).await.data;
    let (status, _, bytes) = get(data["f"]["url"].as_str().unwrap(), None).await;
    assert_eq!((status, &bytes[..]), (StatusCode::OK, &b"late"[..]));
    // One that is over is not, and the form is a task of its own.
    let parts: &[Part<'_>] = &[
        ("name=task", task.as_bytes()),
        ("name=f; filename=g", b"late"),
    ];
    let (_, answer) = send(&server, &more, parts).await;
    let own = &accepted_task(&answer);
    assert_ne!(*own, task);
    assert!(file(&server, "default", own, b"late").exists());
    assert!(!file(&server, "default", &task, b"late").exists());
}

#[tokio::test]
async fn a_sender_is_verified_before_its_files_are_taken() {
    let server = Server::start().await;
    let add = async |provider| {
        add(&server, provider, settings(provider, SECRET))
            .await
            .url
            .clone()
    };
    let (bearer, github) = (add("bearer").await, add("github").await);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |url: &str, header: &'static str, value: String, body: Vec<u8>| {
        let request = client
            .post(url)
            .header("content-type", FORM)
            .header(header, value)
            .body(body);
        async move {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            (
                status,
                serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap(),
            )
        }
    };
    let body = form(&[("name=f; filename=f", &[7; 2_000_000])]);
    let (status, answer) = post(
        &bearer,
        "authorization",
        "Bearer wrong".into(),
        body.clone(),
    )
    .await;
    assert_eq!(status, 401, "{answer}");
    assert!(
        !upload::folder(server.data_dir()).exists(),
        "nothing was written"
    );
    let (status, answer) = post(
        &bearer,
        "authorization",
        format!("Bearer {SECRET}"),
        body.clone(),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    // A signature covers the whole body, as it arrived.
    let signed = |body: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, body);
        let hex: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("sha256={hex}")
    };
    let small = form(&[("name=f; filename=f", b"small")]);
    let (status, answer) = post(
        &github,
        "x-hub-signature-256",
        signed(&small),
        small.clone(),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    let task = &accepted_task(&answer);
    assert!(file(&server, "default", task, b"small").exists());
    let before = files(&server, "default").len();
    let (status, answer) = post(&github, "x-hub-signature-256", signed(b"other"), small).await;
    assert_eq!(
        (status, refusal(&answer).code.as_str()),
        (401, "signature-mismatch"),
        "{answer}"
    );
    // Larger than what is held: it is verified while it comes in. What stands behind the last part is signed, too.
    let mut more = body.clone();
    more.extend_from_slice(b"epilogue");
    let header = "x-hub-signature-256";
    let (status, answer) = post(&github, header, signed(&body), more.clone()).await;
    assert_eq!(
        (status, refusal(&answer).code.as_str()),
        (401, "signature-mismatch"),
        "{answer}"
    );
    let (status, answer) = post(&github, header, String::new(), body).await;
    assert_eq!(
        (status, refusal(&answer).code.as_str()),
        (401, "signature-missing"),
        "{answer}"
    );
    assert_eq!(
        files(&server, "default").len(),
        before,
        "nothing is left of them"
    );
    let (status, answer) = post(&github, header, signed(&more), more).await;
    assert_eq!(status, 200, "{answer}");
    let task = &accepted_task(&answer);
    assert!(file(&server, "default", task, &[7; 2_000_000]).exists());
    let task = server.wait(task, "unmatched").await;
    let verified = &task.data["$via"]["verified"];
    assert_eq!(*verified, "github");
    // One whose content has to be looked at is held, and bounded like other bodies.
    let mailgun = add("mailgun").await;
    let large = form(&[("name=f; filename=f", &[7; 2_000_000])]);
    let (status, answer) = post(&mailgun, header, String::new(), large).await;
    assert_eq!(
        (status, refusal(&answer).code.as_str()),
        (413, "body-too-large"),
        "{answer}"
    );
}

#[tokio::test]
async fn files_of_a_workspace_are_bounded() {
    let server = Server::with(&["--files-bytes", "1000000"]).await;
    let webhook = server.webhook("w").await;
    let large = vec![7; 600_000];
    sent(&server, &webhook, &[("name=f; filename=f", &large)]).await;
    let (status, answer) = send(&server, &webhook, &[("name=f; filename=f", &large)]).await;
    assert_eq!(status.as_u16(), 507, "{answer}");
    let problem = refusal(&answer);
    assert_eq!(
        (problem.code.as_str(), problem.most),
        ("files-full", Some(1_000_000))
    );
    assert_eq!(files(&server, "default").len(), 1, "nothing is left of it");
    sent(
        &server,
        &webhook,
        &[("name=f; filename=f", &large[..300_000])],
    )
    .await;
    let listed = list(&server, "verdict=refused").await;
    assert_eq!(listed[0].code.as_deref(), Some("files-full"), "{listed:?}");
}

/// Bytes of memory that the server's process has resident, and the most that it had since the last look.
fn most_resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Begins the most anew.
fn forget_most(server: &Server) {
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
}

/// Sends a request's head and then zeros, until an answer begins or `most` bytes are sent. Returns how many were, and the
/// answer.
async fn flood(server: &Server, webhook: &str, framing: &str, most: u64) -> (u64, String) {
    let address = server.url.strip_prefix("http://").unwrap();
    let path = &webhook[webhook.find("/event/").unwrap()..];
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let is_chunked = framing.contains("chunked");
    let part = b"--x-y\r\ncontent-disposition: form-data; name=f; filename=big\r\n\r\n";
    let piece = |bytes: &[u8]| {
        if !is_chunked {
            return bytes.to_vec();
        }
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        chunk
    };
    let (first, zeros) = (piece(part), piece(&[0; 1 << 18]));
    let (mut reading, mut writing) = stream.into_split();
    let answered = tokio::spawn(async move {
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(PATIENCE, reading.read(&mut answer)).await;
        String::from_utf8_lossy(&answer[..read.unwrap().unwrap_or(0)]).into_owned()
    });
    let mut sent = 0;
    let _ = writing.write_all(&first).await;
    while sent < most && !answered.is_finished() {
        if writing.write_all(&zeros).await.is_err() {
            break;
        }
        sent += 1 << 18;
    }
    (sent, answered.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_too_large_costs_no_memory_and_ends_with_413() {
    const TEN_GB: u64 = 10_000_000_000;
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    // The first one of each kind, so that what is made once is there.
    sent(
        &server,
        &webhook,
        &[("name=f; filename=f", &vec![1; 30_000_000])],
    )
    .await;
    let kept = files(&server, "default").len();
    let signed = add(&server, "g", settings("github", SECRET)).await;
    let signed = url_of(&signed).to_owned();
    let signature = format!("x-hub-signature-256: sha256={}", "0".repeat(64));
    for (webhook, framing) in [
        (&webhook, "transfer-encoding: chunked".to_owned()),
        (&webhook, format!("content-length: {TEN_GB}")),
        (
            &signed,
            format!("transfer-encoding: chunked\r\n{signature}"),
        ),
    ] {
        // The least of three: other work of the process only adds to what is measured.
        let mut grown = u64::MAX;
        for _ in 0..3 {
            forget_most(&server);
            let before = most_resident(&server);
            let (sent, answer) = flood(&server, webhook, &framing, TEN_GB).await;
            grown = grown.min(most_resident(&server).saturating_sub(before));
            assert!(
                answer.starts_with("HTTP/1.1 413"),
                "{framing}: {sent} bytes, then {answer}"
            );
            assert!(answer.contains("larger than 100000000 bytes"), "{answer}");
            // What is drained, and what the sockets hold, are not looked at by anyone.
            assert!(sent < 200_000_000, "{framing}: {sent} bytes were taken");
        }
        assert!(
            grown < 8 * 1024 * 1024,
            "{framing}: it grew by {grown} bytes"
        );
        assert_eq!(
            files(&server, "default").len(),
            kept,
            "nothing is left of it"
        );
    }
    server.is_well().await;
}

#[tokio::test]
async fn what_breaks_off_leaves_nothing() {
    let mut server = Server::start().await;
    let webhook = server.webhook("w").await;
    let framing = "transfer-encoding: chunked";
    let path = &webhook[webhook.find("/event/").unwrap()..].to_owned();
    let begun = |url: String| async move {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap())
            .await
            .unwrap();
        let part = "--x-y\r\ncontent-disposition: form-data; name=f; filename=big\r\n\r\n";
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\n{framing}\r\n\r\n");
        let text = format!(
            "{head}{:x}\r\n{part}\r\n{:x}\r\n{}\r\n",
            part.len(),
            200_000,
            "0".repeat(200_000)
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    };
    let wait = |server: &Server| {
        let blobs = upload::folder(server.data_dir()).join(".incoming");
        let is_there = move |path: &Path| {
            let files = std::fs::read_dir(path).into_iter().flatten().flatten();
            files
                .filter_map(|file| file.metadata().ok())
                .any(|file| file.len() > 0)
        };
        async move {
            let until = Instant::now() + PATIENCE;
            while !is_there(&blobs) {
                assert!(Instant::now() < until, "nothing is written");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let stream = begun(server.url.clone()).await;
    wait(&server).await;
    drop(stream);
    no_file_is_left(&server).await;
    // The server ends in the middle.
    let _stream = begun(server.url.clone()).await;
    wait(&server).await;
    server.kill();
    assert_eq!(files(&server, "default").len(), 1);
    // As a crash between a file's and its task's being durable leaves it.
    let orphan =
        upload::folder(server.data_dir()).join("default/0193e4a0-0000-7000-8000-000000000000");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::write(orphan.join(sha256(b"x")), b"x").unwrap();
    server.launch().await;
    let incoming = upload::folder(server.data_dir()).join(".incoming");
    match is_postgres() {
        // Others may share the folder.
        true => std::fs::remove_dir_all(&incoming).unwrap(),
        false => assert!(!incoming.exists(), "what was on its way in is gone"),
    }
    // The first look for tasks that are to be removed finds the other one. It is some minutes after a start, or when a
    // workspace is deleted.
    let name = Some(json!({"name": "gone"}));
    server.api(Method::POST, "/workspaces", name).await;
    server.api(Method::DELETE, "/workspaces/gone", None).await;
    no_file_is_left(&server).await;
}
