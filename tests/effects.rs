//! kill -9 while tasks call an upstream that counts: every acknowledged task ends `done`, each call
//! is recorded once, and the upstream is asked again only for a call that a kill fell into, under
//! the same Idempotency-Key, with the last answer being the one that counts.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Server, accepted_task, asked, guest, kills, until};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// How often the process is killed, unless `STEPWELL_SERVER_KILLS` says so.
const KILLS: usize = 80;
/// Senders at work at once.
const SENDERS: usize = 4;
/// Calls of one task.
const CALLS: usize = 3;

/// One request, as the upstream saw it.
#[derive(Debug, Clone)]
struct Sighting {
    key: String,
    /// How many kills there had been.
    kills: usize,
    /// The number that was answered.
    answer: u64,
}

/// An upstream that answers each request with another number, after up to 8 ms.
#[derive(Default)]
struct Upstream {
    requests: AtomicU64,
    kills: AtomicUsize,
    /// By the request's path, which names the task as its sender knows it and the call.
    seen: Mutex<HashMap<String, Vec<Sighting>>>,
}

impl Upstream {
    /// Waits until what a killed process had sent has been seen: that is not its successor's.
    async fn quiet(&self) {
        let mut before = None;
        loop {
            let now = self.requests.load(Ordering::SeqCst);
            if before == Some(now) {
                return;
            }
            before = Some(now);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn answer(State(upstream): State<Arc<Upstream>>, uri: Uri, headers: HeaderMap) -> String {
    let answer = upstream.requests.fetch_add(1, Ordering::SeqCst);
    let sighting = Sighting {
        key: headers["idempotency-key"].to_str().unwrap().to_owned(),
        kills: upstream.kills.load(Ordering::SeqCst),
        answer,
    };
    upstream
        .seen
        .lock()
        .entry(uri.path().to_owned())
        .or_default()
        .push(sighting);
    tokio::time::sleep(Duration::from_micros(rand::random_range(0..8_000))).await;
    answer.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_repeat_no_recorded_call() {
    let kills = kills(KILLS);
    let upstream = Arc::new(Upstream::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(upstream.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let mut server = Server::start().await;
    let webhook = server.webhook("Orders").await;
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let key = webhook.rsplit('/').next().unwrap().to_owned();
    // What was acknowledged, with the sender's name for it.
    let acknowledged = Arc::new(Mutex::new(BTreeMap::<String, String>::new()));
    let sent = Arc::new(AtomicU64::new(0));
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    // How long the slowest first answer of a server took, in microseconds: as long as it took to connect, and to compile.
    let first_answer = Arc::new(AtomicU64::new(0));
    for kill in 1..=kills {
        let launched = Instant::now();
        let is_answered = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (http, url) = (http.clone(), format!("{}/event/{key}", server.url));
                let (acknowledged, sent, base) = (acknowledged.clone(), sent.clone(), base.clone());
                let (first_answer, is_answered) = (first_answer.clone(), is_answered.clone());
                tokio::spawn(async move {
                    loop {
                        let number = sent.fetch_add(1, Ordering::Relaxed);
                        let requests: Vec<Value> = (0..CALLS)
                            .map(|call| json!({"method": "POST", "url": format!("{base}/{number}/{call}")}))
                            .collect();
                        let body = json!({"requests": requests, "parallel": number.is_multiple_of(2)});
                        let request = http.post(&url).header("content-type", "application/json");
                        // The first refused connection is the kill.
                        let Ok(response) = request.body(body.to_string()).send().await else {
                            return;
                        };
                        // An answer that the kill cut in two acknowledges nothing.
                        let Ok(text) = response.text().await else { return };
                        let answer: Value = serde_json::from_str(&text).unwrap();
                        let id = accepted_task(&answer);
                        acknowledged.lock().insert(id, number.to_string());
                        if !is_answered.swap(true, Ordering::Relaxed) {
                            let took = launched.elapsed().as_micros() as u64;
                            first_answer.fetch_max(took, Ordering::Relaxed);
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                })
            })
            .collect();
        // A kill comes before the first answer, or after some.
        let most = 50_000 + first_answer.load(Ordering::Relaxed).min(1_000_000);
        tokio::time::sleep(Duration::from_micros(rand::random_range(1_000..most))).await;
        server.kill();
        for sender in senders {
            sender.await.unwrap();
        }
        upstream.quiet().await;
        upstream.kills.store(kill, Ordering::SeqCst);
        server.launch().await;
    }
    server.settled().await;

    let acknowledged = std::mem::take(&mut *acknowledged.lock());
    assert!(acknowledged.len() > kills, "only {}", acknowledged.len());
    let seen = upstream.seen.lock().clone();
    for (id, number) in &acknowledged {
        let task = server.wait(id, "done").await;
        let runs = &task.runs;
        assert_eq!(runs.len(), 1, "{task:#}");
        let calls = &runs[0].calls;
        let mut recorded: Vec<u32> = calls.iter().map(|call| call.call).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, [0, 1, 2], "each call is recorded once: {task:#}");
        for call in 0..CALLS {
            let sightings = &seen[&format!("/{number}/{call}")];
            let last = sightings.last().unwrap();
            // A later request for a recorded call would have got another number.
            assert_eq!(
                task.data["results"][call]["text"],
                last.answer.to_string(),
                "call {call} of {id}: {sightings:?}"
            );
            for sighting in sightings {
                let place = format!("{id}-1-{call}-");
                assert!(sighting.key.starts_with(&place), "{sightings:?}");
            }
        }
    }
    // Also of tasks whose answer their sender never got.
    let mut repeats = 0;
    for (path, sightings) in &seen {
        for pair in sightings.windows(2) {
            repeats += 1;
            assert_eq!(pair[0].key, pair[1].key, "{path}");
            assert!(
                pair[0].kills < pair[1].kills,
                "{path} was asked twice by one process: {sightings:?}"
            );
        }
    }
    println!(
        "{kills} kills, {} tasks acknowledged, 0 lost, {} calls recorded once each; of {} calls that the upstream saw, {repeats} were repeated, each cut by a kill before its answer was recorded",
        acknowledged.len(),
        acknowledged.len() * CALLS,
        seen.len(),
    );
}

/// A sender that has its answer may go away: the step is not waited for.
#[tokio::test]
async fn the_answer_does_not_wait_for_a_slow_step() {
    let mut server = Server::start().await;
    let upstream = crate::support::Receiver::start().await;
    let hours = crate::support::receiver::Reply::status(200).after(Duration::from_secs(3600));
    upstream.reply("/slow", hours);
    let webhook = server.webhook("w").await;
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let requests = json!({"requests": [{"url": format!("{}/slow", upstream.url)}]});
    let id = server.post(&webhook, &requests).await;
    // The upstream may only be asked for a task that is durable.
    asked(&upstream, 1).await;
    server.kill();
    upstream.reply("/slow", crate::support::receiver::Reply::status(204));
    server.launch().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["results"][0]["status"], 204);
    assert_eq!(task.history[0].reason.as_deref(), Some("accepted"));
}

/// An upstream that writes its answers byte by byte, as some do. `/slow` is answered the second time.
fn peculiar() -> (String, Arc<Mutex<Vec<String>>>) {
    use std::io::{BufRead, BufReader, Write};
    let gzip = |text: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    };
    let body = [gzip(b"\xef\xbb\xbf{\"errors\":"), gzip(b"[\"email\"]}")].concat();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let heads = Arc::clone(&seen);
    std::thread::spawn(move || {
        // One request a connection; what is held open for `/slow` stays so.
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .by_ref()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let slow = |head: &str| head.contains(" /slow ");
            let first = !heads.lock().iter().any(|head| slow(head));
            let head = head.join("\n");
            heads.lock().push(head.clone());
            if slow(&head) && first {
                held.push(stream);
                continue;
            }
            let mut answer = if head.contains(" /r/302 ") {
                b"HTTP/1.1 302 Found\r\nlocation: /end\r\nconnection: close\r\n\r\n".to_vec()
            } else {
                b"HTTP/1.1 400 Email is invalid\r\ncontent-type: text/json\r\ncontent-encoding: x-gzip\r\n\
                  set-cookie: a=1\r\nset-cookie: b=2\r\nconnection: close\r\n\r\n"
                    .to_vec()
            };
            if !head.contains(" /r/302 ") {
                answer.extend_from_slice(&body);
            }
            stream.write_all(&answer).unwrap();
        }
    });
    (url, seen)
}

/// What the web's `fetch` gives of an answer, and gives again from the journal after a crash.
#[tokio::test]
async fn a_recorded_answer_has_its_address_its_phrase_and_its_cookies() {
    let mut server = Server::start().await;
    let (url, seen) = peculiar();
    server.config("URL", &url).await;
    server.config("TOKEN", "Bearer abc\n").await;
    let step = "export const condition = {};
        export const content = async () => {
          const headers = { Authorization: task.config('TOKEN') };
          const web = await fetch(task.config('URL') + '/r/302', { headers });
          const own = await connectors.fetch(task.config('URL') + '/r/302', { headers });
          data.web = [web.url, web.redirected, web.type, web.statusText, web.headers.getSetCookie(), await web.json()];
          data.own = [own.url, own.redirected, own.statusText, own.body, Object.keys(own.headers).includes(':url')];
          await fetch(task.config('URL') + '/slow');
        };";
    server.script("it", step).await;
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({})).await;
    let count = |path: &str| {
        seen.lock()
            .iter()
            .filter(|head| head.contains(path))
            .count()
    };
    until("the request for /slow", async || count(" /slow ") > 0).await;
    server.restart().await;
    let task = server.wait(&id, "done").await;
    let (end, phrase) = (format!("{url}/end"), "Email is invalid");
    let errors = json!({"errors": ["email"]});
    assert_eq!(
        task.data["web"],
        json!([end, true, "basic", phrase, ["a=1", "b=2"], errors])
    );
    assert_eq!(task.data["own"], json!([end, true, phrase, errors, false]));
    assert_eq!(
        (count(" /r/302 "), count(" /end ")),
        (2, 2),
        "recorded, and not asked for again"
    );
    let heads = seen.lock();
    assert!(
        heads[0]
            .to_ascii_lowercase()
            .contains("\nauthorization: bearer abc\n"),
        "{}",
        heads[0]
    );
}
