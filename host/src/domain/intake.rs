//! Settings of a webhook: the methods that it accepts, the header fields that its tasks keep, and how many requests it
//! takes.

use std::fmt;

use super::limits;
use super::rate::{Rate, RateError};

/// The default accepts POST and PUT, and names no header field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intake {
    /// The methods of its requests.
    pub methods: Methods,
    /// Names of header fields that its tasks keep, in addition to those that identify an event; lower case, each once.
    pub headers: Vec<String>,
    /// How many requests it takes; without one as many as come.
    pub rate: Option<Rate>,
    /// How many requests it takes in at once: 1 to [`limits::REQUESTS_AT_ONCE`].
    pub at_once: Option<u32>,
    /// Bodies of refused deliveries are not recorded.
    pub omits_bodies: bool,
}

/// Methods that a webhook can accept, as HTTP names them, in the order in which they are shown. `HEAD` and `OPTIONS` make
/// no task.
pub const METHODS: [&str; 6] = ["POST", "PUT", "PATCH", "GET", "HEAD", "OPTIONS"];
/// Of them, those that make tasks are the first.
const MAKE_TASKS: usize = 4;

/// A set of [`METHODS`] of which one at least makes tasks: a bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Methods(u8);

impl Default for Methods {
    fn default() -> Self {
        Self(0b11)
    }
}

impl Methods {
    /// Whether it has a method.
    pub fn has(self, method: &str) -> bool {
        METHODS
            .iter()
            .position(|known| *known == method)
            .is_some_and(|at| self.0 & (1 << at) != 0)
    }

    /// Those that it has.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        METHODS.into_iter().filter(move |name| self.has(name))
    }

    /// Whether a method that a webhook can accept makes tasks.
    pub fn makes_task(method: &str) -> bool {
        METHODS[..MAKE_TASKS].contains(&method)
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a webhook cannot be set so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// A method that no webhook takes.
    #[error("a webhook cannot accept the method `{0}`; it can accept {known}", known = METHODS.join(", "))]
    UnknownMethod(String),
    /// No method would make tasks.
    #[error("name at least one of POST, PUT, PATCH and GET, which make tasks")]
    NoMethod,
    /// A text that names no header field.
    #[error(
        "`{0}` is not the name of a header: 1 to {most} letters, digits, `-`, `_` or `.`, e.g. `X-Tenant`", most = limits::HEADER_NAME_BYTES
    )]
    NotAHeader(String),
    /// A header field that may hold a secret.
    #[error(
        "the header `{0}` may hold a secret or a signature, and tasks never keep such headers; leave it out"
    )]
    Secret(String),
    /// Too many header fields.
    #[error("{0} headers are too many; at most {most} can be named", most = limits::NAMED_HEADERS)]
    TooManyHeaders(usize),
    /// A rate that cannot be.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// A number of requests at once out of its range.
    #[error("{0} requests at once is out of range: 1 to {most}", most = limits::REQUESTS_AT_ONCE)]
    AtOnce(u32),
}

impl IntakeError {
    /// The member of the API that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::UnknownMethod(_) | Self::NoMethod => "methods",
            Self::NotAHeader(_) | Self::Secret(_) | Self::TooManyHeaders(_) => "headers",
            Self::Rate(_) => "rate",
            Self::AtOnce(_) => "at_once",
        }
    }
}

/// A change of an [`Intake`]: members that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntakeChange {
    /// See [`Intake::methods`].
    pub methods: Option<Methods>,
    /// See [`Intake::headers`].
    pub headers: Option<Vec<String>>,
    /// See [`Intake::rate`].
    pub rate: Option<Option<Rate>>,
    /// See [`Intake::at_once`].
    pub at_once: Option<Option<u32>>,
    /// See [`Intake::omits_bodies`].
    pub omits_bodies: Option<bool>,
}

impl IntakeChange {
    /// What the names come to.
    ///
    /// # Errors
    /// [`IntakeError`] for the first name that is none.
    pub fn of<T: AsRef<str>>(
        methods: Option<&[T]>,
        headers: Option<&[T]>,
    ) -> Result<Self, IntakeError> {
        Ok(Self {
            methods: methods.map(of_names).transpose()?,
            headers: headers.map(header_names).transpose()?,
            ..Self::default()
        })
    }

    /// Sets the members that are not `None`.
    pub fn apply(self, intake: &mut Intake) {
        if let Some(methods) = self.methods {
            intake.methods = methods;
        }
        if let Some(headers) = self.headers {
            intake.headers = headers;
        }
        if let Some(rate) = self.rate {
            intake.rate = rate;
        }
        if let Some(at_once) = self.at_once {
            intake.at_once = at_once;
        }
        if let Some(omits_bodies) = self.omits_bodies {
            intake.omits_bodies = omits_bodies;
        }
    }
}

