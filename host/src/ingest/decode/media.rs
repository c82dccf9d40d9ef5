//! Content types: which kind of body a header names.

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One JSON document; also a body of which nothing is said.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` (RFC 7578).
    Multipart,
    /// `text/plain`.
    Text,
    /// A JSON document a line.
    Lines,
    /// A CloudEvent in JSON.
    CloudEvent,
    /// A JSON array of CloudEvents.
    CloudEvents,
    /// Anything else.
    Other,
}

/// What a `Content-Type` says. Its parameters change nothing, and an empty one says as little as none.
pub(super) fn kind(content_type: Option<&str>) -> Kind {
    let essence = essence(content_type.unwrap_or_default());
    // Nearly every request; nothing is allocated for it.
    if essence.is_empty() || essence.eq_ignore_ascii_case("application/json") {
        return Kind::Json;
    }
    match essence.to_ascii_lowercase().as_str() {
        "application/cloudevents+json" => Kind::CloudEvent,
        "application/cloudevents-batch+json" => Kind::CloudEvents,
        "application/x-www-form-urlencoded" => Kind::Form,
        "multipart/form-data" => Kind::Multipart,
        "text/plain" => Kind::Text,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines"
        | "application/json-lines"
        | "application/x-json-stream"
        | "application/x-ldjson"
        | "application/ldjson"
        | "text/x-ndjson" => Kind::Lines,
        other if is_json(other) => Kind::Json,
        _ => Kind::Other,
    }
}

/// Whether a content type means JSON: `application/json`, `text/json`, or a type that ends in
/// `+json` (RFC 6839), whatever its parameters. An empty one says as little as none.
pub fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    if essence.eq_ignore_ascii_case("application/json") || essence.is_empty() {
        return true;
    }
    let essence = essence.to_ascii_lowercase();
    essence == "text/json"
        || essence
            .split_once('/')
            .is_some_and(|(_, subtype)| subtype.len() > 5 && subtype.ends_with("+json"))
}

/// The type and subtype, without the parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// A parameter of a content type, its quotation marks off.
pub(super) fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = named.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_a_kind() {
        for (kind_of, types) in [
            (
                Kind::Json,
                &[
                    "",
                    " ; x=y",
                    "application/json",
                    "Application/JSON; charset=utf-8",
                    "text/json",
                    "application/vnd.api+json",
                    "application/cloudevents+json-extra+json",
                ][..],
            ),
            (
                Kind::Form,
                &["application/x-www-form-urlencoded;charset=UTF-8"],
            ),
            (Kind::Multipart, &["Multipart/Form-Data; boundary=x"]),
            (Kind::Text, &["text/plain", "TEXT/PLAIN; charset=UTF-8"]),
            (
                Kind::Lines,
                &["application/x-ndjson", "application/jsonl; charset=utf-8"],
            ),
            (
                Kind::CloudEvent,
                &["application/cloudevents+json; charset=UTF-8"],
            ),
            (Kind::CloudEvents, &["application/cloudevents-batch+json"]),
            (
                Kind::Other,
                &[
                    "application/xml",
                    "text/html",
                    "application/jsonp",
                    "application/+json",
                    "json",
                    "multipart/mixed",
                    "\u{0}",
                ],
            ),
        ] {
            for text in types {
                assert_eq!(kind(Some(text)), kind_of, "{text}");
                let json = matches!(kind_of, Kind::Json | Kind::CloudEvent | Kind::CloudEvents);
                assert_eq!(is_json(text), json, "{text}");
            }
        }
        assert_eq!(kind(None), Kind::Json);
    }

    #[test]
    fn a_parameter_is_found_in_any_case_and_unquoted() {
        for (text, charset) in [
            ("text/plain; Charset=\"latin1\"", Some("latin1")),
            ("text/plain;a=b; charset = utf-8 ", Some("utf-8")),
            ("text/plain; charset", None),
            ("charset=utf-8", None),
        ] {
            assert_eq!(parameter(text, "charset"), charset, "{text}");
        }
    }
}
