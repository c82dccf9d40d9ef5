//! A step's limits and retry policy, and a webhook's dedup rule, in a manifest.

use std::ops::RangeInclusive;

use stepwell_api::DedupSettings;

use crate::deploy::reader::{Fields, Place, Reader};
use crate::domain::dedup::DedupRule;
use crate::domain::limits::{self, StepLimits};
use crate::domain::step::RetryPolicy;
use crate::terminal::units::{self, UnitError};

/// `{fuel, memory, timeout}`; members that are not given have their defaults.
pub(super) fn limits(reader: &mut Reader<'_>, place: Option<&Place<'_>>) -> Option<StepLimits> {
    let mut limits = StepLimits::default();
    let Some(place) = place else {
        return Some(limits);
    };
    let (least, most) = (StepLimits::LEAST, StepLimits::MOST);
    let fields = reader.fields(place, &["fuel", "memory", "timeout"])?;
    let fuels = least.fuel..=most.fuel;
    limits.fuel = figure(reader, &fields, "fuel", limits.fuel, fuels, COUNT)?;
    let memories = least.memory..=most.memory;
    limits.memory = figure(reader, &fields, "memory", limits.memory, memories, SIZE)?;
    let times = least.timeout_ms..=most.timeout_ms;
    limits.timeout_ms = figure(
        reader,
        &fields,
        "timeout",
        limits.timeout_ms,
        times,
        DURATION,
    )?;
    Some(limits)
}

/// `{attempts, firstDelay, factor, maxDelay}`; members that are not given have their defaults.
pub(super) fn retry(reader: &mut Reader<'_>, place: Option<&Place<'_>>) -> Option<RetryPolicy> {
    let mut retry = RetryPolicy::default();
    let Some(place) = place else {
        return Some(retry);
    };
    let (least, most) = (RetryPolicy::LEAST, RetryPolicy::MOST);
    let fields = reader.fields(place, &["attempts", "firstDelay", "factor", "maxDelay"])?;
    let attempts = least.attempts.into()..=most.attempts.into();
    let default = retry.attempts.into();
    let attempts = figure(reader, &fields, "attempts", default, attempts, COUNT)?;
    let firsts = least.first_ms..=most.first_ms;
    retry.first_ms = figure(
        reader,
        &fields,
        "firstDelay",
        retry.first_ms,
        firsts,
        DURATION,
    )?;
    let factors = least.factor.into()..=most.factor.into();
    let factor = figure(
        reader,
        &fields,
        "factor",
        retry.factor.into(),
        factors,
        COUNT,
    )?;
    // A longest delay that is shorter than the first one contradicts it; the default gives way.
    let caps = retry.first_ms..=most.cap_ms;
    let default = retry.cap_ms.max(retry.first_ms);
    retry.cap_ms = figure(reader, &fields, "maxDelay", default, caps, DURATION)?;
    // Within their ranges, which are of u32.
    retry.attempts = u32::try_from(attempts).ok()?;
    retry.factor = u32::try_from(factor).ok()?;
    Some(retry)
}

/// `{header, window}` or `{pointer, window}`; the window is the default if it is not named.
pub(super) fn dedup(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<DedupSettings> {
    let fields = reader.fields(place, &["header", "pointer", "window"])?;
    let mut text = |key| match fields.entry(key) {
        Some(place) => reader.text(place).map(Some),
        None => Some(None),
    };
    let (header, pointer) = (text("header")?, text("pointer")?);
    let windows = limits::DEDUP_WINDOW_LEAST_MS..=limits::DEDUP_WINDOW_MOST_MS;
    let default = limits::DEDUP_WINDOW_MS;
    let window = figure(reader, &fields, "window", default, windows, DURATION)?;
    match DedupRule::new(header.as_deref(), pointer.as_deref(), Some(window)) {
        // As the server will give it.
        Ok(rule) => Some(DedupSettings {
            header: rule.header().map(str::to_owned),
            pointer: rule.pointer().map(str::to_owned),
            window_ms: Some(rule.window_ms),
        }),
        Err(error) => reader.fault(&place.at, error.to_string()),
    }
}

/// How a figure is parsed, and the unit of its range in messages.
type Form = (fn(&str) -> Result<u64, UnitError>, &'static str);
const COUNT: Form = (units::parse_count, "");
const SIZE: Form = (units::parse_size, "");
const DURATION: Form = (
    |text| units::parse_duration(text).map(|time| time.as_millis() as u64),
    " ms",
);

fn figure(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    key: &str,
    default: u64,
    range: RangeInclusive<u64>,
    (parse, unit): Form,
) -> Option<u64> {
    let Some(place) = fields.entry(key) else {
        return Some(default);
    };
    let text = reader.figure(place)?;
    match parse(&text) {
        Ok(value) if range.contains(&value) => Some(value),
        Ok(_) => {
            let (least, most) = (range.start(), range.end());
            let message = format!("`{text}` is out of range: {least} to {most}{unit}");
            reader.fault(&place.at, message)
        }
        Err(error) => reader.fault(&place.at, error.to_string()),
    }
}
