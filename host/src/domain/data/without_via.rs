//! A task's data as its sender may see them: without what the server has noted.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::VIA;

/// JSON text of an object without its member `$via`; the rest keeps its text. A document that is no object gives `null`.
pub fn without_via(data: &str) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(data);
    let members = deserializer.deserialize_map(Members(data.len()));
    members.unwrap_or_else(|_| "null".to_owned())
}

struct Members(usize);

impl<'de> Visitor<'de> for Members {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut text = String::with_capacity(self.0);
        text.push('{');
        while let Some((name, value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            if name.0 == VIA {
                continue;
            }
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(&name.0).unwrap_or_default());
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        Ok(text)
    }
}

/// A name that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_else_stays_as_it_is_written() {
        for (data, expected) in [
            ("{}", "{}"),
            (r#"{"$via":{"a":1}}"#, "{}"),
            (
                r#"{"b":1.0, "a" : {"$via":2},"$via":{"type":"webhook"}}"#,
                r#"{"b":1.0,"a":{"$via":2}}"#,
            ),
            (r#"{"\u0024via":1,"x\"y":"\u00e9"}"#, r#"{"x\"y":"\u00e9"}"#),
            ("[1]", "null"),
        ] {
            assert_eq!(without_via(data), expected, "{data}");
        }
    }
}
