//! A webhook: a secret URL that makes tasks.

use std::fmt;

use super::authentication::Authentication;
use super::clock::Millis;
use super::data::{Pointer, PointerError};
use super::dedup::DedupRule;
use super::ids::{WebhookName, WorkspaceName};
use super::intake::{Intake, IntakeChange};
use super::limits;
use super::payload_schema::{PayloadSchema, PayloadSchemaChange};
use super::reply::{ReplyRule, ReplyRules, ReplyRulesChange};

/// A webhook as an operator or tenant added it.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id, base62, not secret.
    pub id: String,
    /// The tenant it belongs to.
    pub workspace: WorkspaceName,
    /// Its name, unique in the workspace; steps match it as `$via.name`.
    pub name: WebhookName,
    /// Names that it had before, the last one first; not the one that it has.
    pub former_names: Vec<WebhookName>,
    /// The secret part of its URL.
    pub key: WebhookKey,
    /// Keys that it had before, which still find it; the newest first.
    pub former_keys: Vec<FormerKey>,
    /// When it was added.
    pub created: Millis,
    /// A JSON pointer into the data that a request makes: where it leads to the id of an open task,
    /// that task is changed, and no new one made.
    pub correlate: Option<String>,
    /// How a repeated delivery is recognised, if it is by the webhook's own rule.
    pub dedup: Option<DedupRule>,
    /// How its requests are verified.
    pub authentication: Authentication,
    /// The methods that it takes, and the header fields that its tasks keep.
    pub intake: Intake,
    /// How it answers the requests that it takes.
    pub replies: ReplyRules,
    /// The schema that checks its documents.
    pub schema: Option<PayloadSchema>,
    /// It refuses every request.
    pub is_disabled: bool,
}

#[cfg(test)]
impl Webhook {
    /// A webhook of workspace `default` that takes every request, for tests.
    pub fn sample() -> Self {
        Self {
            id: "w1".into(),
            workspace: "default".parse().unwrap(),
            name: "Contact \"Form\"".parse().unwrap(),
            former_names: Vec::new(),
            key: WebhookKey::new("key".into()),
            former_keys: Vec::new(),
            created: 0,
            correlate: None,
            dedup: None,
            authentication: Default::default(),
            intake: Default::default(),
            replies: Default::default(),
            schema: None,
            is_disabled: false,
        }
    }
}

impl Webhook {
    /// The secret texts of its key and of its former keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let former = self.former_keys.iter().map(|former| &former.key);
        std::iter::once(&self.key)
            .chain(former)
            .map(WebhookKey::reveal)
    }

    /// About how many bytes it has: those of its long parts, and some for the others.
    pub fn about_bytes(&self) -> usize {
        let schema = self.schema.as_ref().map_or(0, |schema| schema.text.len());
        let scheme = self.authentication.scheme.as_ref().map_or(0, String::len);
        let reply = match &self.replies.rule {
            ReplyRule::Fixed(reply) => {
                let headers = reply.headers.iter();
                let headers = headers.map(|(name, value)| name.len() + value.len());
                reply.body.len() + headers.sum::<usize>()
            }
            ReplyRule::Accepted | ReplyRule::Wait { .. } => 0,
        };
        1024 + schema + scheme + reply
    }

    /// Gives it another name. The one that it had is a former one; of those the oldest are forgotten.
    pub fn rename(&mut self, name: WebhookName) {
        if self.name == name {
            return;
        }
        let before = std::mem::replace(&mut self.name, name);
        self.former_names.retain(|former| *former != self.name);
        self.former_names.insert(0, before);
        self.former_names.truncate(limits::WEBHOOK_NAMES);
    }

    /// The name that it has, and those that it had.
    pub fn names(&self) -> impl Iterator<Item = &WebhookName> {
        std::iter::once(&self.name).chain(&self.former_names)
    }

    /// Whether this key, which is one of [`Webhook::keys`], finds it at a time.
    pub fn is_found_by(&self, key: &str, now: Millis) -> bool {
        let former = || {
            self.former_keys
                .iter()
                .find(|former| former.key.reveal() == key)
        };
        self.key.reveal() == key || former().is_some_and(|former| now < former.until)
    }
}

/// A key that a webhook had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerKey {
    /// The key.
    pub key: WebhookKey,
    /// From when on it finds nothing.
    pub until: Millis,
}

