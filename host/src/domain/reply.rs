//! How a webhook answers its senders: its settings, and an HTTP reply that a webhook's owner or a step has written.

use std::fmt;

use super::limits;

mod error;
mod web;

pub use error::ReplyError;
pub use web::{origin, redirect};

/// How a webhook answers the requests that it takes. The default is the task's id, at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyRules {
    /// The answer that the sender gets.
    pub rule: ReplyRule,
    /// Where a browser that sent a plain form is led: an absolute URL.
    pub redirect: Option<String>,
    /// Origins whose pages may read the answers (CORS), as browsers write them; `*` alone for all.
    pub origins: Vec<String>,
}

/// The answer to a sender whose request was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReplyRule {
    /// The task's id, at once.
    #[default]
    Accepted,
    /// Always the same.
    Fixed(Box<HttpReply>),
    /// The result of the task, for which the sender waits.
    Wait {
        /// How long at most: 1 to [`limits::REPLY_WAIT_SECONDS`].
        seconds: u32,
    },
}

/// A status, header fields and a body. Checked: [`HttpReply::fixed`], [`HttpReply::of_step`].
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// Names, in lower case, and values of header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A reply that a run gave the sender of the request that made its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenReply {
    /// The reply.
    pub reply: HttpReply,
    /// The run that gave it, counted from 1 within the task.
    pub run: u32,
    /// The attempt of that run, counted from 1.
    pub attempt: u32,
}

/// A change of [`ReplyRules`]: members that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyRulesChange {
    /// A fixed reply, which takes the place of a wait; or none.
    pub fixed: Option<Option<HttpReply>>,
    /// How many seconds a sender waits, in place of a fixed reply; or that it does not.
    pub wait: Option<Option<u32>>,
    /// See [`ReplyRules::redirect`].
    pub redirect: Option<Option<String>>,
    /// See [`ReplyRules::origins`].
    pub origins: Option<Vec<String>>,
}

impl ReplyRulesChange {
    /// A change of what senders are answered.
    ///
    /// # Errors
    /// [`ReplyError::Both`].
    pub fn of(
        fixed: Option<Option<HttpReply>>,
        wait: Option<Option<u32>>,
    ) -> Result<Self, ReplyError> {
        if matches!((&fixed, wait), (Some(Some(_)), Some(Some(_)))) {
            return Err(ReplyError::Both);
        }
        Ok(Self {
            fixed,
            wait,
            ..Self::default()
        })
    }

    /// Sets the members that are not `None`.
    pub fn apply(self, rules: &mut ReplyRules) {
        match (self.fixed, &rules.rule) {
            (Some(Some(reply)), _) => rules.rule = ReplyRule::Fixed(Box::new(reply)),
            (Some(None), ReplyRule::Fixed(_)) => rules.rule = ReplyRule::Accepted,
            _ => {}
        }
        match (self.wait, &rules.rule) {
            (Some(Some(seconds)), _) => rules.rule = ReplyRule::Wait { seconds },
            (Some(None), ReplyRule::Wait { .. }) => rules.rule = ReplyRule::Accepted,
            _ => {}
        }
        if let Some(redirect) = self.redirect {
            rules.redirect = redirect;
        }
        if let Some(origins) = self.origins {
            rules.origins = origins;
        }
    }
}

/// A time in seconds that a sender may wait.
///
/// # Errors
/// [`ReplyError::Wait`].
pub fn wait(seconds: u32) -> Result<u32, ReplyError> {
    match seconds {
        1..=limits::REPLY_WAIT_SECONDS => Ok(seconds),
        _ => Err(ReplyError::Wait(seconds)),
    }
}

/// Origins of pages, each once, as browsers write them.
///
/// # Errors
/// [`ReplyError`] for the first that is none, or if there are too many.
pub fn origins<T: AsRef<str>>(texts: &[T]) -> Result<Vec<String>, ReplyError> {
    if texts.len() > limits::REPLY_ORIGINS {
        return Err(ReplyError::TooManyOrigins(texts.len()));
    }
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        let origin = origin(text.as_ref())?;
        if !all.contains(&origin) {
            all.push(origin);
        }
    }
    if all.len() > 1 && all.iter().any(|origin| origin == "*") {
        return Err(ReplyError::AllOrigins);
    }
    Ok(all)
}

/// The statuses that lead elsewhere, and need a `location`.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

impl HttpReply {
    /// What a webhook always answers. A body that names no content type is plain text.
    ///
    /// # Errors
    /// [`ReplyError`]. The status is one of success or a redirect: a sender that is told of an error sends again.
    pub fn fixed<N: AsRef<str>, V: AsRef<str>>(
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
        body: String,
    ) -> Result<Self, ReplyError> {
        if !((200..300).contains(&status) || REDIRECTS.contains(&status)) {
            return Err(ReplyError::FixedStatus(status));
        }
        let reply = Self::checked(status, headers, body.into_bytes())?;
        if reply.body.len() > limits::FIXED_REPLY_BYTES {
            let (found, most) = (reply.body.len(), limits::FIXED_REPLY_BYTES);
            return Err(ReplyError::Body { found, most });
        }
        Ok(reply.with_type("text/plain; charset=utf-8"))
    }

    /// What a step answers. A body that names no content type is bytes.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn of_step<N: AsRef<str>, V: AsRef<str>>(
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
        body: Vec<u8>,
    ) -> Result<Self, ReplyError> {
        let is_redirect = REDIRECTS.contains(&status);
        if !(200..600).contains(&status) || (300..400).contains(&status) && !is_redirect {
            return Err(ReplyError::Status(status));
        }
        let reply = Self::checked(status, headers, body)?;
        if reply.body.len() > limits::REPLY_BYTES {
            let (found, most) = (reply.body.len(), limits::REPLY_BYTES);
            return Err(ReplyError::Body { found, most });
        }
        Ok(reply.with_type("application/octet-stream"))
    }

    fn checked<N: AsRef<str>, V: AsRef<str>>(
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
        body: Vec<u8>,
    ) -> Result<Self, ReplyError> {
        let mut kept: Vec<(String, String)> = Vec::new();
        for (name, value) in headers {
            if kept.len() == limits::REPLY_HEADERS {
                return Err(ReplyError::TooManyHeaders);
            }
            let name = web::header_name(name.as_ref())?;
            let value = web::header_value(&name, value.as_ref())?;
            if kept.iter().any(|(other, _)| *other == name) {
                return Err(ReplyError::Twice(name));
            }
            kept.push((name, value));
        }
        let reply = Self {
            status,
            headers: kept,
            body,
        };
        if REDIRECTS.contains(&status) != reply.header("location").is_some() {
            return Err(ReplyError::Location(status));
        }
        if matches!(status, 204 | 205) && !reply.body.is_empty() {
            return Err(ReplyError::NoBody(status));
        }
        Ok(reply)
    }

    /// The value of a header field; its name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    fn with_type(mut self, otherwise: &str) -> Self {
        if !self.body.is_empty() && self.header("content-type").is_none() {
            let named = ("content-type".to_owned(), otherwise.to_owned());
            self.headers.push(named);
        }
        self
    }
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            headers,
            body,
        } = self;
        write!(
            f,
            "HttpReply({status}, {} headers, {} bytes)",
            headers.len(),
            body.len()
        )
    }
}

#[cfg(test)]
mod tests;
