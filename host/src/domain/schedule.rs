//! A schedule: a cron line in a time zone, and what happens to the fires that were missed. Pure:
//! when it fires is a function of the line, the zone and the last planned time that is settled.
//!
//! Times are only ever counted on from the last settled one, never from the machine's clock: a
//! clock that jumps backwards plans nothing twice.

mod line;
mod zone;

use std::collections::VecDeque;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::clock::Millis;
use super::data;
use super::ids::{ScheduleName, TaskId, WorkspaceName};
use super::limits;
use super::partition::Partition;
pub use line::ScheduleError;

/// What happens to the planned times at which the server did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// Nothing: only later fires count.
    #[default]
    Skip,
    /// One task for all of them, that of the newest.
    Once,
    /// A task for each, but for no more than the newest [`limits::MISSED_FIRES`].
    All,
}

/// The declaration of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Five fields (minute, hour, day of month, month, day of week), six with seconds before
    /// them, or a word such as `@daily`.
    pub cron: String,
    /// The IANA name of the time zone that the line is read in.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What happens to missed fires.
    #[serde(default)]
    pub missed: Missed,
    /// The data of its tasks.
    #[serde(default)]
    pub data: Map<String, Value>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The tenant it belongs to.
    pub workspace: WorkspaceName,
    /// Its name, unique in the workspace; steps match it as `$via.name`.
    pub name: ScheduleName,
    /// See [`ScheduleSettings::cron`].
    pub cron: String,
    /// See [`ScheduleSettings::timezone`].
    pub timezone: String,
    /// See [`ScheduleSettings::missed`].
    pub missed: Missed,
    /// See [`ScheduleSettings::data`]; JSON text of an object.
    pub data: String,
    /// When it was added.
    pub created: Millis,
    /// When it was last changed. Planned times up to it are settled.
    pub updated: Millis,
}

impl Schedule {
    /// The partition of its tasks, whose owner fires it.
    pub fn partition(&self) -> Partition {
        let digest = Sha256::new()
            .chain_update("stepwell schedule's partition\0")
            .chain_update(self.workspace.as_str())
            .chain_update("\0")
            .chain_update(self.name.as_str())
            .finalize();
        Partition::new(digest[0])
    }

    /// The id of the task for the planned time `at`. It is the same whenever it is asked for, so a
    /// second acceptance finds the first.
    pub fn task_id(&self, at: Millis) -> TaskId {
        self.partition().place(self.unplaced_task_id(at))
    }

    /// The id that the task for the planned time `at` had before there were partitions.
    pub fn unplaced_task_id(&self, at: Millis) -> TaskId {
        let digest = Sha256::new()
            .chain_update("stepwell schedule\0")
            .chain_update(self.workspace.as_str())
            .chain_update("\0")
            .chain_update(self.name.as_str())
            .chain_update("\0")
            .chain_update(at.to_be_bytes())
            .finalize();
        let mut rest = [0; 10];
        rest.copy_from_slice(&digest[..10]);
        TaskId::derived(at, rest)
    }
}

/// When a schedule fires.
#[derive(Debug, Clone)]
pub struct Plan {
    cron: Cron,
    zone: TimeZone,
}

/// The planned times of a schedule that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The planned times that become tasks, oldest first.
    pub fires: Vec<Millis>,
    /// The last planned time that is settled with them.
    pub settled: Millis,
    /// Whether missed times beyond [`limits::MISSED_FIRES`] were dropped.
    pub cut: bool,
}

impl Plan {
    /// The plan of a line in a time zone.
    ///
    /// # Errors
    /// [`ScheduleError`]; the first thing that is wrong. A plan that is made fires some day.
    pub fn new(text: &str, timezone: &str) -> Result<Self, ScheduleError> {
        if text.len() > limits::CRON_BYTES {
            return Err(ScheduleError::LineTooLong(text.len()));
        }
        let plan = Self {
            cron: line::parse(text)?,
            zone: zone::zone(timezone)?,
        };
        // Within it every date of the calendar has been, the 29th of February of a leap year too.
        match plan.next_after(0) {
            Some(_) => Ok(plan),
            None => Err(ScheduleError::Never(line::short(text))),
        }
    }

    /// The first planned time after `after`; none beyond the calendar's end.
    ///
    /// A time of day that a zone skips is kept when the gap ends, and one that it has twice fires
    /// the first time; a line with several times of day fires in real time instead: not within the
    /// gap, and in both halves of the repeated hour.
    pub fn next_after(&self, after: Millis) -> Option<Millis> {
        let start = Timestamp::from_millisecond(i64::try_from(after).ok()?).ok()?;
        let start = Zoned::new(start, self.zone.clone());
        let next = self.cron.find_next_occurrence(&start, false).ok()?;
        let next = Millis::try_from(next.timestamp().as_millisecond()).ok()?;
        // Whole seconds. A time that is not in the future would be planned for ever.
        let next = next - next % 1_000;
        (next > after).then_some(next)
    }

    /// The last planned time after `after` and up to `until`. Halves the time between, so that a
    /// year of missed seconds costs no more than a day.
    fn last_within(&self, after: Millis, until: Millis) -> Option<Millis> {
        let within = |from| self.next_after(from).filter(|next| *next <= until);
        let mut reach = 1_000;
        let mut found = loop {
            let from = until.saturating_sub(reach).max(after);
            match within(from) {
                Some(found) => break found,
                None if from <= after => return None,
                None => reach = reach.saturating_mul(2),
            }
        };
        let mut none_from = until;
        while let Some(next) = within(found) {
            let middle = found + (none_from - found) / 2;
            match within(middle) {
                Some(later) => found = later,
                // One there is, and it lies before the middle.
                None => {
                    none_from = middle;
                    found = next;
                }
            }
        }
        Some(found)
    }

    /// The times that are due at `now` if all times up to `last` are settled and times older than `late`
    /// milliseconds were missed; `None` if nothing is due.
    pub fn due(&self, missed: Missed, last: Millis, now: Millis, late: Millis) -> Option<Due> {
        let first = self.next_after(last).filter(|first| *first <= now)?;
        let kept_from = now.saturating_sub(late);
        let most = match missed {
            Missed::Skip => 0,
            Missed::Once => 1,
            Missed::All => limits::MISSED_FIRES,
        };
        // A planned time at this very millisecond is kept, however strict `late` is.
        let until = kept_from.saturating_sub(1);
        let mut fires = VecDeque::new();
        let mut settled = last;
        let mut before = until;
        let mut cut = false;
        while let Some(found) = self.last_within(last, before) {
            settled = settled.max(found);
            if fires.len() == most {
                cut = missed == Missed::All;
                break;
            }
            fires.push_front(found);
            before = found - 1;
        }
        let mut at = if first > until { last } else { until };
        while let Some(next) = self.next_after(at).filter(|next| *next <= now) {
            fires.push_back(next);
            settled = next;
            at = next;
        }
        Some(Due {
            fires: fires.into(),
            settled,
            cut,
        })
    }
}

impl ScheduleSettings {
    /// The plan, if everything is right.
    ///
    /// # Errors
    /// [`ScheduleError`]; the first thing that is wrong.
    pub fn check(&self) -> Result<Plan, ScheduleError> {
        let plan = Plan::new(&self.cron, &self.timezone)?;
        if self.data.contains_key("$via") {
            return Err(ScheduleError::Via);
        }
        let value = Value::Object(self.data.clone());
        data::check(&value, 0)?;
        let length = value.to_string().len();
        if length > limits::SCHEDULE_DATA_BYTES {
            return Err(ScheduleError::DataTooLong(length));
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests;
