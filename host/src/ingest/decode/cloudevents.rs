//! CloudEvents 1.0: the JSON format, single and in batches, and the binary mode of the HTTP binding.
//!
//! The event's data become the task's data as a body of their type would; its attributes go to `$via.cloudevent`.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use http::HeaderMap;
use percent_encoding::percent_decode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::document::Document;
use super::error::{DecodeError, short};
use super::{media, text};
use crate::domain::limits::TASKS_PER_REQUEST;
use crate::ingest::body;

/// Attributes that every event has (CloudEvents 1.0.2, 2.2).
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// The prefix of an attribute's header.
const PREFIX: &str = "ce-";

/// The event of a body in the JSON format (3.1).
///
/// # Errors
/// The body is not JSON, or no event.
pub(super) fn structured(body: &[u8]) -> Result<Document, DecodeError> {
    let text = body::to_text(body)?;
    let members = serde_json::from_str(&text).map_err(|_| refused("it is not a JSON object"))?;
    event(members)
}

/// The events of a batch (4). There may be none.
///
/// # Errors
/// The body is not a JSON array, it has too many items, or one of them is no event.
pub(super) fn batch(body: &[u8]) -> Result<Vec<Document>, DecodeError> {
    let text = body::to_text(body)?;
    let items: Vec<&RawValue> =
        serde_json::from_str(&text).map_err(|_| refused("a batch is a JSON array of events"))?;
    if items.len() > TASKS_PER_REQUEST {
        return Err(DecodeError::TooMany);
    }
    let event_of = |(index, item): (usize, &&RawValue)| {
        let members = serde_json::from_str(item.get());
        let found = members
            .map_err(|_| refused("it is not a JSON object"))
            .and_then(event);
        found.map_err(|error| match error {
            DecodeError::Event(why) => DecodeError::Event(format!("item {index}: {why}")),
            other => other,
        })
    };
    items.iter().enumerate().map(event_of).collect()
}

/// The attributes of an event in binary mode (HTTP binding, 3.1): those of the header fields that begin with `ce-`.
/// `None` if the request is no such event, as `ce-specversion` is missing.
///
/// # Errors
/// A required attribute is missing, or the version is another.
pub(in crate::ingest) fn attributes(
    headers: &HeaderMap,
) -> Result<Option<Map<String, Value>>, DecodeError> {
    if !headers.contains_key("ce-specversion") {
        return Ok(None);
    }
    let mut attributes = Map::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(PREFIX) {
            let text = percent_decode(value.as_bytes()).decode_utf8_lossy();
            attributes.insert(name.to_owned(), Value::String(text.into_owned()));
        }
    }
    checked(&attributes)?;
    Ok(Some(attributes))
}

/// The document of an event in the JSON format.
fn event(members: Members<'_>) -> Result<Document, DecodeError> {
    let mut attributes = Map::new();
    let (mut data, mut encoded) = (None, None);
    for (name, value) in members.0 {
        match name.as_str() {
            "data" => data = Some(value),
            "data_base64" => encoded = Some(value),
            _ => {
                let read: Value = serde_json::from_str(value.get()).unwrap_or_default();
                if read.is_object() || read.is_array() {
                    let why = format!(
                        "the attribute `{}` is a text, a number or a boolean in every event",
                        short(&name)
                    );
                    return Err(DecodeError::Event(why));
                }
                attributes.insert(name, read);
            }
        }
    }
    checked(&attributes)?;
    let content_type = attributes.get("datacontenttype").and_then(Value::as_str);
    let text = match (data, encoded) {
        (None, None) => Bytes::from_static(b"{}"),
        (Some(data), None) => written(data, content_type),
        (None, Some(encoded)) => binary(encoded, content_type)?,
        (Some(_), Some(_)) => return Err(refused("it has both `data` and `data_base64`")),
    };
    Ok(Document {
        event: Some(Arc::new(attributes)),
        ..Document::new(text)
    })
}

/// The document of `data`. A text whose type is not JSON is taken as that type's content (3.1.1).
fn written(data: &RawValue, content_type: Option<&str>) -> Bytes {
    let text = serde_json::from_str::<String>(data.get()).ok();
    match (text, content_type) {
        (Some(text), Some(content_type)) if !media::is_json(content_type) => {
            of_type(text.into(), content_type)
        }
        _ => Bytes::copy_from_slice(data.get().as_bytes()),
    }
}

/// The document of `data_base64`.
fn binary(encoded: &RawValue, content_type: Option<&str>) -> Result<Bytes, DecodeError> {
    let text = serde_json::from_str::<String>(encoded.get()).ok();
    let bytes = text.and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let bytes = bytes.ok_or_else(|| refused("its `data_base64` is not base64"))?;
    match content_type {
        Some(content_type) if media::is_json(content_type) => {
            let read = body::to_text(&bytes);
            let text = read.map_err(|error| {
                DecodeError::Event(format!(
                    "its `data_base64` is not what its type says: {error}"
                ))
            })?;
            Ok(Bytes::from(text.into_owned()))
        }
        Some(content_type) => Ok(of_type(bytes.into(), content_type)),
        None => Ok(text::other(&bytes)),
    }
}

/// The document of data of a type that is not JSON.
fn of_type(data: Bytes, content_type: &str) -> Bytes {
    match media::kind(Some(content_type)) {
        media::Kind::Text => text::plain(&data, content_type),
        _ => text::other(&data),
    }
}

fn checked(attributes: &Map<String, Value>) -> Result<(), DecodeError> {
    for name in REQUIRED {
        let value = attributes.get(name).and_then(Value::as_str);
        match value {
            None | Some("") => {
                let why = format!("it has no `{name}`, which is a text in every event");
                return Err(DecodeError::Event(why));
            }
            Some(version) if name == "specversion" && version != "1.0" => {
                let why = format!(
                    "its `specversion` is `{}`, and 1.0 is taken",
                    short(version)
                );
                return Err(DecodeError::Event(why));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn refused(why: &str) -> DecodeError {
    DecodeError::Event(why.to_owned())
}

/// An object's members with their values' texts, so that numbers and the order of keys stay.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs).map(Self)
    }
}