/// A change of a webhook: members that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookRulesChange {
    /// See [`Webhook::correlate`].
    pub correlate: Option<Option<Pointer>>,
    /// See [`Webhook::dedup`].
    pub dedup: Option<Option<DedupRule>>,
    /// See [`Webhook::intake`].
    pub intake: IntakeChange,
    /// See [`Webhook::replies`].
    pub replies: ReplyRulesChange,
    /// See [`Webhook::schema`].
    pub schema: PayloadSchemaChange,
    /// See [`Webhook::name`].
    pub name: Option<WebhookName>,
    /// See [`Webhook::is_disabled`].
    pub is_disabled: Option<bool>,
}

/// The settings of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookRules {
    /// See [`Webhook::correlate`].
    pub correlate: Option<Pointer>,
    /// See [`Webhook::dedup`].
    pub dedup: Option<DedupRule>,
    /// See [`Webhook::intake`].
    pub intake: Intake,
    /// See [`Webhook::replies`].
    pub replies: ReplyRules,
    /// See [`Webhook::schema`].
    pub schema: Option<PayloadSchema>,
    /// See [`Webhook::is_disabled`].
    pub is_disabled: bool,
}

/// Why a text cannot be a webhook's [`Webhook::correlate`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorrelationError {
    /// It is no pointer.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// It leads to the whole document.
    #[error(
        "a task's id is a member of the body, never the whole of it; give a JSON pointer such as `/order/taskId`"
    )]
    Whole,
}

/// The place in a body's data where a task's id is looked for.
pub fn correlation(text: &str) -> Result<Pointer, CorrelationError> {
    let pointer = Pointer::parse(text)?;
    if pointer.is_root() {
        return Err(CorrelationError::Whole);
    }
    Ok(pointer)
}

/// The secret part of a webhook's URL: 192 random bits in base62, 33 characters. It never appears
/// in a log: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookKey(String);

impl WebhookKey {
    /// Takes a text as a key without a look at it; a wrong one matches no webhook.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret text. For a URL that its owner is shown, and for the look-up.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(…)")
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("workspace", &self.workspace)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// `bits / 8` random bytes as base62 text of fixed length: digits, upper case, lower case.
pub fn base62<const BYTES: usize>(bytes: [u8; BYTES]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // log2(62) is 5.954 bits a digit.
    let length = (BYTES * 8 * 1000).div_ceil(5954);
    let mut number = bytes;
    let mut text = vec![b'0'; length];
    for digit in text.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in &mut number {
            let value = (remainder << 8) | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_has_a_fixed_length_and_loses_nothing() {
        assert_eq!(base62([0u8; 24]), "0".repeat(33));
        assert_eq!(base62([255u8; 24]).len(), 33);
        assert_ne!(base62([255u8; 24]), base62([254u8; 24]));
        assert_eq!(base62([61u8]), "0z");
        assert_eq!(base62([255u8]), "47");
    }

    #[test]
    fn a_correlation_leads_to_a_member() {
        assert_eq!(
            correlation("/order/taskId").unwrap().to_string(),
            "/order/taskId"
        );
        for (wrong, part) in [
            ("order.taskId", "RFC 6901"),
            ("", "/order/taskId"),
            ("/a~2", "`~`"),
        ] {
            let error = correlation(wrong).unwrap_err().to_string();
            assert!(error.contains(part), "{wrong}: {error}");
        }
    }

    #[test]
    fn former_names_are_the_last_ones_without_the_present_one() {
        let mut webhook = Webhook::sample();
        let names = |webhook: &Webhook| {
            let names = webhook.names().map(ToString::to_string);
            names.collect::<Vec<_>>().join(" ")
        };
        let mut rename = |name: &str| {
            webhook.rename(name.parse().unwrap());
            names(&webhook)
        };
        rename("a");
        assert_eq!(rename("b"), "b a Contact \"Form\"");
        assert_eq!(rename("a"), "a b Contact \"Form\"");
        assert_eq!(rename("a"), "a b Contact \"Form\"");
        for n in 0..limits::WEBHOOK_NAMES {
            rename(&format!("n{n}"));
        }
        assert_eq!(rename("a").split(' ').count(), 1 + limits::WEBHOOK_NAMES);
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = WebhookKey::new("secret".into());
        assert!(!format!("{key:?}").contains("secret"));
    }
}
