//! Accepts a webhook's request as a task: what arrived becomes a head and data, and the store makes
//! both durable. It does not read from the network and does not start the task.

use std::net::IpAddr;

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};

use super::body::{self, BodyError};
use super::decode::{DecodeError, Document, is_json};
use super::fit::{Fit, Mismatch};
use super::headers::KeptHeaders;
use super::verify::Delivery;
use crate::catalog::Verifier;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::domain::principal::Principal;
use crate::domain::task::TaskHead;
use crate::domain::webhook::Webhook;
use crate::store::NewTask;

/// A request to a webhook, read whole.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The webhook.
    pub webhook: &'a Webhook,
    /// When the request was there.
    pub at: Millis,
    /// Its method.
    pub method: &'a str,
    /// Who sent it: the connection's other end.
    pub ip: IpAddr,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Its `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Its URL's query, undecoded.
    pub query: Option<&'a str>,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// The verifier of its webhook, if it has one.
    pub verifier: Option<&'a Verifier>,
    /// The document of its body, or one of several.
    pub document: &'a Document,
    /// The result of its verification; none if its webhook accepts every request.
    pub delivery: Option<&'a Delivery>,
    /// The delivery that it repeats at a person's wish.
    pub redelivery_of: Option<TaskId>,
}

/// Why a request does not become a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The body is refused.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is not what the header fields say, or is not taken.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The content type is not JSON, which is all that the API takes.
    #[error(
        "the content type `{0}` is not supported; send JSON, with the content type application/json or none"
    )]
    NotJsonType(String),
    /// It does not fit its webhook's schema.
    #[error(transparent)]
    Schema(#[from] Mismatch),
    /// The data would be larger than a task's may be.
    #[error("the task's data would have {0} bytes, and at most {most} are allowed", most = limits::DATA_BYTES)]
    DataTooLarge(usize),
    /// The data of the tasks of one request would be larger together than one task's may be.
    #[error("the data of the first {0} tasks of this request would have more than {most} bytes, the most that is taken at once; send fewer at a time", most = limits::DATA_BYTES)]
    TogetherTooLarge(usize),
}

/// A task's data as a program that has the token posted it.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    /// The workspace of the new task.
    pub workspace: &'a WorkspaceName,
    /// When the request was there.
    pub at: Millis,
    /// Who sent it: the connection's other end.
    pub ip: IpAddr,
    /// The holder of the request's token.
    pub by: &'a Principal,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Its `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Its body.
    pub body: &'a [u8],
}

/// How a task came in by a webhook, as its data says under `$via`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Via<'a> {
    r#type: &'static str,
    id: &'a str,
    name: &'a str,
    received: Millis,
    method: &'a str,
    ip: IpAddr,
    /// The provider whose secret verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<&'a str>,
    user_agent: Option<&'a str>,
    content_type: Option<&'a str>,
    query: Map<String, Value>,
    headers: KeptHeaders<'a>,
    /// The id of the delivery that was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    redelivery_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloudevent: Option<&'a Map<String, Value>>,
    /// Whether the document fits its webhook's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Fit>,
}

/// How a task came in by the API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ViaApi<'a> {
    r#type: &'static str,
    received: Millis,
    ip: IpAddr,
    /// The token's name, or `admin`.
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<&'a str>,
    user_agent: Option<&'a str>,
}

/// The task that a request becomes, ready for the store: version 1, state ready.
pub fn new_task(arrival: Arrival<'_>) -> Result<NewTask, IngestError> {
    let (webhook, document) = (arrival.webhook, arrival.document);
    let mut query = arrival.query.map(query_object).unwrap_or_default();
    let secret = arrival
        .delivery
        .and_then(|delivery| delivery.secret_parameter.as_ref());
    if let Some(secret) = secret {
        query.shift_remove(secret);
    }
    let via = Via {
        r#type: "webhook",
        id: &webhook.id,
        name: webhook.name.as_str(),
        received: arrival.at,
        method: arrival.method,
        ip: arrival.ip,
        verified: arrival
            .delivery
            .and_then(|delivery| delivery.verified.as_deref()),
        user_agent: arrival.user_agent,
        content_type: arrival.content_type,
        query,
        headers: KeptHeaders {
            intake: &webhook.intake,
            verifier: arrival.verifier,
            headers: arrival.headers,
        },
        redelivery_of: arrival.redelivery_of.map(|id| id.to_string()),
        cloudevent: document.event.as_deref(),
        schema: document.fit.as_deref(),
    };
    let head = TaskHead {
        webhook: Some(webhook.name.clone()),
        ..TaskHead::new(TaskId::new(), webhook.workspace.clone(), arrival.at)
    };
    let made = task(head, &document.text, &via);
    made.map_err(|error| match error {
        IngestError::Body(error) => error.below(document.line).into(),
        other => other,
    })
}

/// The same for data that was posted to the API.
pub fn posted_task(posted: Posted<'_>) -> Result<NewTask, IngestError> {
    check_type(posted.content_type)?;
    let via = ViaApi {
        r#type: "api",
        received: posted.at,
        ip: posted.ip,
        token: &posted.by.name,
        token_id: posted.by.token.as_deref(),
        user_agent: posted.user_agent,
    };
    let head = TaskHead::new(TaskId::new(), posted.workspace.clone(), posted.at);
    task(head, posted.body, &via)
}

