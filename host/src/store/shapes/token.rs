//! An API token. Its text is not stored, only the text's SHA-256.

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{Bytes, ShapeError, Text, name};
use crate::domain::token::{Token, scopes};
use crate::store::StoreError;

kind!('a, Token, "a token", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl StoredValue for Token {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`Token`]. Scopes are stored by their names.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    name: Text<'a>,
    workspace: Option<Text<'a>>,
    scopes: Vec<Text<'a>>,
    digest: Bytes<'a>,
    added: u64,
    added_by: Text<'a>,
    expires: Option<u64>,
    used: Option<u64>,
}

impl<'a> From<&'a Token> for V1<'a> {
    fn from(token: &'a Token) -> Self {
        let Token {
            id,
            name,
            workspace,
            scopes,
            digest,
            added,
            added_by,
            expires,
            used,
        } = token;
        Self {
            id: id.into(),
            name: name.into(),
            workspace: workspace.as_ref().map(Text::from),
            scopes: scopes.iter().map(|scope| scope.as_str().into()).collect(),
            digest: digest[..].into(),
            added: *added,
            added_by: added_by.into(),
            expires: *expires,
            used: *used,
        }
    }
}

impl TryFrom<V1<'_>> for Token {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            id: shape.id.into(),
            name: shape.name.name()?,
            workspace: name(shape.workspace)?,
            scopes: scopes(shape.scopes.iter().map(AsRef::as_ref))?,
            digest: (*shape.digest.0)
                .try_into()
                .map_err(|_| ShapeError::Digest)?,
            added: shape.added,
            added_by: shape.added_by.into(),
            expires: shape.expires,
            used: shape.used,
        })
    }
}
