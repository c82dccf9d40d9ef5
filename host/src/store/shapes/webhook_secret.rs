//! A sealed secret of a webhook.

use serde::{Deserialize, Serialize};

use super::parts::{Bytes, Text};
use crate::domain::authentication::WebhookSecret;

#[derive(Serialize, Deserialize)]
pub(super) struct SecretV2<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    added: u64,
    expires: Option<u64>,
    sealed: Bytes<'a>,
}

impl<'a> From<&'a WebhookSecret> for SecretV2<'a> {
    fn from(secret: &'a WebhookSecret) -> Self {
        let WebhookSecret {
            id,
            added,
            expires,
            sealed,
        } = secret;
        Self {
            id: id.into(),
            added: *added,
            expires: *expires,
            sealed: sealed[..].into(),
        }
    }
}

impl From<SecretV2<'_>> for WebhookSecret {
    fn from(shape: SecretV2<'_>) -> Self {
        Self {
            id: shape.id.into(),
            added: shape.added,
            expires: shape.expires,
            sealed: shape.sealed.0.into_owned(),
        }
    }
}