fn task(head: TaskHead, body: &[u8], via: &impl Serialize) -> Result<NewTask, IngestError> {
    let via = serde_json::to_string(via).unwrap_or_else(|_| "{}".into());
    let data = body::to_data(body, &via)?;
    if data.len() > limits::DATA_BYTES {
        return Err(IngestError::DataTooLarge(data.len()));
    }
    Ok(NewTask {
        head,
        data: data.into(),
        entries: Vec::new(),
        dedup: None,
    })
}

fn check_type(content_type: Option<&str>) -> Result<(), IngestError> {
    match content_type {
        Some(other) if !is_json(other) => {
            Err(IngestError::NotJsonType(other.chars().take(80).collect()))
        }
        _ => Ok(()),
    }
}

/// A URL's query as an object of texts; of a name that occurs twice the last one counts.
fn query_object(query: &str) -> Map<String, Value> {
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::LazyLock;

    use serde_json::json;

    use super::*;
    use crate::domain::task::TaskState;

    fn document(body: &'static str) -> Document {
        Document::new(body.into())
    }

    static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

    fn arrival<'a>(webhook: &'a Webhook, document: &'a Document) -> Arrival<'a> {
        Arrival {
            webhook,
            at: 1_764_000_000_000,
            method: "POST",
            ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: None,
            content_type: None,
            query: None,
            headers: &NONE,
            verifier: None,
            document,
            delivery: None,
            redelivery_of: None,
        }
    }

    #[test]
    fn a_task_says_how_it_came_in() {
        let webhook = Webhook::sample();
        let task = new_task(Arrival {
            user_agent: Some("curl/8"),
            content_type: Some("application/json; charset=utf-8"),
            query: Some("a=1&b=%C3%A9+x&a=2&c"),
            ..arrival(
                &webhook,
                &document(r#"{"email":"ada@example.com","$via":"mine"}"#),
            )
        })
        .unwrap();
        let data: Value = serde_json::from_str(&task.data).unwrap();
        assert_eq!(
            data,
            json!({"email": "ada@example.com", "$via": {
                "type": "webhook", "id": "w1", "name": "Contact \"Form\"",
                "received": 1_764_000_000_000u64, "method": "POST", "ip": "127.0.0.1",
                "userAgent": "curl/8", "contentType": "application/json; charset=utf-8",
                "query": {"a": "2", "b": "é x", "c": ""}, "headers": {},
            }})
        );
        assert_eq!(task.head.version, 1);
        assert_eq!(task.head.state(), TaskState::Ready);
        assert_eq!(task.head.ready_at, 1_764_000_000_000);
        let bare = new_task(arrival(&webhook, &document("{}"))).unwrap();
        let data: Value = serde_json::from_str(&bare.data).unwrap();
        assert_eq!(data["$via"]["userAgent"], Value::Null);
        assert_eq!(data["$via"]["query"], json!({}));
        assert!(task.head.id < bare.head.id);
    }

    #[test]
    fn a_posted_task_came_in_by_the_api() {
        let workspace = "default".parse().unwrap();
        let admin = Principal::admin();
        let posted = |body| Posted {
            workspace: &workspace,
            at: 1_764_000_000_000,
            ip: Ipv4Addr::LOCALHOST.into(),
            by: &admin,
            user_agent: Some("stepwell/0.1"),
            content_type: Some("application/json"),
            body,
        };
        let task = posted_task(posted(br#"[1, 2.50]"#)).unwrap();
        assert_eq!(
            &*task.data,
            r#"{"items":[1, 2.50],"$via":{"type":"api","received":1764000000000,"ip":"127.0.0.1","token":"admin","userAgent":"stepwell/0.1"}}"#
        );
        let ci = Principal {
            name: "ci".into(),
            token: Some("t1".into()),
            ..Principal::admin()
        };
        let by_ci = posted_task(Posted {
            by: &ci,
            ..posted(b"{}")
        })
        .unwrap();
        let data: Value = serde_json::from_str(&by_ci.data).unwrap();
        assert_eq!(
            (&data["$via"]["token"], &data["$via"]["tokenId"]),
            (&json!("ci"), &json!("t1"))
        );
        assert_eq!((task.head.version, task.head.webhook), (1, None));
        assert!(posted_task(posted(b"")).is_err());
    }

    #[test]
    fn the_api_takes_only_json() {
        let workspace = "default".parse().unwrap();
        let error = posted_task(Posted {
            workspace: &workspace,
            at: 0,
            ip: Ipv4Addr::LOCALHOST.into(),
            by: &Principal::admin(),
            user_agent: None,
            content_type: Some("text/plain"),
            body: b"{}",
        });
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("`text/plain` is not supported; send JSON"),
            "{error}"
        );
    }

    #[test]
    fn a_place_is_one_of_the_whole_body() {
        let webhook = Webhook::sample();
        let third = Document {
            line: 2,
            ..document("{\"a\": }")
        };
        match new_task(arrival(&webhook, &third)) {
            Err(IngestError::Body(BodyError::NotJson { line, column, .. })) => {
                assert_eq!((line, column), (3, 7));
            }
            other => panic!("{other:?}"),
        }
    }
}
