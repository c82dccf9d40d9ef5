//! Parts of a webhook's shapes.

use serde::{Deserialize, Serialize};

use super::parts::{Bytes, List, ShapeError, Text};
use super::webhook_secret::SecretV2;
use crate::domain::authentication::{Authentication, WebhookSecret, networks};
use crate::domain::dedup::{DedupRule, DedupSource};
use crate::domain::intake::Intake;
use crate::domain::payload_schema::{OnMismatch, PayloadSchema};

/// Methods are their names.
#[derive(Serialize, Deserialize)]
pub(super) struct IntakeV3<'a> {
    #[serde(borrow)]
    pub(super) methods: Vec<Text<'a>>,
    pub(super) headers: Vec<Text<'a>>,
}

/// Networks are texts.
#[derive(Serialize, Deserialize)]
pub(super) struct AuthenticationV2<'a> {
    #[serde(borrow)]
    pub(super) provider: Text<'a>,
    pub(super) scheme: Option<Text<'a>>,
    pub(super) secrets: List<'a, WebhookSecret, SecretV2<'a>>,
    pub(super) verify_token: Option<Bytes<'a>>,
    pub(super) allow_ips: Vec<Text<'a>>,
    pub(super) tolerance_seconds: Option<u32>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DedupV2<'a> {
    #[serde(borrow)]
    pub(super) source: SourceV2<'a>,
    pub(super) window_ms: u64,
}

/// Never renumbered.
#[derive(Serialize, Deserialize)]
pub(super) enum SourceV2<'a> {
    #[serde(borrow)]
    Header(Text<'a>),
    Pointer(Text<'a>),
}

impl<'a> From<&'a DedupRule> for DedupV2<'a> {
    fn from(DedupRule { source, window_ms }: &'a DedupRule) -> Self {
        Self {
            source: match source {
                DedupSource::Header(name) => SourceV2::Header(name.into()),
                DedupSource::Pointer(pointer) => SourceV2::Pointer(pointer.into()),
            },
            window_ms: *window_ms,
        }
    }
}

impl From<DedupV2<'_>> for DedupRule {
    fn from(shape: DedupV2<'_>) -> Self {
        Self {
            source: match shape.source {
                SourceV2::Header(name) => DedupSource::Header(name.into()),
                SourceV2::Pointer(pointer) => DedupSource::Pointer(pointer.into()),
            },
            window_ms: shape.window_ms,
        }
    }
}

impl<'a> From<&'a Intake> for IntakeV3<'a> {
    fn from(intake: &'a Intake) -> Self {
        let Intake {
            methods,
            headers,
            rate: _,
            at_once: _,
            omits_bodies: _,
        } = intake;
        Self {
            methods: methods.names().map(Text::from).collect(),
            headers: headers.iter().map(Text::from).collect(),
        }
    }
}

impl TryFrom<IntakeV3<'_>> for Intake {
    type Error = ShapeError;

    fn try_from(shape: IntakeV3<'_>) -> Result<Self, ShapeError> {
        let headers = shape.headers.into_iter().map(String::from);
        Ok(Self::stored(&shape.methods, headers.collect())?)
    }
}

impl TryFrom<AuthenticationV2<'_>> for Authentication {
    type Error = ShapeError;

    fn try_from(shape: AuthenticationV2<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            provider: shape.provider.into(),
            scheme: shape.scheme.map(String::from),
            secrets: shape.secrets.into_domain()?,
            verify_token: shape.verify_token.map(|bytes| bytes.0.into_owned()),
            allow_ips: networks(&shape.allow_ips)?,
            tolerance_seconds: shape.tolerance_seconds,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SchemaV7<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    /// Whether what does not fit is flagged, in place of refused.
    flags: bool,
}

impl<'a> From<&'a PayloadSchema> for SchemaV7<'a> {
    fn from(PayloadSchema { text, on_mismatch }: &'a PayloadSchema) -> Self {
        Self {
            text: (&**text).into(),
            flags: *on_mismatch == OnMismatch::Flag,
        }
    }
}

impl From<SchemaV7<'_>> for PayloadSchema {
    fn from(shape: SchemaV7<'_>) -> Self {
        Self {
            text: String::from(shape.text).into(),
            on_mismatch: match shape.flags {
                true => OnMismatch::Flag,
                false => OnMismatch::Refuse,
            },
        }
    }
}
