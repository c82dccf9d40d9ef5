//! A workspace's settings. Those with the default retention are written in version 1.

use serde::{Deserialize, Serialize};

use super::kind::{Written, kind, postcard_shapes, push};
use super::parts::{Text, text};
use crate::domain::retention::{Period, Retention};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::StoreError;

kind!('a, WorkspaceSettings, "a workspace's settings", 1 => V1<'a>, 2 => V2<'a>);
postcard_shapes!('a, V1<'a>, V2<'a>);

impl Written for WorkspaceSettings {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let second = V2::from(self);
        if self.retention == Retention::default() {
            return push(out, 1, &second.first);
        }
        push(out, 2, &second)
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

/// Days; none for ever.
#[derive(Debug, Serialize, Deserialize)]
struct RetentionV2 {
    done: Option<u32>,
    others: Option<u32>,
}

impl<'a> From<&'a WorkspaceSettings> for V2<'a> {
    fn from(settings: &'a WorkspaceSettings) -> Self {
        let WorkspaceSettings {
            failure_url,
            retention: Retention { done, others },
        } = settings;
        let days = |period: &Period| match period {
            Period::Days(days) => Some(*days),
            Period::Forever => None,
        };
        Self {
            first: V1 {
                failure_url: text(failure_url),
            },
            retention: Some(RetentionV2 {
                done: days(done),
                others: days(others),
            }),
        }
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

impl From<V2<'_>> for WorkspaceSettings {
    fn from(shape: V2<'_>) -> Self {
        let period = |days: Option<u32>| days.map_or(Period::Forever, Period::Days);
        Self {
            failure_url: shape.first.failure_url.map(String::from),
            retention: shape
                .retention
                .map_or_else(Retention::default, |retention| Retention {
                    done: period(retention.done),
                    others: period(retention.others),
                }),
        }
    }
}
