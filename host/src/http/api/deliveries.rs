//! Deliveries: the recorded requests to webhooks, and sending them again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use stepwell_api::{DeliveryPage, DeliveryQuery, Redelivered, Redelivery};

use super::actions::large_body;
use super::tasks::{pattern, time};
use super::{Api, ApiError, json, query};
use crate::domain::delivery::{Delivery, DeliveryBody, VERDICTS, Verdict};
use crate::domain::ids::TaskId;
use crate::engine::AsAccepted;
use crate::http::caller::{Caller, Operate, Read};
use crate::http::view;
use crate::ingest::admit::RedeliveryContent;
use crate::ingest::decode::Document;
use crate::ingest::deliveries::MASK;
use crate::ingest::deliveries::find::DeliveryFilter;
use crate::ingest::receive::{AcceptedTaskIds, Head};

/// Deliveries on a page, if the query does not say.
const PAGE: usize = 50;
/// The largest page.
const MOST: usize = 100;

fn wanted(
    api: &Api,
    caller: &Caller<Read>,
    query: DeliveryQuery,
) -> Result<DeliveryFilter, ApiError> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::BadParameter(format!(
            "`limit` is {limit}; it must be 1 to {MOST}"
        )));
    }
    let named = |name: &String| api.catalog.webhooks_once_named(&caller.workspace, name);
    let webhooks = query.webhook.as_ref().map(named).transpose()?;
    // Of several webhooks only deliveries under that name are meant.
    let is_shared = webhooks.as_ref().is_some_and(|webhooks| webhooks.len() > 1);
    let verdicts = query.verdict.as_deref().map(|text| {
        let verdicts = text.split(',').map(verdict);
        verdicts.collect::<Result<Vec<_>, _>>()
    });
    Ok(DeliveryFilter {
        webhooks,
        under: query.webhook.filter(|_| is_shared),
        verdicts: verdicts.transpose()?.unwrap_or_default(),
        since: time("since", query.since)?,
        pattern: query.r#where.map(pattern).transpose()?,
        before: query.before.as_deref().map(str::parse).transpose()?,
        limit,
    })
}

fn verdict(text: &str) -> Result<&'static str, ApiError> {
    let known = VERDICTS.into_iter().find(|known| *known == text);
    known.ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        let known = VERDICTS.join(", ");
        ApiError::BadParameter(format!("`{text}` is not a verdict; they are {known}"))
    })
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
    asked: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let wanted = wanted(&api, &caller, query(asked)?)?;
    let pool = &api.engine.pool;
    let page = api
        .deliveries
        .page((pool, &api.engine.memory), &caller.workspace, &wanted);
    // It parses the data of tasks.
    let page = api.engine.charge(&caller.workspace, Box::pin(page));
    let page = api.engine.reads.run(&caller.workspace, page).await?;
    let page = DeliveryPage {
        deliveries: page.deliveries.iter().map(view::delivery).collect(),
        next: page.next.map(|id| id.to_string()),
    };
    Ok(json(StatusCode::OK, &page))
}

async fn found<S>(api: &Api, caller: &Caller<S>, id: TaskId) -> Result<Delivery, ApiError> {
    let reading = api.deliveries.find(&caller.workspace, id);
    let found = api.engine.reads.run(&caller.workspace, reading).await?;
    found.ok_or_else(|| ApiError::NoSuchDelivery {
        delivery: id,
        workspace: caller.workspace.clone(),
    })
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let delivery = found(&api, &caller, caller.name()?).await?;
    let mut shown = view::delivery(&delivery);
    shown.body = if delivery.verdict == Verdict::Accepted {
        let (document, _) = as_accepted(&api, &caller, delivery.id).await?;
        view::delivery_body(&DeliveryBody::Kept(document.text.to_vec()))
    } else {
        view::delivery_body(&delivery.body)
    };
    Ok(json(StatusCode::OK, &shown))
}

pub(in crate::http) async fn redeliver(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let (Redelivery { body: edited }, _held) =
        large_body(&api, &caller.workspace, &headers, body).await?;
    let delivery = found(&api, &caller, caller.name()?).await?;
    let webhook = api
        .catalog
        .look_up(|catalog| catalog.webhook(&caller.workspace, &delivery.webhook));
    let webhook = webhook.await?;
    let mut headers = sent_headers(&delivery);
    // The data of a GET are its query, so that a text in their place is data.
    let is_data = delivery.verdict == Verdict::Accepted || delivery.method == "GET";
    let content = match edited {
        Some(text) if is_data => RedeliveryContent::Data {
            document: Document::new(text.into()),
            verified: None,
        },
        Some(text) => {
            // It is a text, however the body was coded.
            headers.remove(CONTENT_ENCODING);
            RedeliveryContent::Body(text.into())
        }
        None if delivery.verdict == Verdict::Accepted => {
            let (document, verified) = as_accepted(&api, &caller, delivery.id).await?;
            RedeliveryContent::Data { document, verified }
        }
        None => RedeliveryContent::Body(recorded_body(&delivery)?),
    };
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let head = Head {
        method: &delivery.method,
        ip: delivery.ip,
        user_agent: text(USER_AGENT),
        content_type: text(CONTENT_TYPE),
        query: delivery.query.as_deref(),
        target: "",
        headers: &headers,
    };
    let accepted = api.ingest.redeliver(&webhook, head, content, delivery.id);
    let tasks = match accepted.await? {
        AcceptedTaskIds::One(task) => vec![task.to_string()],
        AcceptedTaskIds::Many(tasks) => tasks.iter().map(ToString::to_string).collect(),
    };
    let delivery = delivery.id.to_string();
    Ok(json(StatusCode::CREATED, &Redelivered { delivery, tasks }))
}

/// The header fields as they arrived, without those that are masked.
fn sent_headers(delivery: &Delivery) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in delivery.headers.iter().filter(|(_, value)| value != MASK) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// The data of an accepted delivery before its first run, and whose secret vouched for it.
async fn as_accepted<S>(
    api: &Api,
    caller: &Caller<S>,
    task: TaskId,
) -> Result<(Document, Option<Arc<str>>), ApiError> {
    // Each holds some times what it gives.
    let _turn = api.views.wait_for(&caller.workspace, 1).await;
    let replayer = &api.engine.replayer;
    let AsAccepted { text, via } = replayer.as_accepted(&caller.workspace, task).await?;
    let verified = via.as_ref().and_then(|via| via["verified"].as_str());
    let verified = verified.map(Arc::from);
    let event = match via {
        Some(Value::Object(mut via)) => via.shift_remove("cloudevent"),
        _ => None,
    };
    let mut document = Document::new(Bytes::copy_from_slice(text.as_bytes()));
    document.event = match event {
        Some(Value::Object(event)) => Some(Arc::new(event)),
        _ => None,
    };
    Ok((document, verified))
}

fn recorded_body(delivery: &Delivery) -> Result<Bytes, ApiError> {
    let reason = match (&delivery.body, &delivery.verdict) {
        (DeliveryBody::Kept(body), _) => return Ok(body.clone().into()),
        (DeliveryBody::TooLarge(size), _) => {
            format!("its body of {size} bytes was too large to be recorded; give it as `body`")
        }
        (DeliveryBody::None, Verdict::Duplicate { task }) => {
            format!("it repeated the delivery {task}; send that one again")
        }
        // The data of a GET are its query.
        (DeliveryBody::None, _) if delivery.method == "GET" => return Ok(Bytes::new()),
        (DeliveryBody::None, _) => "its body was not recorded; give one as `body`".to_owned(),
    };
    Err(ApiError::NoBody {
        delivery: delivery.id,
        reason,
    })
}
