//! Identifiers: what they look like, how they sort, how a wrong one is refused.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a UUID.
    #[error(
        "`{0}` is not a task id: a task id is a UUID such as 0190c0de-0000-7000-8000-000000000000"
    )]
    Task(String),
    /// Not a name that a workspace, step or config key may have.
    #[error("`{text}` is not a {what} name: 1 to {max} characters of {allowed}")]
    Name {
        /// What the name was for.
        what: &'static str,
        /// The refused text.
        text: String,
        /// The longest allowed name, in characters.
        max: usize,
        /// The allowed characters, in words.
        allowed: &'static str,
    },
    /// A new name that looks like another one, or like none.
    #[error("`{text}` cannot be a {what} name: it is white space, or begins or ends with it")]
    Spaces {
        /// What the name was for.
        what: &'static str,
        /// The refused text.
        text: String,
    },
    /// Not what a workspace may be called.
    #[error(
        "`{text}` is not a workspace name: 1 to 40 characters of a-z, 0-9 and -, or a title such as `Sales Automation`, which is sales-automation"
    )]
    Title {
        /// The refused text.
        text: String,
    },
}

/// A task's id: a UUID of version 7 (RFC 9562), so ids sort by the time of acceptance. Ids made by
/// one process are strictly increasing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId(Uuid);

impl TaskId {
    /// A new id, greater than every id this process made before.
    ///
    /// Its last byte, the partition, is that of the millisecond in it: so tasks that are written together are of few partitions,
    /// and in the long run all have as much.
    pub fn new() -> Self {
        let mut bytes = Uuid::now_v7().into_bytes();
        bytes[15] = bytes[5];
        Self(Uuid::from_bytes(bytes))
    }

    /// The id of a task that belongs to the time `at`: the same for the same `at` and `rest`, of
    /// which 74 bits are used.
    pub fn derived(at: u64, rest: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at, &rest).into_uuid())
    }

    /// The least id there is; with [`TaskId::MAX`] it bounds a range.
    pub const MIN: Self = Self(Uuid::nil());
    /// The greatest id there is.
    pub const MAX: Self = Self(Uuid::max());

    /// The least id that is made at `at` (milliseconds since 1970) or later.
    pub fn from_time(at: u64) -> Self {
        // A UUID of version 7 begins with 48 bits of milliseconds.
        let bits = u128::from(at.min((1 << 48) - 1)) << 80;
        Self(Uuid::from_u128(bits))
    }

    /// The id before this one in their order; the least one has none and stays itself.
    pub fn before(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128().saturating_sub(1)))
    }

    /// The time in it, in milliseconds since 1970: about when it was made.
    pub fn time(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The 16 bytes, big-endian: they sort as the ids do.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id whose bytes these are.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl Default for TaskId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|_| IdError::Task(text.to_owned()))
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let ok: fn(char) -> bool = $ok;
                let length = text.chars().count();
                if (1..=$max).contains(&length) && text.chars().all(ok) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError::Name {
                        what: $what,
                        text: text.chars().take(80).collect(),
                        max: $max,
                        allowed: $allowed,
                    })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name_type!(
    /// A workspace's name: the tenant. It is part of every stored key, so it never changes.
    WorkspaceName, "workspace", 40, "a-z, 0-9 and -",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
);

impl WorkspaceName {
    /// The workspace that people call `title`: `Sales Automation` is `sales-automation`. Case does
    /// not count, nor does white space around it; white space, `_` and `.` within it are `-`. So
    /// titles that come out equal are one workspace, in whichever way they are written.
    ///
    /// # Errors
    /// [`IdError::Name`] if there are other characters, or none, or too many.
    pub fn titled(title: &str) -> Result<Self, IdError> {
        let dashed = |c: char| match c.is_whitespace() || matches!(c, '_' | '.') {
            true => '-',
            false => c,
        };
        let name: String = title.trim().chars().map(dashed).collect();
        name.to_ascii_lowercase()
            .parse()
            .map_err(|_| IdError::Title {
                text: title.chars().take(80).collect(),
            })
    }
}

name_type!(
    /// A step's name, unique in its workspace.
    StepName, "step", 80, "letters, digits, -, _, . and /",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')
);

