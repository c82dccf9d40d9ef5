//! How a repeated delivery is recognised: by a key that the first one brought, for as long as the
//! webhook's window says.

use std::fmt;

use sha2::{Digest, Sha256};

use super::clock::Millis;
use super::data::{Pointer, PointerError};
use super::limits;

/// The key of a delivery: the first 16 bytes of a SHA-256 over the webhook's id, where the key's value
/// stood, and the value. So a value of any length has a key of one length, and no two webhooks share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey([u8; 16]);

/// Where the value of a key stood. Never renumbered: it is part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// In a header that the webhook names.
    Header = 1,
    /// In the body, at a place that the webhook names.
    Body = 2,
    /// Where the provider puts a delivery's id.
    DeliveryId = 3,
    /// In the signature and its timestamp.
    Signature = 4,
}

impl DedupKey {
    /// The key of a webhook's deliveries that have this value. An empty value is no key.
    pub fn of(webhook_id: &str, kind: KeyKind, value: &[u8]) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(b"stepwell dedup 1\0");
        hash.update(webhook_id.as_bytes());
        hash.update([0, kind as u8]);
        hash.update(value);
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().copied().map(Self)
    }

    /// The key as it is stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key that is stored as these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// A delivery's key, and for how long it stands for the task that the delivery became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dedup {
    /// The key.
    pub key: DedupKey,
    /// When the delivery came. One that came with the key before, and whose time is not over by then, is
    /// what this one repeats.
    pub at: Millis,
    /// When the key's time is over.
    pub until: Millis,
}

/// How a webhook finds the key of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupRule {
    /// Where the key's value stands.
    pub source: DedupSource,
    /// For how long a repeat is recognised, in milliseconds: [`limits::DEDUP_WINDOW_LEAST_MS`] to
    /// [`limits::DEDUP_WINDOW_MOST_MS`].
    pub window_ms: u64,
}

/// Where the value of a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DedupSource {
    /// In the header of this name, in lower case.
    Header(String),
    /// In the data that a request makes, at the place of this JSON pointer (RFC 6901).
    Pointer(String),
}

/// Why something cannot be a webhook's dedup rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// Neither a header nor a pointer, or both.
    #[error(
        "name either a header, e.g. `Idempotency-Key`, or a JSON pointer into the body, e.g. `/event/id`"
    )]
    NotOne,
    /// No header has such a name.
    #[error(
        "`{0}` is not the name of a header: 1 to {most} letters, digits or `-`, e.g. `Idempotency-Key`",
        most = limits::DEDUP_HEADER_BYTES
    )]
    Header(String),
    /// The pointer is none.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// The pointer leads to the whole document.
    #[error(
        "a key is a member of the body, never the whole of it; give a JSON pointer such as `/event/id`"
    )]
    Whole,
    /// The pointer is too long.
    #[error("the JSON pointer is longer than {most} bytes", most = limits::POINTER_BYTES)]
    LongPointer,
    /// The window is too short or too long.
    #[error(
        "a window of {0} ms is out of range: {least} ms (a minute) to {most} ms (30 days)",
        least = limits::DEDUP_WINDOW_LEAST_MS,
        most = limits::DEDUP_WINDOW_MOST_MS
    )]
    Window(u64),
}

impl DedupRule {
    /// The rule by a header or a pointer, and a window in milliseconds: [`limits::DEDUP_WINDOW_MS`] if
    /// none is named.
    ///
    /// # Errors
    /// [`DedupError`].
    pub fn new(
        header: Option<&str>,
        pointer: Option<&str>,
        window_ms: Option<u64>,
    ) -> Result<Self, DedupError> {
        let source = match (header, pointer) {
            (Some(name), None) => DedupSource::Header(header_name(name)?),
            (None, Some(text)) => DedupSource::Pointer(key_pointer(text)?.to_string()),
            _ => return Err(DedupError::NotOne),
        };
        let window_ms = window_ms.unwrap_or(limits::DEDUP_WINDOW_MS);
        let range = limits::DEDUP_WINDOW_LEAST_MS..=limits::DEDUP_WINDOW_MOST_MS;
        if !range.contains(&window_ms) {
            return Err(DedupError::Window(window_ms));
        }
        Ok(Self { source, window_ms })
    }

