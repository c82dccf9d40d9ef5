//! Workspaces: tenants.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::rate::Rate;
use crate::word::named;

/// The workspaces that the token may see.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Workspaces {
    /// By name; `default` is always there.
    pub workspaces: Vec<Workspace>,
}

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Workspace {
    /// 1 to 40 characters of a–z, 0–9 and `-`.
    pub name: String,
    /// The URL to which notices of tasks that fail for good are sent. It may hold a secret.
    #[schema(required)]
    pub failure_url: Option<String>,
    /// How long finished tasks are kept. Servers before 0.1.0 do not tell.
    #[serde(default)]
    #[schema(required, nullable = false)]
    pub retention: Option<Retention>,
    /// How many requests its webhooks take together; `null` for as many as come.
    #[serde(default)]
    #[schema(required)]
    pub rate: Option<Rate>,
}

/// For how long finished tasks are kept after they were last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Those that are done.
    pub done: Period,
    /// Those that came to another end: error, unmatched, ignored, cancelled.
    pub others: Period,
}

/// Of a retention what is to be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionChange {
    /// See [`Retention::done`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Period>,
    /// See [`Retention::others`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Period>,
}

impl RetentionChange {
    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        self.done.is_none() && self.others.is_none()
    }
}

// `N` is the name's type: the server reads one that checks it.
/// A workspace to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWorkspace)]
pub struct NewWorkspace<N = String> {
    /// Its name, or a title: `Sales Automation` is `sales-automation`.
    #[schema(value_type = String)]
    pub name: N,
    /// See [`Workspace::failure_url`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_url: Option<String>,
    /// What differs from 30 days for tasks that are done and 90 for others.
    #[serde(default, skip_serializing_if = "RetentionChange::is_empty")]
    pub retention: RetentionChange,
    /// See [`Workspace::rate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A change of a workspace; members that are not given stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceChange {
    /// See [`Workspace::failure_url`]; `null` is no URL.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub failure_url: Option<Option<String>>,
    /// How long finished tasks are kept.
    #[serde(default, skip_serializing_if = "RetentionChange::is_empty")]
    pub retention: RetentionChange,
    /// See [`Workspace::rate`]; `null` for none.
    #[serde(
        default,
        deserialize_with = "named",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Rate>)]
    pub rate: Option<Option<Rate>>,
}

impl WorkspaceChange {
    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        self.failure_url.is_none() && self.retention.is_empty() && self.rate.is_none()
    }
}

/// For how long something is kept: a number of days, 1 to 36,500, or `"forever"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// So many days.
    Days(u32),
    /// Without an end.
    Forever,
}

impl Period {
    /// The most days, short of for ever: a hundred years.
    pub const MOST_DAYS: u32 = 36_500;
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.pad("1 day"),
            Self::Days(days) => f.pad(&format!("{days} days")),
            Self::Forever => f.pad("forever"),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Days(days) => serializer.serialize_u32(*days),
            Self::Forever => serializer.serialize_str("forever"),
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number of days, or `forever`")]
        enum Given {
            Days(u64),
            Word(String),
        }
        let refused = |given: &dyn fmt::Display| {
            let most = Self::MOST_DAYS;
            serde::de::Error::custom(format!(
                "`{given}` is not a time to keep tasks for: give 1 to {most} days, or `forever`"
            ))
        };
        let days = match Given::deserialize(deserializer)? {
            Given::Word(word) if word == "forever" => return Ok(Self::Forever),
            Given::Word(word) => match word.parse() {
                Ok(days) => days,
                Err(_) => return Err(refused(&word.chars().take(40).collect::<String>())),
            },
            Given::Days(days) => days,
        };
        match u32::try_from(days) {
            Ok(days @ 1..=Self::MOST_DAYS) => Ok(Self::Days(days)),
            _ => Err(refused(&days)),
        }
    }
}

impl PartialSchema for Period {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .description(Some("A number of days, or `forever`."))
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(1))
                    .maximum(Some(Self::MOST_DAYS)),
            )
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(["forever"])),
            )
            .into()
    }
}

impl ToSchema for Period {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_and_nothing_said_of_the_url_are_two_things() {
        let read = |text: &str| serde_json::from_str::<WorkspaceChange>(text).unwrap();
        let write = |change: &WorkspaceChange| serde_json::to_string(change).unwrap();
        for (text, url) in [
            (r#"{}"#, None),
            (r#"{"failure_url":null}"#, Some(None)),
            (
                r#"{"failure_url":"https://h/"}"#,
                Some(Some("https://h/".to_owned())),
            ),
        ] {
            assert_eq!(read(text).failure_url, url);
            assert_eq!(write(&read(text)), text);
        }
        let days = r#"{"retention":{"done":7,"others":"forever"}}"#;
        assert_eq!(write(&read(days)), days);
        assert!(serde_json::from_str::<WorkspaceChange>(r#"{"url":1}"#).is_err());
    }

    #[test]
    fn a_period_is_a_number_of_days_or_forever() {
        for text in ["1", "36500", "\"forever\""] {
            let period: Period = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&period).unwrap(), text);
        }
        for wrong in ["0", "36501", "-1", "1.5", "\"x\"", "null", "\"30d\""] {
            let error = serde_json::from_str::<Period>(wrong).unwrap_err();
            assert!(error.to_string().contains("days, or `forever`"), "{error}");
        }
    }
}
