//! What a manifest sets of a workspace itself, as the API takes it.

use serde_json::{Map, Value, json};

use crate::deploy::reader::{Fields, Place, Reader};
use crate::domain::retention::Period;
use crate::domain::workspace::check_failure_url;

/// What is named of `failureUrl` and `retention`.
pub(super) fn settings(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Map<String, Value>> {
    let mut settings = Map::new();
    let mut is_right = true;
    if let Some(place) = fields.get("failureUrl") {
        match failure_url(reader, place) {
            Some(url) => drop(settings.insert("failure_url".into(), url.into())),
            None => is_right = false,
        }
    }
    if let Some(place) = fields.get("retention") {
        match retention(reader, place) {
            Some(periods) => drop(settings.insert("retention".into(), periods.into())),
            None => is_right = false,
        }
    }
    is_right.then_some(settings)
}

/// A URL, or the word `none`.
fn failure_url(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Option<String>> {
    let text = reader.text(place)?;
    if text == "none" {
        return Some(None);
    }
    match check_failure_url(&text) {
        Ok(()) => Some(Some(text)),
        Err(error) => reader.fault(&place.at, format!("{error}, or `none`")),
    }
}

/// `{done, others}`, each a number of days or `forever`.
fn retention(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Map<String, Value>> {
    let known = ["done", "others"];
    let fields = reader.fields(place, &known)?;
    let mut periods = Map::new();
    for key in known {
        let Some(place) = fields.get(key) else {
            continue;
        };
        match reader.figure(place)?.parse::<Period>() {
            Ok(period) => periods.insert(key.into(), json!(period)),
            Err(error) => return reader.fault(&place.at, error.to_string()),
        };
    }
    Some(periods)
}
