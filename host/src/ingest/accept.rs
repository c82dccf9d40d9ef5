//! Accepts a webhook's request as a task: what arrived becomes a head and data, and the store makes
//! both durable. It does not read from the network and does not start the task.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Map, Value};

use super::body::{self, BodyError};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
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
    /// Its body.
    pub body: &'a [u8],
}

/// Why a request does not become a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The body is refused.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The content type is not JSON.
    #[error(
        "the content type `{0}` is not supported; send JSON, with the content type application/json or none"
    )]
    NotJsonType(String),
    /// The data would be larger than a task's may be.
    #[error("the task's data would have {0} bytes, and at most {most} are allowed", most = limits::DATA_BYTES)]
    DataTooLarge(usize),
}

/// A task's data as a program that has the token posted it.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    /// Whose task it is to be.
    pub workspace: &'a WorkspaceName,
    /// When the request was there.
    pub at: Millis,
    /// Who sent it: the connection's other end.
    pub ip: IpAddr,
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
    user_agent: Option<&'a str>,
    content_type: Option<&'a str>,
    query: Map<String, Value>,
    headers: Map<String, Value>,
}

/// How a task came in by the API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ViaApi<'a> {
    r#type: &'static str,
    received: Millis,
    ip: IpAddr,
    user_agent: Option<&'a str>,
}

/// The task that a request becomes, ready for the store: version 1, state ready.
pub fn new_task(arrival: Arrival<'_>) -> Result<NewTask, IngestError> {
    check_type(arrival.content_type)?;
    let webhook = arrival.webhook;
    let via = Via {
        r#type: "webhook",
        id: &webhook.id,
        name: webhook.name.as_str(),
        received: arrival.at,
        method: arrival.method,
        ip: arrival.ip,
        user_agent: arrival.user_agent,
        content_type: arrival.content_type,
        query: arrival.query.map(query_object).unwrap_or_default(),
        // None is chosen yet: a webhook cannot say which it wants.
        headers: Map::new(),
    };
    let head = TaskHead {
        webhook: Some(webhook.name.clone()),
        ..TaskHead::new(TaskId::new(), webhook.workspace.clone(), arrival.at)
    };
    task(head, arrival.body, &via)
}

/// The same for data that was posted to the API.
pub fn posted_task(posted: Posted<'_>) -> Result<NewTask, IngestError> {
    check_type(posted.content_type)?;
    let via = ViaApi {
        r#type: "api",
        received: posted.at,
        ip: posted.ip,
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

/// Whether a content type means JSON: `application/json`, `text/json`, or a type that ends in
/// `+json` (RFC 6839), whatever its parameters. An empty one says as little as none.
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") || essence.is_empty() {
        return true;
    }
    let essence = essence.to_ascii_lowercase();
    essence == "text/json"
        || essence
            .split_once('/')
            .is_some_and(|(_, subtype)| subtype.len() > 5 && subtype.ends_with("+json"))
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

    use serde_json::json;

    use super::*;
    use crate::domain::task::TaskState;
    use crate::domain::webhook::WebhookKey;

    fn webhook() -> Webhook {
        Webhook {
            id: "w1".into(),
            workspace: "default".parse().unwrap(),
            name: "Contact \"Form\"".parse().unwrap(),
            key: WebhookKey::new("key".into()),
            created: 0,
            correlate: None,
        }
    }

    fn arrival<'a>(webhook: &'a Webhook, body: &'a str) -> Arrival<'a> {
        Arrival {
            webhook,
            at: 1_764_000_000_000,
            method: "POST",
            ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: None,
            content_type: None,
            query: None,
            body: body.as_bytes(),
        }
    }

    #[test]
    fn a_task_says_how_it_came_in() {
        let webhook = webhook();
        let task = new_task(Arrival {
            user_agent: Some("curl/8"),
            content_type: Some("application/json; charset=utf-8"),
            query: Some("a=1&b=%C3%A9+x&a=2&c"),
            ..arrival(&webhook, r#"{"email":"ada@example.com","$via":"mine"}"#)
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
        let bare = new_task(arrival(&webhook, "{}")).unwrap();
        let data: Value = serde_json::from_str(&bare.data).unwrap();
        assert_eq!(data["$via"]["userAgent"], Value::Null);
        assert_eq!(data["$via"]["query"], json!({}));
        assert!(task.head.id < bare.head.id);
    }

    #[test]
    fn a_posted_task_came_in_by_the_api() {
        let workspace = "default".parse().unwrap();
        let posted = |body| Posted {
            workspace: &workspace,
            at: 1_764_000_000_000,
            ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: Some("stepwell/0.1"),
            content_type: Some("application/json"),
            body,
        };
        let task = posted_task(posted(br#"[1, 2.50]"#)).unwrap();
        assert_eq!(
            &*task.data,
            r#"{"items":[1, 2.50],"$via":{"type":"api","received":1764000000000,"ip":"127.0.0.1","userAgent":"stepwell/0.1"}}"#
        );
        assert_eq!((task.head.version, task.head.webhook), (1, None));
        assert!(posted_task(posted(b"")).is_err());
    }

    #[test]
    fn only_json_is_taken() {
        for fine in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/json",
            "application/cloudevents+json",
            "",
        ] {
            assert!(is_json(fine), "{fine}");
        }
        for not in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/+json",
            "json",
        ] {
            assert!(!is_json(not), "{not}");
        }
        let webhook = webhook();
        let error = new_task(Arrival {
            content_type: Some("text/plain"),
            ..arrival(&webhook, "{}")
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("`text/plain` is not supported; send JSON"),
            "{error}"
        );
    }
}