name_type!(
    /// A config key, unique in its workspace, e.g. `EXTERNAL_CRM_TOKEN`.
    ConfigKey, "config", 120, "letters, digits, -, _ and .",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);

name_type!(
    /// A connector's name as steps write it, unique in its workspace, e.g. `slackCom`.
    ConnectorName, "connector", 80, "letters, digits, $ and _",
    |c| c.is_ascii_alphanumeric() || matches!(c, '$' | '_')
);

name_type!(
    /// A schedule's name as people read it, unique in its workspace, e.g. `Morning report`.
    ScheduleName, "schedule", 100, "any characters but control characters",
    |c| !c.is_control()
);

name_type!(
    /// A webhook's name as people read it, unique in its workspace, e.g. `Contact Form`.
    WebhookName, "webhook", 100, "any characters but control characters",
    |c| !c.is_control()
);

name_type!(
    /// A token's name, unique in its workspace or among those of the server, e.g. `ci`.
    TokenName, "token", 80, "letters, digits, -, _ and .",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);

/// Refuses a new name that is white space or has it at its ends: a reader could not tell it from another name. A
/// name that was stored before this rule stays valid.
///
/// # Errors
/// [`IdError::Spaces`].
pub fn check_new(what: &'static str, name: &str) -> Result<(), IdError> {
    if name.trim() == name && !name.is_empty() {
        return Ok(());
    }
    let text = name.chars().take(80).collect();
    Err(IdError::Spaces { what, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_has_no_white_space_at_its_ends() {
        for fine in ["Contact Form", "é", "a\u{a0}b"] {
            assert_eq!(check_new("webhook", fine), Ok(()));
        }
        for wrong in [" ", "", " Form", "Form ", "\u{a0}", "Form\u{2003}"] {
            let error = check_new("webhook", wrong).unwrap_err().to_string();
            assert!(error.contains("cannot be a webhook name"), "{error}");
        }
    }

    #[test]
    fn task_ids_grow_and_sort_as_their_bytes() {
        let ids: Vec<TaskId> = (0..10_000).map(|_| TaskId::new()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            ids.windows(2)
                .all(|pair| pair[0].as_bytes() < pair[1].as_bytes())
        );
        assert_eq!(ids[0].to_string().parse(), Ok(ids[0]));
        let begun = u64::from_be_bytes(
            [&[0, 0][..], &ids[0].as_bytes()[..6]]
                .concat()
                .try_into()
                .unwrap(),
        );
        assert!(TaskId::from_time(begun) <= ids[0] && ids[0] < TaskId::from_time(begun + 1));
        assert!(TaskId::from_time(u64::MAX) <= TaskId::MAX);
    }

    #[test]
    fn a_title_is_its_workspace() {
        for (title, name) in [
            ("Sales Automation", "sales-automation"),
            ("sales-automation", "sales-automation"),
            ("SALES_Automation", "sales-automation"),
            ("Sales.Automation", "sales-automation"),
            ("  Sales\tAutomation\n", "sales-automation"),
            ("Team 7", "team-7"),
            ("v1.2", "v1-2"),
        ] {
            assert_eq!(WorkspaceName::titled(title).unwrap().as_str(), name);
        }
        for title in [
            "",
            " ",
            "Größe",
            "a/b",
            "sales & co",
            "\u{212a}",
            &"x".repeat(41),
        ] {
            let error = WorkspaceName::titled(title).unwrap_err().to_string();
            assert!(error.contains("is not a workspace name"), "{error}");
        }
    }

    #[test]
    fn a_wrong_name_says_what_would_be_right() {
        let error = "My Workspace"
            .parse::<WorkspaceName>()
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`My Workspace` is not a workspace name: 1 to 40 characters of a-z, 0-9 and -"
        );
        assert!("".parse::<StepName>().is_err());
        assert!("Contact Form".parse::<WebhookName>().is_ok());
        assert!("a\nb".parse::<WebhookName>().is_err());
        let error = "17".parse::<TaskId>().unwrap_err().to_string();
        assert!(error.starts_with("`17` is not a task id"), "{error}");
    }
}
