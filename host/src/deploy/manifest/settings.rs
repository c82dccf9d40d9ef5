//! What a manifest sets of a workspace itself, as the API takes it.

use stepwell_api::{RetentionChange, WorkspaceChange};

use crate::deploy::reader::{Fields, Place, Reader};
use crate::domain::rate::Rate;
use crate::domain::retention::Period;
use crate::domain::workspace::check_failure_url;

/// The members `failureUrl`, `retention` and `rate`.
pub(super) fn settings(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<WorkspaceChange> {
    let mut settings = WorkspaceChange::default();
    let mut is_right = true;
    if let Some(place) = fields.entry("failureUrl") {
        settings.failure_url = failure_url(reader, place);
        is_right &= settings.failure_url.is_some();
    }
    if let Some(place) = fields.entry("retention") {
        match retention(reader, place) {
            Some(periods) => settings.retention = periods,
            None => is_right = false,
        }
    }
    if let Some(place) = fields.entry("rate") {
        settings.rate = rate(reader, place);
        is_right &= settings.rate.is_some();
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

/// A rate, or the word `none`.
pub(super) fn rate(
    reader: &mut Reader<'_>,
    place: &Place<'_>,
) -> Option<Option<stepwell_api::Rate>> {
    let text = reader.text(place)?;
    if text == "none" {
        return Some(None);
    }
    match text.parse::<Rate>() {
        Ok(rate) => Some(Some(rate.into())),
        Err(error) => reader.fault(&place.at, format!("{error}, or `none`")),
    }
}

/// `{done, others}`, each a number of days or `forever`.
fn retention(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<RetentionChange> {
    let fields = reader.fields(place, &["done", "others"])?;
    let mut change = RetentionChange::default();
    for (key, period) in [("done", &mut change.done), ("others", &mut change.others)] {
        let Some(place) = fields.entry(key) else {
            continue;
        };
        match reader.figure(place)?.parse::<Period>() {
            Ok(named) => *period = Some(named.into()),
            Err(error) => return reader.fault(&place.at, error.to_string()),
        }
    }
    Some(change)
}
