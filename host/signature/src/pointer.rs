//! Reads one scalar out of a JSON text, and skips the rest without building it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The string, number or boolean at the pointer (RFC 6901), as text; a number as it is written.
/// None if the text is not JSON, or if nothing, an empty text or something else stands there. Of equal
/// keys the last counts, as in [`Value`].
pub(crate) fn scalar(json: &[u8], pointer: &str) -> Option<String> {
    text(json, pointer).filter(|text| !text.is_empty())
}

/// The same, and an empty text is one.
pub(crate) fn text(json: &[u8], pointer: &str) -> Option<String> {
    match value(json, pointer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether anything stands there, `null` too.
pub(crate) fn exists(json: &[u8], pointer: &str) -> bool {
    value(json, pointer).is_some()
}

fn value(json: &[u8], pointer: &str) -> Option<Value> {
    let path: Vec<String> = pointer
        .strip_prefix('/')?
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let found = Walk(&path).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    found
}

struct Walk<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if self.0.first() == Some(&key) {
                found = map.next_value_seed(Walk(&self.0[1..]))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let wanted = self.0.first().and_then(|part| index(part));
        let mut found = None;
        for position in 0.. {
            if Some(position) == wanted {
                match seq.next_element_seed(Walk(&self.0[1..]))? {
                    Some(value) => found = value,
                    None => break,
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// An array index of RFC 6901: digits without a leading zero.
fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || (!part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit()));
    if plain { part.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn a_pointer_finds_scalars_and_nothing_else() {
        let json = br#"{"a/b": [1, {"x~": 12345678901234567890.10}, "t"], "n": 7, "id": "old", "id": "new"}"#;
        let table = [
            ("/a~1b/0", Some("1")),
            ("/a~1b/1/x~0", Some("12345678901234567890.10")),
            ("/a~1b/2", Some("t")),
            ("/a~1b/3", None),
            ("/a~1b/00", None),
            ("/a~1b", None),
            ("/id", Some("new")),
            ("/n", Some("7")),
            ("/n/deeper", None),
            ("/none", None),
            ("id", None),
        ];
        for (pointer, expected) in table {
            assert_eq!(scalar(json, pointer).as_deref(), expected, "{pointer}");
        }
        for broken in [&b"{\"id\": 1"[..], b"{\"id\": 1} x", b"", b"\xff", b"7"] {
            assert_eq!(scalar(broken, "/id"), None);
        }
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert_eq!(scalar(&deep, "/0/0/x"), None);
    }
}
