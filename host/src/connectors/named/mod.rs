//! Named connectors: services that a step calls by a name and an operation, `slackCom.send`, while the
//! host keeps the address and the credentials.
//!
//! A kind turns an operation into an HTTP request and the answer into a result; it sends nothing
//! itself. So every kind is under the egress policy, in the journal and replayed without knowing of
//! any of it. A new kind is a file here and a line in each `match` below.

mod slack;

use serde_json::{Map, Value};

use crate::domain::connector::ConnectorSettings;
use crate::domain::effect::{FetchError, FetchRequest, FetchResult, OperationError};
use slack::Slack;

/// Every kind there is.
pub const KINDS: [&str; 1] = [slack::KIND];

/// Why a connector cannot be declared so. Each message says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// No such kind.
    #[error("there is no connector of the kind `{0}`; there are: {kinds}", kinds = KINDS.join(", "))]
    NoSuchKind(String),
    /// A member of the config is missing, wrong or unknown.
    #[error("`config.{member}` of a `{kind}` connector {reason}")]
    Config {
        /// The kind.
        kind: &'static str,
        /// The member.
        member: String,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
}

/// A connector that is ready to be called.
#[derive(Debug)]
pub enum Connector {
    /// Slack's Web API.
    Slack(Slack),
}

impl Connector {
    /// Checks a declaration.
    pub fn new(settings: &ConnectorSettings) -> Result<Self, DeclarationError> {
        match settings.kind.as_str() {
            slack::KIND => Slack::new(&settings.config).map(Self::Slack),
            other => Err(DeclarationError::NoSuchKind(
                other.chars().take(80).collect(),
            )),
        }
    }

    /// Its kind, e.g. `slack.com`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slack(_) => slack::KIND,
        }
    }

    /// The operations it has.
    pub fn operations(&self) -> &'static [&'static str] {
        match self {
            Self::Slack(_) => &slack::OPERATIONS,
        }
    }

    /// The request that an operation is. `argument` is JSON text of the guest's.
    pub fn request(
        &self,
        name: &str,
        operation: &str,
        argument: &str,
    ) -> Result<FetchRequest, OperationError> {
        if !self.operations().contains(&operation) {
            return Err(OperationError::Unknown(format!(
                "connector `{name}` ({}) has no operation `{}`; it has: {}",
                self.kind(),
                operation.chars().take(80).collect::<String>(),
                self.operations().join(", ")
            )));
        }
        let place = format!("{name}.{operation}");
        let argument = match serde_json::from_str(argument) {
            Ok(Value::Object(argument)) => argument,
            Ok(_) => {
                return Err(OperationError::Invalid(format!(
                    "{place} takes an object as its argument"
                )));
            }
            Err(error) => {
                return Err(OperationError::Invalid(format!(
                    "the argument of {place} is not JSON: {error}"
                )));
            }
        };
        match self {
            Self::Slack(slack) => slack.send(&place, &argument),
        }
    }

    /// What the service's answer means: a result as JSON text.
    pub fn result(
        &self,
        name: &str,
        operation: &str,
        answer: FetchResult,
    ) -> Result<String, OperationError> {
        let place = format!("{name}.{operation}");
        let answer = answer.map_err(|error| match error {
            // The address is the operator's of the connector, not the step's.
            FetchError::Invalid(text) => OperationError::Invalid(format!("{place}: {text}")),
            other => OperationError::Failed(format!("{place}: {other}")),
        })?;
        match self {
            Self::Slack(_) => slack::sent(&place, &answer),
        }
    }
}

/// A text member of a declaration.
fn text<'c>(
    kind: &'static str,
    config: &'c Map<String, Value>,
    member: &str,
) -> Result<Option<&'c str>, DeclarationError> {
    match config.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(DeclarationError::Config {
            kind,
            member: member.to_owned(),
            reason: "must be a text that is not empty",
        }),
    }
}

/// Refuses members that a kind does not have: a misspelt one would be left out in silence.
fn only(
    kind: &'static str,
    config: &Map<String, Value>,
    known: &[&str],
) -> Result<(), DeclarationError> {
    match config.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(DeclarationError::Config {
            kind,
            member: key.chars().take(80).collect(),
            reason: "is not known; see docs/connectors.md for what there is",
        }),
    }
}
