//! How a webhook replies, in a manifest.

use std::collections::BTreeMap;

use stepwell_api::FixedReply;

use crate::deploy::reader::{Fields, Place, Reader};
use crate::domain::limits::REPLY_WAIT_SECONDS;
use crate::domain::reply::{HttpReply, ReplyError, ReplyRulesChange, origins, redirect, wait};
use crate::terminal::units::parse_duration;

/// The members `reply`, `wait`, `redirect` and `allowOrigins`, as the server would show them.
#[derive(Default)]
pub(super) struct Replies {
    pub(super) reply: Option<Option<FixedReply>>,
    pub(super) wait_seconds: Option<Option<u32>>,
    pub(super) redirect: Option<Option<String>>,
    pub(super) allow_origins: Option<Vec<String>>,
}

/// See [`Replies`].
pub(super) fn replies(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Replies {
    let mut replies = Replies::default();
    let fixed = fields.entry("reply").and_then(|place| fixed(reader, place));
    if let Some(place) = fields.entry("wait") {
        replies.wait_seconds = waits(reader, place);
    }
    if let Some(place) = fields.entry("redirect") {
        replies.redirect = leads(reader, place);
    }
    if let Some(place) = fields.entry("allowOrigins") {
        let places = reader.list(Some(place));
        let texts = places.iter().filter_map(|place| reader.text(place));
        let texts: Vec<String> = texts.collect();
        replies.allow_origins = match origins(&texts) {
            Ok(origins) => Some(origins),
            Err(error) => reader.fault(&place.at, error.to_string()),
        };
    }
    let both = ReplyRulesChange::of(fixed.clone(), replies.wait_seconds);
    if let (Err(error), Some(place)) = (both, fields.entry("reply")) {
        return reader
            .fault(&place.at, error.to_string())
            .unwrap_or_default();
    }
    replies.reply = fixed.map(|reply| {
        reply.map(|reply| FixedReply {
            status: reply.status,
            headers: reply.headers.into_iter().collect(),
            body: String::from_utf8_lossy(&reply.body).into_owned(),
        })
    });
    replies
}

/// `{status, headers, body}`, or the word `none`.
fn fixed(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Option<HttpReply>> {
    if is_none(reader, place) {
        return Some(None);
    }
    let fields = reader.fields(place, &["status", "headers", "body"])?;
    let status = match fields.entry("status") {
        None => 200,
        Some(place) => {
            let text = reader.figure(place)?;
            // A value that is no number is no status.
            match text.parse().map_err(|_| ReplyError::FixedStatus(0)) {
                Ok(status) => status,
                Err(error) => return reader.fault(&place.at, error.to_string()),
            }
        }
    };
    let headers = match fields.entry("headers") {
        None => BTreeMap::new(),
        Some(place) => headers(reader, place)?,
    };
    let body = match fields.entry("body") {
        None => String::new(),
        Some(place) => reader.text(place)?,
    };
    match HttpReply::fixed(status, headers, body) {
        Ok(reply) => Some(Some(reply)),
        Err(error) => reader.fault(&place.at, error.to_string()),
    }
}

/// A mapping of names to texts.
fn headers(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<BTreeMap<String, String>> {
    let wrong = "must be a mapping of header names to texts, e.g. `{Content-Type: text/xml}`";
    let serde_json::Value::Object(members) = reader.json(place)? else {
        return reader.fault(&place.at, wrong);
    };
    let mut headers = BTreeMap::new();
    for (name, value) in members {
        let serde_json::Value::String(value) = value else {
            return reader.fault(&place.at, wrong);
        };
        headers.insert(name, value);
    }
    Some(headers)
}

/// A duration in whole seconds, or the word `none`.
fn waits(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Option<u32>> {
    let text = reader.text(place)?;
    if text == "none" {
        return Some(None);
    }
    let seconds = parse_duration(&text).map_err(|error| error.to_string());
    let seconds = seconds.and_then(|time| match time.subsec_nanos() {
        0 => Ok(u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        _ => Err(format!(
            "must be whole seconds, 1s to {REPLY_WAIT_SECONDS}s"
        )),
    });
    let seconds = seconds.and_then(|seconds| wait(seconds).map_err(|error| error.to_string()));
    match seconds {
        Ok(seconds) => Some(Some(seconds)),
        Err(error) => reader.fault(&place.at, format!("{error}, or `none`")),
    }
}

/// A URL, or the word `none`.
fn leads(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Option<String>> {
    let text = reader.text(place)?;
    if text == "none" {
        return Some(None);
    }
    match redirect(&text) {
        Ok(url) => Some(Some(url)),
        Err(error) => reader.fault(&place.at, format!("{error}, or `none`")),
    }
}

/// Whether a place has the word `none`, and nothing else.
fn is_none(reader: &mut Reader<'_>, place: &Place<'_>) -> bool {
    let faults = reader.faults.len();
    let is_none = reader.text(place).is_some_and(|text| text == "none");
    reader.faults.truncate(faults);
    is_none
}
