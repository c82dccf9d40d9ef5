//! An entry of the audit log.

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{ShapeError, Text, name, text};
use crate::domain::audit::AuditEntry;
use crate::store::StoreError;

kind!('a, AuditEntry, "an entry of the audit log", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl StoredValue for AuditEntry {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`AuditEntry`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    at: u64,
    #[serde(borrow)]
    workspace: Option<Text<'a>>,
    who: Text<'a>,
    token: Option<Text<'a>>,
    ip: Text<'a>,
    what: Text<'a>,
    target: Text<'a>,
    outcome: Text<'a>,
}

impl<'a> From<&'a AuditEntry> for V1<'a> {
    fn from(entry: &'a AuditEntry) -> Self {
        let AuditEntry {
            at,
            workspace,
            who,
            token,
            ip,
            what,
            target,
            outcome,
        } = entry;
        Self {
            at: *at,
            workspace: workspace.as_ref().map(Text::from),
            who: who.into(),
            token: text(token),
            ip: ip.into(),
            what: what.into(),
            target: target.into(),
            outcome: outcome.into(),
        }
    }
}

impl TryFrom<V1<'_>> for AuditEntry {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            at: shape.at,
            workspace: name(shape.workspace)?,
            who: shape.who.into(),
            token: shape.token.map(String::from),
            ip: shape.ip.into(),
            what: shape.what.into(),
            target: shape.target.into(),
            outcome: shape.outcome.into(),
        })
    }
}
