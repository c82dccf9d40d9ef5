//! Challenges: a sender's question whether the webhook is wanted, answered without a task.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::encoding::Encoding;
use crate::place::Place;
use crate::request::Request;
use crate::secret::Secrets;
use crate::url_pattern::UrlPattern;

/// No sender's challenge is longer, in bytes. The answer goes to a stranger: it stays small.
const LONGEST: usize = 1024;
/// The same for a challenge of which the answer holds an HMAC.
const LONGEST_SIGNED: usize = 256;

/// How a sender asks whether the webhook is wanted, and what it expects as the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// The method of the question.
    pub method: String,
    /// What else makes a request the question: all of it must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
    /// The value that the answer repeats, `{echo}` in it. Without it, the request is no question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Place>,
    /// Where the sender repeats a text that the user chose ([`Secrets::with_verify_token`]). If it is
    /// another text, or none was chosen, there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<Place>,
    /// What the sender wants to be asked for, to see that the webhook is wanted. Only after verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// What is answered.
    pub answer: Body,
    /// Whether the question is signed as each other request is: then it must be verified first. An
    /// answer that is given before says to a stranger that something listens here, and no more.
    pub after_verification: bool,
}

/// A value that must stand in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The place of the value.
    pub at: Place,
    /// Which value; a number or boolean as it is written.
    pub equals: String,
}

impl Challenge {
    /// Whether it can be used as a part of a [`Scheme`](crate::Scheme): a GET is no delivery that could be verified, and
    /// strangers get nothing that the secret signed.
    pub(crate) fn is_sound(&self) -> bool {
        let is_known = match self.method.as_str() {
            "GET" => !self.after_verification,
            "POST" => true,
            _ => false,
        };
        let is_harmless = self.visit.is_none() && !self.answer.holds_hmac();
        is_known && self.verify_token.is_none() && (is_harmless || self.after_verification)
    }

    /// Whether a body could be one that a stranger had signed as a question of which the answer holds an HMAC. It is
    /// no delivery then.
    #[must_use]
    pub fn could_sign(&self, body: &[u8]) -> bool {
        !self.after_verification
            && self.answer.holds_hmac()
            && (1..=LONGEST_SIGNED).contains(&body.len())
            && body.iter().copied().all(is_token)
    }
}

impl Condition {
    pub(crate) fn holds(&self, request: &Request<'_>) -> bool {
        let found = self.at.read(request);
        found.is_ok_and(|found| found.as_deref() == Some(self.equals.as_str()))
    }
}

/// A URL of the sender's that is asked for by GET before the answer is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// Where the URL stands in the request.
    pub at: Place,
    /// The sender's own URLs. With another one, the request is no question.
    pub within: Vec<UrlPattern>,
}

/// The body of an answer. In texts, `{echo}` stands for the value that is repeated, `{hmac_hex}` and
/// `{hmac_base64}` for its HMAC-SHA256 with the first secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Body {
    /// Plain text.
    Text(String),
    /// JSON; the texts in it are filled.
    Json(Value),
}

impl Body {
    fn holds_hmac(&self) -> bool {
        let holds = |text: &str| text.contains("{hmac_");
        match self {
            Self::Text(text) => holds(text),
            Self::Json(json) => holds(&json.to_string()),
        }
    }
}

/// The letters of a token that is signed for strangers.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte)
}

/// The answer to a challenge. It repeats what a stranger wrote: send it with
/// `X-Content-Type-Options: nosniff`, which Dropbox also demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// What the caller asks for by GET before it gives the answer.
    pub visit: Option<String>,
}

/// The answer, if the request is the question. The caller verifies the request first if
/// [`Challenge::after_verification`] says so.
///
/// A challenge of which the answer holds an HMAC is answered only if it is a short token of letters,
/// digits and `-_.+/=`: the sender's signatures are made with the same secret, and the answer to a
/// longer text could be the signature of a forged request.
#[must_use]
pub fn challenge(
    challenge: &Challenge,
    secrets: &Secrets,
    request: &Request<'_>,
) -> Option<Answer> {
    if !request.method.eq_ignore_ascii_case(&challenge.method) {
        return None;
    }
    if !challenge.when.iter().all(|when| when.holds(request)) {
        return None;
    }
    if let Some(place) = &challenge.verify_token {
        let given = place.read(request).ok()??;
        if !secrets.verify_token.as_ref()?.is(given.as_bytes()) {
            return None;
        }
    }
    let echo = match &challenge.echo {
        None => String::new(),
        Some(place) => place.read(request).ok()??.into_owned(),
    };
    if echo.len() > LONGEST || echo.contains(char::is_control) {
        return None;
    }
    let (content_type, body) = match &challenge.answer {
        Body::Text(text) => (
            "text/plain; charset=utf-8",
            fill(text, &echo, secrets)?.into_bytes(),
        ),
        Body::Json(json) => {
            let mut json = json.clone();
            fill_all(&mut json, &echo, secrets)?;
            ("application/json", json.to_string().into_bytes())
        }
    };
    let visit = match &challenge.visit {
        None => None,
        Some(visit) => {
            let url = visit.at.read(request).ok()??.into_owned();
            if !visit.within.iter().any(|own| own.matches(&url)) {
                return None;
            }
            Some(url)
        }
    };
    Some(Answer {
        status: 200,
        content_type,
        body,
        visit,
    })
}

fn fill_all(json: &mut Value, echo: &str, secrets: &Secrets) -> Option<()> {
    match json {
        Value::String(text) => *text = fill(text, echo, secrets)?,
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| fill_all(item, echo, secrets))?,
        Value::Object(fields) => fields
            .values_mut()
            .try_for_each(|field| fill_all(field, echo, secrets))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Some(())
}

fn fill(text: &str, echo: &str, secrets: &Secrets) -> Option<String> {
    // One pass: what is put in is not looked at again.
    if let Some((before, after)) = text.split_once("{echo}") {
        return Some(format!("{before}{echo}{after}"));
    }
    for (name, encoding) in [
        ("{hmac_hex}", Encoding::Hex),
        ("{hmac_base64}", Encoding::Base64),
    ] {
        if let Some((before, after)) = text.split_once(name) {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secrets.all.first()?.raw);
            if echo.is_empty() || echo.len() > LONGEST_SIGNED || !echo.bytes().all(is_token) {
                return None;
            }
            let tag = hmac::sign(&key, echo.as_bytes());
            return Some(format!("{before}{}{after}", encoding.encode(tag.as_ref())));
        }
    }
    Some(text.to_owned())
}
