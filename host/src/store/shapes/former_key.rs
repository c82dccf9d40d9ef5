//! A former key of a webhook. It is secret, so it is not printed.

use serde::{Deserialize, Serialize};

use super::parts::Text;
use crate::domain::webhook::{FormerKey, WebhookKey};

#[derive(Serialize, Deserialize)]
pub(super) struct FormerKeyV4<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    until: u64,
}

impl<'a> From<&'a FormerKey> for FormerKeyV4<'a> {
    fn from(FormerKey { key, until }: &'a FormerKey) -> Self {
        Self {
            key: key.reveal().into(),
            until: *until,
        }
    }
}

impl From<FormerKeyV4<'_>> for FormerKey {
    fn from(shape: FormerKeyV4<'_>) -> Self {
        Self {
            key: WebhookKey::new(shape.key.into()),
            until: shape.until,
        }
    }
}
