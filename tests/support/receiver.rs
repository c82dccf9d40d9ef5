//! An upstream on this machine: it sends the answers that a test sets, and records its requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

/// A request as the upstream saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delay: Duration,
    /// Answers only once this is true.
    pub gate: Option<watch::Receiver<bool>>,
    /// Send the body again and again until the other side has had enough.
    pub endless: bool,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            gate: None,
            endless: false,
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        let mut reply = Self::status(status);
        reply
            .headers
            .push(("content-type".into(), "application/json".into()));
        reply.body = body.to_string().into_bytes();
        reply
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same, once the test opens the gate.
    pub fn when(mut self, gate: &watch::Sender<bool>) -> Self {
        self.gate = Some(gate.subscribe());
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// Replies by path, used in order; the last one stays.
    replies: Mutex<HashMap<String, Vec<Reply>>>,
}

/// Ends with the test's runtime.
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Answers 200 with `{}` until another answer is set.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared }
    }

    /// The answer for a path from now on.
    pub fn reply(&self, path: &str, reply: Reply) -> &Self {
        self.shared.replies.lock().insert(path.into(), vec![reply]);
        self
    }

    /// What to answer after that; the last one is repeated.
    pub fn then(&self, path: &str, reply: Reply) -> &Self {
        self.shared
            .replies
            .lock()
            .entry(path.into())
            .or_default()
            .push(reply);
        self
    }

    /// Everything it was asked, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let reply = {
        let mut replies = shared.replies.lock();
        match replies.get_mut(uri.path()) {
            Some(queue) if queue.len() > 1 => queue.remove(0),
            Some(queue) => queue[0].clone(),
            None => Reply::json(200, &serde_json::json!({})),
        }
    };
    shared.seen.lock().push(Seen {
        method,
        path,
        headers,
        body,
    });
    tokio::time::sleep(reply.delay).await;
    if let Some(mut gate) = reply.gate {
        // A gate that is gone stays as it is.
        let _ = gate.wait_for(|is_open| *is_open).await;
    }
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    // Where it plays a Stepwell server, it is one.
    if uri.path().starts_with("/api/v1") {
        response = response.header("stepwell-version", "0.1.0");
    }
    let body = match reply.endless {
        true => Body::from_stream(futures_util::stream::repeat_with(move || {
            Ok::<_, std::convert::Infallible>(Bytes::from(reply.body.clone()))
        })),
        false => Body::from(reply.body),
    };
    response.body(body).unwrap()
}
