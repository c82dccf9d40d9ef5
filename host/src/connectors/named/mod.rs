//! Named connectors: services that a step calls by a name and an operation, `slackCom.send`, while the
//! host keeps the address and the credentials.
//!
//! A kind turns an operation into an HTTP request and the answer into a result; it sends nothing
//! itself. So every kind is under the egress policy, in the journal and replayed without knowing of
//! any of it. A new kind is a file here and a line in each `match` below.

mod declaration;
mod slack;

use serde_json::Value;

use crate::domain::connector::ConnectorSettings;
use crate::domain::effect::{FetchError, FetchRequest, FetchResult, OperationError};
pub use declaration::DeclarationError;
use slack::Slack;

/// Every kind there is.
pub const KINDS: [&str; 1] = [slack::KIND];

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
            other => Err(DeclarationError::NoSuchKind {
                kind: other.chars().take(80).collect(),
                known: &KINDS,
            }),
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
            return Err(OperationError::NotFound(format!(
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

    /// The result in the service's answer, as JSON text.
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