    /// The header that it names.
    pub fn header(&self) -> Option<&str> {
        match &self.source {
            DedupSource::Header(name) => Some(name),
            DedupSource::Pointer(_) => None,
        }
    }

    /// The pointer that it names.
    pub fn pointer(&self) -> Option<&str> {
        match &self.source {
            DedupSource::Header(_) => None,
            DedupSource::Pointer(pointer) => Some(pointer),
        }
    }
}

impl fmt::Display for DedupSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Pointer(pointer) => write!(f, "pointer {pointer}"),
        }
    }
}

/// A header's name in lower case. RFC 9110 §5.1 lets a name have more characters; no sender uses them.
fn header_name(name: &str) -> Result<String, DedupError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > limits::DEDUP_HEADER_BYTES || !name.chars().all(is_fine) {
        return Err(DedupError::Header(name.chars().take(80).collect()));
    }
    Ok(name.to_ascii_lowercase())
}

/// The place in a body's data where a key's value stands.
///
/// # Errors
/// [`DedupError`] if it is no pointer to a member.
pub fn key_pointer(text: &str) -> Result<Pointer, DedupError> {
    if text.len() > limits::POINTER_BYTES {
        return Err(DedupError::LongPointer);
    }
    let pointer = Pointer::parse(text)?;
    if pointer.is_root() {
        return Err(DedupError::Whole);
    }
    Ok(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_webhook_place_and_value() {
        let of = |webhook, kind, value: &str| DedupKey::of(webhook, kind, value.as_bytes());
        let key = of("w1", KeyKind::Header, "evt_1").unwrap();
        assert_eq!(of("w1", KeyKind::Header, "evt_1"), Some(key));
        for other in [
            of("w2", KeyKind::Header, "evt_1"),
            of("w1", KeyKind::Body, "evt_1"),
            of("w1", KeyKind::Header, "evt_2"),
            of("w1", KeyKind::Header, &"evt_1".repeat(10_000)),
        ] {
            assert!(other.is_some_and(|other| other != key));
        }
        assert_eq!(of("w1", KeyKind::Header, ""), None);
        assert_eq!(DedupKey::from_bytes(*key.as_bytes()), key);
    }

    /// A key that is computed otherwise would not recognise the deliveries of before an upgrade.
    #[test]
    fn a_key_is_the_same_for_ever() {
        let key = DedupKey::of("5Yh2", KeyKind::Header, b"evt_1").unwrap();
        let hex: String = key
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, "876a52a4fb5572d76712b7ed85e0ca2b");
    }

    #[test]
    fn a_rule_names_one_place_and_a_window_within_bounds() {
        let rule = DedupRule::new(Some("Idempotency-Key"), None, None).unwrap();
        assert_eq!(rule.header(), Some("idempotency-key"));
        assert_eq!((rule.pointer(), rule.window_ms), (None, 72 * 3_600_000));
        let rule = DedupRule::new(None, Some("/event/id"), Some(60_000)).unwrap();
        assert_eq!((rule.header(), rule.pointer()), (None, Some("/event/id")));
        let long = format!("/{}", "a".repeat(limits::POINTER_BYTES));
        let name = "a".repeat(limits::DEDUP_HEADER_BYTES + 1);
        for (header, pointer, window, part) in [
            (None, None, None, "either a header"),
            (Some("a"), Some("/a"), None, "either a header"),
            (Some(""), None, None, "not the name of a header"),
            (Some("a b"), None, None, "`a b` is not the name"),
            (Some("ä"), None, None, "not the name of a header"),
            (Some(&*name), None, None, "not the name of a header"),
            (None, Some(""), None, "never the whole"),
            (None, Some("event.id"), None, "RFC 6901"),
            (None, Some(&*long), None, "longer than 256 bytes"),
            (Some("a"), None, Some(59_999), "59999 ms is out of range"),
            (Some("a"), None, Some(2_592_000_001), "30 days"),
        ] {
            let error = DedupRule::new(header, pointer, window)
                .unwrap_err()
                .to_string();
            assert!(error.contains(part), "{header:?} {pointer:?}: {error}");
        }
    }
}