impl Intake {
    /// What the names come to. Without methods they are the default ones.
    ///
    /// # Errors
    /// [`IntakeError`]
    pub fn of<T: AsRef<str>>(methods: Option<&[T]>, headers: &[T]) -> Result<Self, IntakeError> {
        let mut intake = Self::default();
        IntakeChange::of(methods, Some(headers))?.apply(&mut intake);
        Ok(intake)
    }

    /// An intake from the store. Names of header fields are not checked again: a field that may hold a secret is not kept, even if
    /// it is named.
    ///
    /// # Errors
    /// A method is none.
    pub fn stored<T: AsRef<str>>(methods: &[T], headers: Vec<String>) -> Result<Self, IntakeError> {
        let methods = of_names(methods)?;
        Ok(Self {
            methods,
            headers,
            ..Self::default()
        })
    }

    /// Whether a task keeps a header field; its name is in lower case, as an `http::HeaderName` is.
    pub fn keeps(&self, name: &str) -> bool {
        // The search for secrets costs the most. Fields that are kept of every request need none.
        EVENT_NAMES.contains(&name)
            || (ends_as_event(name) || self.headers.iter().any(|named| named == name))
                && !may_be_secret(name)
    }
}

fn of_names<T: AsRef<str>>(names: &[T]) -> Result<Methods, IntakeError> {
    let mut methods = 0;
    for name in names {
        let upper = name.as_ref().to_ascii_uppercase();
        let at = METHODS.iter().position(|known| *known == upper);
        let at = at.ok_or_else(|| IntakeError::UnknownMethod(short(name.as_ref())))?;
        methods |= 1 << at;
    }
    if methods & ((1 << MAKE_TASKS) - 1) == 0 {
        return Err(IntakeError::NoMethod);
    }
    Ok(Methods(methods))
}

/// A number of requests that are taken in at once.
///
/// # Errors
/// [`IntakeError::AtOnce`].
pub fn at_once(number: u32) -> Result<u32, IntakeError> {
    let range = 1..=limits::REQUESTS_AT_ONCE;
    let fits = range.contains(&number).then_some(number);
    fits.ok_or(IntakeError::AtOnce(number))
}

fn header_names<T: AsRef<str>>(headers: &[T]) -> Result<Vec<String>, IntakeError> {
    if headers.len() > limits::NAMED_HEADERS {
        return Err(IntakeError::TooManyHeaders(headers.len()));
    }
    let mut names = Vec::new();
    for name in headers {
        let name = header(name.as_ref())?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn header(name: &str) -> Result<String, IntakeError> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let fits = (1..=limits::HEADER_NAME_BYTES).contains(&name.len());
    if !fits || !name.bytes().all(is_token) {
        return Err(IntakeError::NotAHeader(short(name)));
    }
    let name = name.to_ascii_lowercase();
    if may_be_secret(&name) {
        return Err(IntakeError::Secret(name));
    }
    Ok(name)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Header fields that identify an event or its sender. None of them is a secret.
const EVENT_NAMES: [&str; 9] = [
    "user-agent",
    "content-type",
    "idempotency-key",
    "webhook-id",
    "webhook-timestamp",
    "svix-id",
    "svix-timestamp",
    "x-request-id",
    "traceparent",
];

/// Whether providers send an event's id, its type or its delivery in a header field of this name.
fn ends_as_event(name: &str) -> bool {
    // What follows the provider's prefix.
    const ENDS: [&str; 24] = [
        "-event",
        "-event-id",
        "-event-key",
        "-event-name",
        "-event-type",
        "-event-uuid",
        "-topic",
        "-topic-arn",
        "-delivery",
        "-delivery-id",
        "-delivery-count",
        "-webhook-id",
        "-webhook-uuid",
        "-webhook-identifier",
        "-webhook-resource",
        "-hook-id",
        "-hook-uuid",
        "-hook-resource",
        "-message-id",
        "-message-type",
        "-subscription-type",
        "-invocation-id",
        "-retry-num",
        "-retry-reason",
    ];
    ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a header field of this name, in lower case, may authorise its sender.
pub fn may_be_secret(name: &str) -> bool {
    const PARTS: [&str; 14] = [
        "authorization",
        "cookie",
        "signature",
        "secret",
        "token",
        "password",
        "passwd",
        "hmac",
        "credential",
        "session",
        "api-key",
        "apikey",
        "jwt",
        "client-cert",
    ];
    let is_key = name.ends_with("-key") && !matches!(name, "idempotency-key" | "x-event-key");
    is_key
        || name.ends_with("-sig")
        || name.ends_with("-auth")
        || PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests;
