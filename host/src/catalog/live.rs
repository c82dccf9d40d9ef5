//! Connectors and schedules, ready to be used, and the agenda of what fires next in the whole server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::error::CatalogError;
use crate::connectors::named::Connector;
use crate::domain::clock::Millis;
use crate::domain::connector::ConnectorSettings;
use crate::domain::ids::{ConfigKey, ConnectorName, ScheduleName, WorkspaceName};
use crate::domain::partition::Partition;
use crate::domain::schedule::{Plan, Schedule, ScheduleSettings};
use crate::vault::Vault;

/// A connector with its settings.
#[derive(Debug)]
pub struct LiveConnector {
    /// As declared; they hold credentials.
    pub(super) settings: ConnectorSettings,
    /// Ready to be called.
    pub connector: Connector,
}

/// The result of setting a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// There is none of that name.
    Added,
    /// It is another one than before.
    Changed,
    /// It is the same already; nothing is written.
    Same,
}

/// Opens a connector as the store has it.
pub(super) fn open_connector(
    vault: &Vault,
    workspace: &WorkspaceName,
    name: &ConnectorName,
    sealed: &[u8],
) -> Result<Arc<LiveConnector>, CatalogError> {
    let damaged = |error: &dyn std::fmt::Display| {
        CatalogError::Damaged(format!(
            "connector `{name}` of workspace `{workspace}`: {error}"
        ))
    };
    let text = vault.unseal(workspace, &config_key(name)?, sealed)?;
    let settings: ConnectorSettings =
        serde_json::from_str(&text).map_err(|error| damaged(&error))?;
    Ok(Arc::new(LiveConnector {
        connector: Connector::new(&settings).map_err(|error| damaged(&error))?,
        settings,
    }))
}

/// The config key under which the vault seals a connector's settings.
pub(super) fn config_key(name: &ConnectorName) -> Result<ConfigKey, CatalogError> {
    format!("connector.{}", name.as_str().replace('$', "-"))
        .parse()
        .map_err(|error| CatalogError::Damaged(format!("{error}")))
}

/// A schedule with its plan.
#[derive(Debug)]
pub struct LiveSchedule {
    /// As declared.
    pub schedule: Schedule,
    /// When it fires.
    pub plan: Plan,
    pub(super) settled: AtomicU64,
}

impl LiveSchedule {
    pub(super) fn open(
        schedule: Schedule,
        mark: Option<Millis>,
    ) -> Result<Arc<Self>, CatalogError> {
        let plan = Plan::new(&schedule.cron, &schedule.timezone).map_err(|error| {
            CatalogError::Damaged(format!(
                "schedule `{}` of workspace `{}`: {error}",
                schedule.name, schedule.workspace
            ))
        })?;
        // A change settles the times that were planned before it.
        let settled = AtomicU64::new(schedule.updated.max(mark.unwrap_or(0)));
        Ok(Arc::new(Self {
            schedule,
            plan,
            settled,
        }))
    }

    /// The last planned time that is settled; nothing up to it fires any more.
    pub fn settled(&self) -> Millis {
        self.settled.load(Ordering::Relaxed)
    }

    /// When it fires next; none beyond the calendar's end.
    pub fn next(&self) -> Option<Millis> {
        self.plan.next_after(self.settled())
    }

    /// Whether it is the same schedule, settled up to the same time.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.schedule == other.schedule && self.settled() == other.settled()
    }

    pub(super) fn is_declared_by(&self, settings: &ScheduleSettings) -> bool {
        let schedule = &self.schedule;
        schedule.cron == settings.cron
            && schedule.timezone == settings.timezone
            && schedule.missed == settings.missed
            && schedule.data == declared_data(settings)
    }
}

/// When a schedule fires, and the partition of its tasks.
pub(super) type Fire = (Millis, WorkspaceName, ScheduleName, Partition);

/// The planned times of all schedules. One for the whole server.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    pub(super) entries: Mutex<BTreeSet<Fire>>,
    pub(super) changed: Arc<Notify>,
}

impl Agenda {
    pub(super) fn add(&self, live: &LiveSchedule) {
        if let Some(entry) = entry(live) {
            self.entries.lock().insert(entry);
            self.changed.notify_one();
        }
    }

    pub(super) fn remove(&self, live: &LiveSchedule) {
        if let Some(entry) = entry(live) {
            self.entries.lock().remove(&entry);
        }
    }
}

fn entry(live: &LiveSchedule) -> Option<Fire> {
    let schedule = &live.schedule;
    Some((
        live.next()?,
        schedule.workspace.clone(),
        schedule.name.clone(),
        schedule.partition(),
    ))
}

pub(super) fn declared_data(settings: &ScheduleSettings) -> String {
    serde_json::Value::Object(settings.data.clone()).to_string()
}
