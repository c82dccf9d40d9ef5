//! What a request's body becomes: every coding and content type, good and bad, through the real server.
#![allow(clippy::unwrap_used, reason = "a test")]

mod cloud_events;
mod documents;
mod half_closed;
mod providers;
mod rows;
mod settings;
mod several;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use stepwell_api::{AcceptedTasks, Problem};

use crate::support::{Server, accepted_task, typed};

/// What a request was answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

/// Sends a request to a webhook's URL as it is told to, with no header fields of its own.
async fn send(
    url: &str,
    method: Method,
    headers: &[(impl AsRef<str>, impl AsRef<str>)],
    body: impl Into<reqwest::Body>,
) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(name.as_ref(), value.as_ref());
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

impl Answer {
    /// The tasks that it names.
    fn tasks(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        match serde_json::from_value::<AcceptedTasks>(self.body.clone()) {
            Ok(several) => several.tasks,
            Err(_) => vec![accepted_task(&self.body)],
        }
    }

    /// The status and the code of a refusal.
    fn refusal(&self) -> (u16, String) {
        let problem: Problem = typed(&self.body);
        (self.status.as_u16(), problem.code)
    }
}

/// A task's data without `$via`, and `$via`.
async fn data(server: &Server, id: &str) -> (Value, Value) {
    let mut data = server.task(id).await.data.clone();
    let via = data.as_object_mut().unwrap().shift_remove("$via").unwrap();
    (data, via)
}
