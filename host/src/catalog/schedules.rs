//! Schedules in the catalog: their plans, and the agenda of what fires next in the whole server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Catalog, CatalogError, Put, room};
use crate::domain::clock::Millis;
use crate::domain::ids::{ScheduleName, WorkspaceName};
use crate::domain::limits;
use crate::domain::schedule::{Plan, Schedule, ScheduleSettings};
use crate::store::{Manage, StoreError};

/// A schedule with its plan.
#[derive(Debug)]
pub struct LiveSchedule {
    /// What it was declared by.
    pub schedule: Schedule,
    /// When it fires.
    pub plan: Plan,
    settled: AtomicU64,
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
        // A change settles what was planned before it.
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

    fn is_declared_by(&self, settings: &ScheduleSettings) -> bool {
        let schedule = &self.schedule;
        schedule.cron == settings.cron
            && schedule.timezone == settings.timezone
            && schedule.missed == settings.missed
            && schedule.data == text(settings)
    }
}

/// What fires when. One for the whole server.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: Mutex<BTreeSet<(Millis, WorkspaceName, ScheduleName)>>,
    changed: Arc<Notify>,
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

fn entry(live: &LiveSchedule) -> Option<(Millis, WorkspaceName, ScheduleName)> {
    let schedule = &live.schedule;
    Some((
        live.next()?,
        schedule.workspace.clone(),
        schedule.name.clone(),
    ))
}

fn text(settings: &ScheduleSettings) -> String {
    serde_json::Value::Object(settings.data.clone()).to_string()
}

impl Catalog {
    /// A workspace's schedules, by name.
    pub fn schedules(
        &self,
        workspace: &WorkspaceName,
    ) -> Result<Vec<Arc<LiveSchedule>>, CatalogError> {
        let workspace = self.workspace(workspace)?;
        let workspace = workspace.read();
        Ok(workspace.schedules.values().cloned().collect())
    }

    /// The schedule of that name.
    pub fn schedule(
        &self,
        workspace: &WorkspaceName,
        name: &ScheduleName,
    ) -> Result<Arc<LiveSchedule>, CatalogError> {
        let found = self
            .workspace(workspace)?
            .read()
            .schedules
            .get(name)
            .cloned();
        found.ok_or_else(|| CatalogError::not_found("schedule", name.as_str(), workspace))
    }

    /// What [`Catalog::put_schedule`] would come to.
    pub fn would_put_schedule(
        &self,
        workspace: &WorkspaceName,
        name: &ScheduleName,
        settings: &ScheduleSettings,
    ) -> Result<Put, CatalogError> {
        settings.check()?;
        let workspace = self.workspace(workspace)?;
        let workspace = workspace.read();
        Ok(match workspace.schedules.get(name) {
            None => {
                room("schedules", workspace.schedules.len(), limits::SCHEDULES)?;
                Put::Added
            }
            Some(live) if live.is_declared_by(settings) => Put::Same,
            Some(_) => Put::Changed,
        })
    }

    /// Adds a schedule, or puts it in the place of the one of that name. It fires at planned times
    /// from now on; one that was the same already goes on as it was.
    pub async fn put_schedule(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: ScheduleName,
        settings: ScheduleSettings,
    ) -> Result<(Put, Arc<LiveSchedule>), CatalogError> {
        let (catalog, owner) = (self.clone(), workspace.clone());
        self.change(async move {
            let _alone = catalog.settling.lock().await;
            let put = catalog.would_put_schedule(&owner, &name, &settings)?;
            let workspace = catalog.workspace(&owner)?;
            let before = workspace.read().schedules.get(&name).cloned();
            if let (Put::Same, Some(before)) = (put, &before) {
                return Ok((put, before.clone()));
            }
            let now = catalog.clock.now();
            let created = before.as_ref().map_or(now, |live| live.schedule.created);
            let schedule = Schedule {
                workspace: owner,
                name: name.clone(),
                data: text(&settings),
                cron: settings.cron,
                timezone: settings.timezone,
                missed: settings.missed,
                created,
                updated: now,
            };
            let live = LiveSchedule::open(schedule.clone(), None)?;
            catalog.store.manage(Manage::PutSchedule(schedule)).await?;
            workspace.write().schedules.insert(name, live.clone());
            if let Some(before) = before {
                catalog.agenda.remove(&before);
            }
            catalog.agenda.add(&live);
            Ok((put, live))
        })
        .await
    }

    /// Deletes a schedule. Its tasks stay.
    pub async fn delete_schedule(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: &ScheduleName,
    ) -> Result<(), CatalogError> {
        let (catalog, owner, name) = (self.clone(), workspace.clone(), name.clone());
        self.change(async move {
            let _alone = catalog.settling.lock().await;
            let live = catalog.schedule(&owner, &name)?;
            let workspace = catalog.workspace(&owner)?;
            let change = Manage::DeleteSchedule(owner, name.clone());
            catalog.store.manage(change).await?;
            workspace.write().schedules.remove(&name);
            catalog.agenda.remove(&live);
            Ok(())
        })
        .await
    }

    /// Notified when something may fire earlier than [`Catalog::next_fire`] said.
    pub fn agenda_changed(&self) -> Arc<Notify> {
        self.agenda.changed.clone()
    }

    /// When a schedule of any workspace fires next.
    pub fn next_fire(&self) -> Option<Millis> {
        self.agenda.entries.lock().first().map(|(at, ..)| *at)
    }

    /// Schedules that are due at `now`, the earliest first, at most `limit`.
    pub fn due_schedules(&self, now: Millis, limit: usize) -> Vec<Arc<LiveSchedule>> {
        let due: Vec<_> = {
            let entries = self.agenda.entries.lock();
            let due = entries.iter().take_while(|(at, ..)| *at <= now);
            due.take(limit).cloned().collect()
        };
        // One that was deleted meanwhile is not there any more.
        due.iter()
            .filter_map(|(_, workspace, name)| self.schedule(workspace, name).ok())
            .collect()
    }

    /// Settles planned times, durably, after their tasks were made. A schedule that was changed or
    /// deleted meanwhile stays as it is.
    pub async fn settle_schedules(
        &self,
        settled: Vec<(Arc<LiveSchedule>, Millis)>,
    ) -> Result<(), StoreError> {
        let _alone = self.settling.lock().await;
        let is_current = |live: &Arc<LiveSchedule>| {
            let schedule = &live.schedule;
            self.schedule(&schedule.workspace, &schedule.name)
                .is_ok_and(|current| Arc::ptr_eq(&current, live))
        };
        let current: Vec<_> = settled
            .into_iter()
            .filter(|(live, _)| is_current(live))
            .collect();
        if current.is_empty() {
            return Ok(());
        }
        let marks = current.iter().map(|(live, at)| {
            let schedule = &live.schedule;
            (schedule.workspace.clone(), schedule.name.clone(), *at)
        });
        self.store
            .manage(Manage::MarkSchedules(marks.collect()))
            .await?;
        for (live, at) in current {
            self.agenda.remove(&live);
            live.settled.store(at, Ordering::Relaxed);
            self.agenda.add(&live);
        }
        Ok(())
    }
}
