//! Makes the calls that the data lists, one after the other or all at once, and writes down what
//! came of each:
//!
//! `{"requests": [{"method": "POST", "url": "…", "headers": {…}, "body": …, "timeoutMs": 100,
//! "redirect": "follow|manual|error"}], "parallel": true}` becomes
//! `{"results": [{"status": 200, "statusText": "OK", "headers": {…}, "text": "…"}, {"error": "…"}]}`.
//! `"drop": true` begins all calls and awaits none; `"text": false` leaves bodies out, but their
//! length; `"repeat": 500` makes the whole list so many times.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use stepwell_sdk::connectors::{Fetch, FetchError, Redirect};
use stepwell_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// A body of so many bytes instead.
    body_bytes: Option<usize>,
    timeout_ms: Option<u64>,
    redirect: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

#[step(condition = { requests: Array })]
async fn fetcher() -> Result {
    let wanted: Vec<Wanted> = data::require("/requests")?;
    let repeat: Option<usize> = data::get("/repeat")?;
    let text = data::get("/text")?.unwrap_or(true);
    let wanted = || (0..repeat.unwrap_or(1)).flat_map(|_| &wanted);
    if data::get("/drop")?.unwrap_or(false) {
        let calls: Vec<Fetch> = wanted().map(fetch).collect();
        data::set("/dropped", calls.len())?;
        return Ok(());
    }
    let results = if data::get("/parallel")?.unwrap_or(false) {
        let calls: Vec<Fetch> = wanted().map(fetch).collect();
        join_all(calls).await
    } else {
        let mut results = Vec::new();
        for wanted in wanted() {
            results.push(fetch(wanted).await);
        }
        results
    };
    let results: Vec<Value> = results
        .into_iter()
        .map(|result| describe(result, text))
        .collect();
    data::set("/results", results)?;
    Ok(())
}

fn fetch(wanted: &Wanted) -> Fetch {
    let mut request = Request::new(&wanted.method, &wanted.url);
    for (name, value) in &wanted.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &wanted.body {
        request = request.json(body);
    }
    if let Some(bytes) = wanted.body_bytes {
        request = request.body(vec![b'x'; bytes]);
    }
    if let Some(millis) = wanted.timeout_ms {
        request = request.timeout(Duration::from_millis(millis));
    }
    connectors::fetch(request.redirect(match wanted.redirect.as_deref() {
        Some("manual") => Redirect::Manual,
        Some("error") => Redirect::Error,
        _ => Redirect::Follow,
    }))
}

fn describe(result: std::result::Result<Response, FetchError>, text: bool) -> Value {
    match result {
        Ok(response) => {
            let headers: BTreeMap<&String, &String> = response
                .headers
                .iter()
                .map(|(name, value)| (name, value))
                .collect();
            let mut described = json!({
                "status": response.status,
                "statusText": response.status_text,
                "headers": headers,
                "bytes": response.body.len(),
            });
            if text {
                described["text"] = response.text().into();
            }
            described
        }
        Err(error) => json!({ "error": error.to_string(), "kind": kind(&error) }),
    }
}

fn kind(error: &FetchError) -> &'static str {
    match error {
        FetchError::Invalid(_) => "invalid",
        FetchError::Denied(_) => "denied",
        FetchError::Connection(_) => "connection",
        FetchError::Timeout(_) => "timeout",
        FetchError::TooLarge(_) => "too-large",
        FetchError::Redirected(_) => "redirected",
        FetchError::TooMany(_) => "too-many",
    }
}
