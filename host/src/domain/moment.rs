//! A time as a step writes it into its data: taken where it cannot be mistaken for another.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, date};
use jiff::fmt::temporal::Pieces;
use serde_json::Value;

use super::clock::Millis;
use super::limits;

/// Below this a number of milliseconds since 1970 (it is in March 1973) is taken to be seconds, or a
/// delay.
const LEAST: f64 = 1e11;
/// Characters of a wrong value that a message shows.
const SHOWN: usize = 80;

/// The time that a value means, in milliseconds since 1970: a number of them; or text that names a time
/// with its zone, by RFC 3339 (also with a space for the `T`), as an HTTP date or as in a mail (RFC 5322),
/// or as JavaScript prints a `Date`. `None` for null, which says that there is none. A time before 1970 is 0.
///
/// # Errors
/// What is wrong with the value, and what would be right.
pub fn moment(value: &Value, now: Millis) -> Result<Option<Millis>, String> {
    let wrong = |why: &str| {
        let text = value.to_string();
        let shown = match text.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        format!(
            "is {shown}, {why}; write a time with its zone, such as \"2026-11-28T23:00:00Z\", or milliseconds since 1970 as a number"
        )
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let millis = number.as_f64().unwrap_or(f64::INFINITY).ceil();
            if millis < LEAST {
                return Err(wrong(
                    "which as milliseconds since 1970 is long past: it looks like seconds, or like a delay",
                ));
            }
            if millis > now as f64 + limits::PARK_MS as f64 {
                return Err(wrong(
                    "which as milliseconds since 1970 is more than ten years from now",
                ));
            }
            Ok(Some(millis as Millis))
        }
        Value::String(text) => match parse(text.trim()) {
            Some(at) => Ok(Some(at)),
            None => Err(wrong(why_not(text.trim()))),
        },
        _ => Err(wrong("which is no time")),
    }
}

fn parse(text: &str) -> Option<Millis> {
    let time: Timestamp = text
        .parse()
        .ok()
        .or_else(|| {
            jiff::fmt::rfc2822::parse(text)
                .ok()
                .map(|at| at.timestamp())
        })
        .or_else(|| other_forms(text))
        .or_else(|| last_day(text))?;
    Some(Millis::try_from(time.as_millisecond()).unwrap_or(0))
}

/// RFC 850's form of an HTTP date, and `String(new Date())`. The third form of an HTTP date is not taken:
/// it names no zone, and programs print local times by it.
fn other_forms(text: &str) -> Option<Timestamp> {
    if let Some(date) = text.strip_suffix(" GMT") {
        let form = "%A, %d-%b-%y %H:%M:%S %z";
        return Timestamp::strptime(form, format!("{date} +0000")).ok();
    }
    let date = text.split(" (").next().unwrap_or(text);
    Timestamp::strptime("%a %b %d %Y %H:%M:%S GMT%z", date).ok()
}

/// The last day of the year 9999 is past the last time that a [`Timestamp`] can be, and means never.
fn last_day(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let is_time = pieces.time().is_some() && pieces.offset().is_some();
    (is_time && pieces.date() >= date(9999, 12, 30)).then_some(Timestamp::MAX)
}

fn why_not(text: &str) -> &'static str {
    if !text.is_empty() && text.parse::<f64>().is_ok() {
        "a number as text, which may be milliseconds or seconds, since 1970 or from now"
    } else if text.parse::<DateTime>().is_ok() || text.parse::<Date>().is_ok() {
        "which names no zone"
    } else {
        "which names no time"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Millis = 1_795_906_800_000;

    #[test]
    fn what_cannot_be_mistaken_is_taken() {
        for value in [
            json!("2026-11-28T23:00:00Z"),
            json!("2026-11-28T23:00:00.000Z"),
            json!(" 2026-11-28 23:00:00Z "),
            json!("2026-11-28t23:00:00z"),
            json!("2026-11-29T00:00:00+01:00"),
            json!("2026-11-28 18:00:00-0500"),
            json!("2026-11-28T23:00Z"),
            json!("Sat, 28 Nov 2026 23:00:00 GMT"),
            json!("Sun, 29 Nov 2026 00:00:00 +0100"),
            json!("Saturday, 28-Nov-26 23:00:00 GMT"),
            json!("Sat Nov 28 2026 23:00:00 GMT+0000"),
            json!("Sun Nov 29 2026 00:00:00 GMT+0100 (Central European Standard Time)"),
            json!(1_795_906_800_000_u64),
            json!(1_795_906_799_999.5),
        ] {
            assert_eq!(moment(&value, NOW - 1_000), Ok(Some(NOW)), "{value}");
        }
        assert_eq!(moment(&Value::Null, NOW), Ok(None));
        assert_eq!(moment(&json!("1969-01-01T00:00:00Z"), NOW), Ok(Some(0)));
        for last in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999-12:00"] {
            let at = moment(&json!(last), NOW).unwrap();
            assert!(at.is_some_and(|at| at > 253_402_000_000_000), "{last}");
        }
    }

    #[test]
    fn anything_else_is_named_with_what_would_be_right() {
        for (value, why) in [
            (json!("2026-11-28 23:00:00"), "which names no zone"),
            (json!("2026-11-28T23:00:00"), "which names no zone"),
            (json!("2026-11-28"), "which names no zone"),
            (json!("tomorrow"), "which names no time"),
            (json!(""), "which names no time"),
            (json!("Sat Nov 28 23:00:00 2026"), "which names no time"),
            (json!("2026-02-31T00:00:00Z"), "which names no time"),
            (json!("5"), "a number as text"),
            (json!("1795906800000"), "a number as text"),
            (json!(60_000), "it looks like seconds, or like a delay"),
            (
                json!(1_795_906_800),
                "it looks like seconds, or like a delay",
            ),
            (json!(-1), "it looks like seconds, or like a delay"),
            (
                json!(1_795_906_800_000_000_u64),
                "more than ten years from now",
            ),
            (json!(true), "which is no time"),
            (json!({"in": "5m"}), "which is no time"),
            (json!(["2026-11-28T23:00:00Z"]), "which is no time"),
        ] {
            let error = moment(&value, NOW).unwrap_err();
            assert!(error.starts_with(&format!("is {value}, ")), "{error}");
            assert!(error.contains(why), "{value}: {error}");
            assert!(error.contains("2026-11-28T23:00:00Z\", or milliseconds"));
        }
        let long = moment(&json!("é".repeat(5_000)), NOW).unwrap_err();
        assert!(long.len() < 400, "{long}");
    }
}
