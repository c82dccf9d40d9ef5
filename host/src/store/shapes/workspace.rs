//! A workspace's settings. They are written in the first version that has all that is set.

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{RateShape, ShapeError, Text, text};
use crate::domain::rate::Rate;
use crate::domain::retention::{Period, Retention};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::StoreError;

kind!('a, WorkspaceSettings, "a workspace's settings", 1 => V1<'a>, 2 => V2<'a>, 3 => V3<'a>);
postcard_shapes!('a, V1<'a>, V2<'a>, V3<'a>);

impl StoredValue for WorkspaceSettings {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let third = V3::from(self);
        if self.rate.is_some() {
            return push(out, 3, &third);
        }
        let second = &third.second;
        if self.retention == Retention::default() {
            return push(out, 1, &second.first);
        }
        push(out, 2, second)
    }
}

/// See [`WorkspaceSettings`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    failure_url: Option<Text<'a>>,
}

/// A retention behind the first version; none for the default.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V2<'a> {
    #[serde(borrow)]
    first: V1<'a>,
    retention: Option<RetentionV2>,
}

/// A rate behind the second version.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V3<'a> {
    #[serde(borrow)]
    second: V2<'a>,
    rate: Option<RateShape>,
}

/// Days; none for ever.
#[derive(Debug, Serialize, Deserialize)]
struct RetentionV2 {
    done: Option<u32>,
    others: Option<u32>,
}

impl<'a> From<&'a WorkspaceSettings> for V3<'a> {
    fn from(settings: &'a WorkspaceSettings) -> Self {
        let WorkspaceSettings {
            failure_url,
            retention: Retention { done, others },
            rate,
        } = settings;
        let days = |period: &Period| match period {
            Period::Days(days) => Some(*days),
            Period::Forever => None,
        };
        let second = V2 {
            first: V1 {
                failure_url: text(failure_url),
            },
            retention: Some(RetentionV2 {
                done: days(done),
                others: days(others),
            }),
        };
        let rate = rate.map(RateShape::from);
        Self { second, rate }
    }
}

impl<'a> From<V1<'a>> for V2<'a> {
    fn from(first: V1<'a>) -> Self {
        Self {
            first,
            retention: None,
        }
    }
}

impl<'a> From<V2<'a>> for V3<'a> {
    fn from(second: V2<'a>) -> Self {
        Self { second, rate: None }
    }
}

impl TryFrom<V3<'_>> for WorkspaceSettings {
    type Error = ShapeError;

    fn try_from(shape: V3<'_>) -> Result<Self, ShapeError> {
        let V3 { second, rate } = shape;
        let period = |days: Option<u32>| days.map_or(Period::Forever, Period::Days);
        Ok(Self {
            failure_url: second.first.failure_url.map(String::from),
            retention: second
                .retention
                .map_or_else(Retention::default, |retention| Retention {
                    done: period(retention.done),
                    others: period(retention.others),
                }),
            rate: rate.map(Rate::try_from).transpose()?,
        })
    }
}
