//! Samples of what a webhook's provider sends.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{NewSample, Sample};
use stepwell_signature::{Outgoing, Request, sample, sign};

use super::{Api, ApiError, json, json_body};
use crate::catalog::{LiveWebhook, Verifier};
use crate::domain::ids::TaskId;
use crate::http::caller::{Caller, Deploy};

/// The longest name of an event, in bytes.
const EVENT_BYTES: usize = 200;

pub(in crate::http) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let NewSample { event } = json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let is_text = |c: char| !c.is_control();
    let fits = |event: &String| event.len() <= EVENT_BYTES && event.chars().all(is_text);
    if !event.as_ref().is_none_or(fits) {
        let wrong = format!("`event` has at most {EVENT_BYTES} bytes and no control characters");
        return Err(ApiError::BadParameter(wrong));
    }
    let webhook = api
        .catalog
        .look_up(|catalog| catalog.webhook(&caller.workspace, &caller.name))
        .await?;
    if !webhook.intake.methods.has("POST") {
        return Err(ApiError::NoSample("it does not accept POST".to_owned()));
    }
    let sample = signed(&api, &webhook, event.as_deref())?;
    Ok(json(StatusCode::CREATED, &sample))
}

fn signed(api: &Api, webhook: &LiveWebhook, event: Option<&str>) -> Result<Sample, ApiError> {
    let id = format!("sample-{}", TaskId::new());
    let now = api.clock.now();
    let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
    let url = format!("{}/event/{}", api.base_url, webhook.key.reveal());
    let Some(verifier) = &webhook.verifier else {
        return Ok(Sample {
            url,
            method: "POST".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: serde_json::json!({"id": id, "type": event.unwrap_or("sample")}).to_string(),
            event: event.unwrap_or("sample").to_owned(),
        });
    };
    let Verifier {
        provider, scheme, ..
    } = verifier;
    let sample = sample(provider, scheme, event, &id, now_ms);
    let sent: Vec<(&str, &[u8])> = (sample.headers.iter())
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let outgoing = Outgoing {
        request: Request {
            method: "POST",
            url: &url,
            headers: &sent,
            body: sample.body.as_bytes(),
        },
        id: &id,
        now_ms,
    };
    let no_sample = |reason: String| ApiError::NoSample(reason);
    let added = if scheme.check == stepwell_signature::Check::None {
        Vec::new()
    } else {
        let secret = verifier.secrets(now).first();
        let secret = secret.ok_or_else(|| no_sample("it has no secret".to_owned()))?;
        sign(scheme, secret, &outgoing).map_err(|error| no_sample(error.to_string()))?
    };
    Ok(Sample {
        url,
        method: "POST".to_owned(),
        headers: sample.headers.into_iter().chain(added).collect(),
        body: sample.body,
        event: sample.event,
    })
}
