//! A workspace's settings.

use serde::{Deserialize, Serialize};

use super::kind::{Written, kind, postcard_shapes, push};
use super::parts::{Text, text};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::StoreError;

kind!('a, WorkspaceSettings, "a workspace's settings", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl Written for WorkspaceSettings {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`WorkspaceSettings`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    failure_url: Option<Text<'a>>,
}

impl<'a> From<&'a WorkspaceSettings> for V1<'a> {
    fn from(WorkspaceSettings { failure_url }: &'a WorkspaceSettings) -> Self {
        Self {
            failure_url: text(failure_url),
        }
    }
}

impl From<V1<'_>> for WorkspaceSettings {
    fn from(shape: V1<'_>) -> Self {
        Self {
            failure_url: shape.failure_url.map(String::from),
        }
    }
}
