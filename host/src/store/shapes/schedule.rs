//! A schedule.

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{ShapeError, Text};
use crate::domain::schedule::{Missed, Schedule};
use crate::store::StoreError;

kind!('a, Schedule, "a schedule", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl StoredValue for Schedule {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`Schedule`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    workspace: Text<'a>,
    name: Text<'a>,
    cron: Text<'a>,
    timezone: Text<'a>,
    missed: MissedV1,
    data: Text<'a>,
    created: u64,
    updated: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum MissedV1 {
    Skip,
    Once,
    All,
}

impl<'a> From<&'a Schedule> for V1<'a> {
    fn from(schedule: &'a Schedule) -> Self {
        let Schedule {
            workspace,
            name,
            cron,
            timezone,
            missed,
            data,
            created,
            updated,
        } = schedule;
        Self {
            workspace: workspace.into(),
            name: name.into(),
            cron: cron.into(),
            timezone: timezone.into(),
            missed: match missed {
                Missed::Skip => MissedV1::Skip,
                Missed::Once => MissedV1::Once,
                Missed::All => MissedV1::All,
            },
            data: data.into(),
            created: *created,
            updated: *updated,
        }
    }
}

impl TryFrom<V1<'_>> for Schedule {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            workspace: shape.workspace.name()?,
            name: shape.name.name()?,
            cron: shape.cron.into(),
            timezone: shape.timezone.into(),
            missed: match shape.missed {
                MissedV1::Skip => Missed::Skip,
                MissedV1::Once => Missed::Once,
                MissedV1::All => Missed::All,
            },
            data: shape.data.into(),
            created: shape.created,
            updated: shape.updated,
        })
    }
}
