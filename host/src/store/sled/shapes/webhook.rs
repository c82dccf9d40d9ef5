//! A webhook.

use serde::{Deserialize, Serialize};

use super::kind::{Written, kind, postcard_shapes, push};
use super::parts::{Text, Wrong, text};
use crate::domain::webhook::{Webhook, WebhookKey};
use crate::store::StoreError;

kind!('a, Webhook, "a webhook", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl Written for Webhook {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`Webhook`]. It holds the secret key, so it is not printed.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    workspace: Text<'a>,
    name: Text<'a>,
    key: Text<'a>,
    created: u64,
    correlate: Option<Text<'a>>,
}

impl<'a> From<&'a Webhook> for V1<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let Webhook {
            id,
            workspace,
            name,
            key,
            created,
            correlate,
        } = webhook;
        Self {
            id: id.into(),
            workspace: workspace.into(),
            name: name.into(),
            key: key.reveal().into(),
            created: *created,
            correlate: text(correlate),
        }
    }
}

impl TryFrom<V1<'_>> for Webhook {
    type Error = Wrong;

    fn try_from(shape: V1<'_>) -> Result<Self, Wrong> {
        Ok(Self {
            id: shape.id.into(),
            workspace: shape.workspace.name()?,
            name: shape.name.name()?,
            key: WebhookKey::new(shape.key.into()),
            created: shape.created,
            correlate: shape.correlate.map(String::from),
        })
    }
}
