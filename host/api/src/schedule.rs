//! Schedules: cron lines that make tasks; and what a `PUT` came to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::word::words;

/// A workspace's schedules.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Schedules {
    /// By name.
    pub schedules: Vec<Schedule>,
}

/// A schedule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Its name; steps match it as `$via.name`.
    pub name: String,
    /// Five fields (minute, hour, day of month, month, day of week), six with seconds before them, or a
    /// word such as `@daily`.
    pub cron: String,
    /// The IANA name of the time zone that the line is read in.
    pub timezone: String,
    /// What happens to missed fires.
    pub missed: Missed,
    /// The data of its tasks.
    #[serde(default)]
    #[schema(value_type = Object, required)]
    pub data: Value,
    /// When it fires next.
    #[schema(required, format = DateTime)]
    pub next: Option<String>,
    /// When it was added.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated: String,
    /// What a `PUT` came to; only in its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub change: Option<PutChange>,
}

/// The declaration of a schedule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// See [`Schedule::cron`].
    pub cron: String,
    /// The IANA name of the time zone that the line is read in.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What happens to missed fires.
    #[serde(default)]
    pub missed: Missed,
    /// The data of its tasks.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What happens to the planned times at which the server did not run: nothing, one task for all of
/// them, or a task for each, but for no more than the newest 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// No task: missed times are dropped.
    #[default]
    Skip,
    /// One task for all of them, that of the newest.
    Once,
    /// A task for each.
    All,
}

impl Missed {
    /// `skip`, `once` or `all`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

/// How a connector or a schedule is put.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// Only says what the change would come to.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a `PUT` of a connector came to, or would come to; with `dry_run` that of a schedule, too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Put {
    /// Its name.
    #[serde(default)]
    #[schema(required)]
    pub name: String,
    /// A connector's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<String>,
    /// What it came to.
    pub change: PutChange,
}

words! {
    /// What a `PUT` came to.
    PutChange {
        /// There was none of this name.
        Added = "added",
        /// It was another.
        Changed = "changed",
        /// It was the same.
        Same = "same",
    }
}
