//! Schedules in the catalog.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use super::live::{LiveSchedule, Put, declared_data};
use super::{Catalog, CatalogError, room};
use crate::domain::clock::Millis;
use crate::domain::ids::{ScheduleName, WorkspaceName};
use crate::domain::limits;
use crate::domain::partition::Partition;
use crate::domain::schedule::{Schedule, ScheduleSettings};
use crate::store::{Manage, StoreError};

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

    /// A dry run of [`Catalog::put_schedule`].
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
        self.change(move || {
            let (catalog, owner, name, settings) = (
                catalog.clone(),
                owner.clone(),
                name.clone(),
                settings.clone(),
            );
            async move {
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
                    data: declared_data(&settings),
                    cron: settings.cron,
                    timezone: settings.timezone,
                    missed: settings.missed,
                    created,
                    updated: now,
                };
                let live = LiveSchedule::open(schedule.clone(), None)?;
                catalog.manage(Manage::PutSchedule(schedule)).await?;
                workspace.write().schedules.insert(name, live.clone());
                if let Some(before) = before {
                    catalog.agenda.remove(&before);
                }
                catalog.agenda.add(&live);
                Ok((put, live))
            }
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
        self.change(move || {
            let (catalog, owner, name) = (catalog.clone(), owner.clone(), name.clone());
            async move {
                let live = catalog.schedule(&owner, &name)?;
                let workspace = catalog.workspace(&owner)?;
                let change = Manage::DeleteSchedule(owner, name.clone());
                catalog.manage(change).await?;
                workspace.write().schedules.remove(&name);
                catalog.agenda.remove(&live);
                Ok(())
            }
        })
        .await
    }

    /// Notified when something may fire earlier than [`Catalog::next_fire`] said.
    pub fn agenda_changed(&self) -> Arc<Notify> {
        self.agenda.changed.clone()
    }

    /// When the next of those schedules fires, of any workspace, that are `wanted`.
    pub fn next_fire(&self, wanted: impl Fn(Partition) -> bool) -> Option<Millis> {
        let entries = self.agenda.entries.lock();
        let mut next = entries.iter().filter(|(.., partition)| wanted(*partition));
        next.next().map(|(at, ..)| *at)
    }

    /// Schedules in `wanted` partitions that are due at `now`, the earliest first, at most `limit`.
    pub fn due_schedules(
        &self,
        now: Millis,
        limit: usize,
        wanted: impl Fn(Partition) -> bool,
    ) -> Vec<Arc<LiveSchedule>> {
        let due: Vec<_> = {
            let entries = self.agenda.entries.lock();
            let due = entries.iter().take_while(|(at, ..)| *at <= now);
            let due = due.filter(|(.., partition)| wanted(*partition));
            due.take(limit).cloned().collect()
        };
        // One that was deleted meanwhile is not there any more.
        due.iter()
            .filter_map(|(_, workspace, name, _)| self.schedule(workspace, name).ok())
            .collect()
    }

    /// Settles planned times, durably, after their tasks were made. A schedule that was changed or
    /// deleted meanwhile stays as it is.
    pub async fn settle_schedules(
        &self,
        settled: Vec<(Arc<LiveSchedule>, Millis)>,
    ) -> Result<(), CatalogError> {
        let _alone = self.changing.lock().await;
        let is_current = |live: &Arc<LiveSchedule>| {
            let schedule = &live.schedule;
            self.schedule(&schedule.workspace, &schedule.name)
                .is_ok_and(|current| Arc::ptr_eq(&current, live))
        };
        let current = loop {
            let current = settled.iter().filter(|(live, _)| is_current(live));
            let current: Vec<_> = current.cloned().collect();
            if current.is_empty() {
                return Ok(());
            }
            let marks = current.iter().map(|(live, at)| {
                let schedule = &live.schedule;
                (schedule.workspace.clone(), schedule.name.clone(), *at)
            });
            match self.manage(Manage::MarkSchedules(marks.collect())).await {
                Ok(()) => break current,
                Err(StoreError::Revised { .. }) => self.read_changes().await?,
                Err(error) => return Err(error.into()),
            }
        };
        for (live, at) in current {
            self.agenda.remove(&live);
            live.settled.store(at, Ordering::Relaxed);
            self.agenda.add(&live);
        }
        Ok(())
    }
}
