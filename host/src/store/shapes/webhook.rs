//! A webhook. Each is written in the first version that has all that is set of it.

use serde::{Deserialize, Serialize};

use super::former_key::FormerKeyV4;
use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{Bytes, List, RateShape, ShapeError, Text, text};
use super::reply::RepliesV6;
use super::webhook_parts::{AuthenticationV2, DedupV2, IntakeV3, SchemaV7};
use crate::domain::authentication::Authentication;
use crate::domain::dedup::DedupRule;
use crate::domain::intake::{Intake, Methods};
use crate::domain::payload_schema::PayloadSchema;
use crate::domain::rate::Rate;
use crate::domain::reply::ReplyRules;
use crate::domain::webhook::{FormerKey, Webhook, WebhookKey};
use crate::store::StoreError;

kind!('a, Webhook, "a webhook", 1 => V1<'a>, 2 => V2<'a>, 3 => V3<'a>, 4 => V4<'a>, 5 => V5<'a>, 6 => V6<'a>, 7 => V7<'a>, 8 => V8<'a>);
postcard_shapes!('a, V1<'a>, V2<'a>, V3<'a>, V4<'a>, V5<'a>, V6<'a>, V7<'a>, V8<'a>);

impl StoredValue for Webhook {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let eighth = V8::from(self);
        if !self.former_names.is_empty() {
            return push(out, 8, &eighth);
        }
        let seventh = &eighth.seventh;
        if self.schema.is_some() {
            return push(out, 7, seventh);
        }
        let sixth = &seventh.sixth;
        if self.replies != ReplyRules::default() {
            return push(out, 6, sixth);
        }
        let fifth = &sixth.fifth;
        let Intake {
            rate,
            at_once,
            omits_bodies,
            ..
        } = &self.intake;
        if rate.is_some() || at_once.is_some() || *omits_bodies {
            return push(out, 5, fifth);
        }
        let fourth = &fifth.fourth;
        if self.is_disabled || !self.former_keys.is_empty() {
            return push(out, 4, fourth);
        }
        let third = &fourth.third;
        if self.intake != Intake::default() {
            return push(out, 3, third);
        }
        let second = &third.second;
        if self.authentication == Authentication::default() && self.dedup.is_none() {
            return push(out, 1, &second.first);
        }
        push(out, 2, second)
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

/// A dedup rule and an authentication behind the first version; no authentication for the default.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V2<'a> {
    #[serde(borrow)]
    first: V1<'a>,
    dedup: Option<DedupV2<'a>>,
    authentication: Option<AuthenticationV2<'a>>,
}

/// Methods and header fields behind the second version.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V3<'a> {
    #[serde(borrow)]
    second: V2<'a>,
    intake: IntakeV3<'a>,
}

/// Former keys, and whether it is disabled, behind the third version.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V4<'a> {
    #[serde(borrow)]
    third: V3<'a>,
    former_keys: List<'a, FormerKey, FormerKeyV4<'a>>,
    is_disabled: bool,
}

/// Limits, and whether bodies are recorded, behind the fourth version.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V5<'a> {
    #[serde(borrow)]
    fourth: V4<'a>,
    rate: Option<RateShape>,
    at_once: Option<u32>,
    omits_bodies: bool,
}

/// How it replies, behind the fifth version.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V6<'a> {
    #[serde(borrow)]
    fifth: V5<'a>,
    replies: RepliesV6<'a>,
}

/// A schema behind the sixth version.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V7<'a> {
    #[serde(borrow)]
    sixth: V6<'a>,
    schema: Option<SchemaV7<'a>>,
}

/// Former names behind the seventh version.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V8<'a> {
    #[serde(borrow)]
    seventh: V7<'a>,
    former_names: Vec<Text<'a>>,
}

impl<'a> From<&'a Webhook> for V8<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let Webhook {
            id,
            workspace,
            name,
            former_names,
            key,
            former_keys,
            created,
            correlate,
            dedup,
            authentication,
            intake,
            replies,
            schema,
            is_disabled,
        } = webhook;
        let Authentication {
            provider,
            scheme,
            secrets,
            verify_token,
            allow_ips,
            tolerance_seconds,
        } = authentication;
        let second = V2 {
            first: V1 {
                id: id.into(),
                workspace: workspace.into(),
                name: name.into(),
                key: key.reveal().into(),
                created: *created,
                correlate: text(correlate),
            },
            dedup: dedup.as_ref().map(DedupV2::from),
            authentication: Some(AuthenticationV2 {
                provider: provider.into(),
                scheme: text(scheme),
                secrets: List::Domain(secrets),
                verify_token: verify_token.as_deref().map(Bytes::from),
                allow_ips: allow_ips.iter().map(|net| net.to_string().into()).collect(),
                tolerance_seconds: *tolerance_seconds,
            }),
        };
        let fourth = V4 {
            third: V3 {
                second,
                intake: intake.into(),
            },
            former_keys: List::Domain(former_keys),
            is_disabled: *is_disabled,
        };
        let fifth = V5 {
            fourth,
            rate: intake.rate.map(RateShape::from),
            at_once: intake.at_once,
            omits_bodies: intake.omits_bodies,
        };
        let sixth = V6 {
            fifth,
            replies: replies.into(),
        };
        Self {
            seventh: V7 {
                sixth,
                schema: schema.as_ref().map(SchemaV7::from),
            },
            former_names: former_names.iter().map(Text::from).collect(),
        }
    }
}

impl<'a> From<V1<'a>> for V2<'a> {
    fn from(first: V1<'a>) -> Self {
        Self {
            first,
            dedup: None,
            authentication: None,
        }
    }
}

impl<'a> From<V4<'a>> for V5<'a> {
    fn from(fourth: V4<'a>) -> Self {
        Self {
            fourth,
            rate: None,
            at_once: None,
            omits_bodies: false,
        }
    }
}

impl<'a> From<V5<'a>> for V6<'a> {
    fn from(fifth: V5<'a>) -> Self {
        let replies = RepliesV6::default();
        Self { fifth, replies }
    }
}

impl<'a> From<V6<'a>> for V7<'a> {
    fn from(sixth: V6<'a>) -> Self {
        let schema = None;
        Self { sixth, schema }
    }
}

impl<'a> From<V7<'a>> for V8<'a> {
    fn from(seventh: V7<'a>) -> Self {
        Self {
            seventh,
            former_names: Vec::new(),
        }
    }
}

impl<'a> From<V3<'a>> for V4<'a> {
    fn from(third: V3<'a>) -> Self {
        Self {
            third,
            former_keys: List::Domain(&[]),
            is_disabled: false,
        }
    }
}

impl<'a> From<V2<'a>> for V3<'a> {
    fn from(second: V2<'a>) -> Self {
        let intake = IntakeV3 {
            methods: Methods::default().names().map(Text::from).collect(),
            headers: Vec::new(),
        };
        Self { second, intake }
    }
}

impl TryFrom<V8<'_>> for Webhook {
    type Error = ShapeError;

    fn try_from(shape: V8<'_>) -> Result<Self, ShapeError> {
        let V7 { sixth, schema } = shape.seventh;
        let former_names = shape.former_names.into_iter();
        let V6 {
            fifth: shape,
            replies,
        } = sixth;
        let V4 {
            third,
            former_keys,
            is_disabled,
        } = shape.fourth;
        let V3 { second, intake } = third;
        let V2 {
            first,
            dedup,
            authentication,
        } = second;
        let authentication = authentication.map(Authentication::try_from);
        Ok(Self {
            id: first.id.into(),
            workspace: first.workspace.name()?,
            name: first.name.name()?,
            former_names: former_names
                .map(|name| name.name())
                .collect::<Result<_, _>>()?,
            key: WebhookKey::new(first.key.into()),
            former_keys: former_keys.into_domain()?,
            created: first.created,
            correlate: first.correlate.map(String::from),
            dedup: dedup.map(DedupRule::from),
            authentication: authentication.transpose()?.unwrap_or_default(),
            intake: Intake {
                rate: shape.rate.map(Rate::try_from).transpose()?,
                at_once: shape.at_once,
                omits_bodies: shape.omits_bodies,
                ..intake.try_into()?
            },
            replies: replies.into(),
            schema: schema.map(PayloadSchema::from),
            is_disabled,
        })
    }
}

#[cfg(test)]
impl<'a> V8<'a> {
    /// The bytes of a version as this one.
    pub(in super::super) fn of(version: u8, bytes: &'a [u8]) -> Self {
        use super::kind::from_postcard;
        let name = "a webhook";
        let fifth = match version {
            1 => V5::from(V4::from(V3::from(V2::from(
                from_postcard::<V1<'a>>(bytes, name).unwrap(),
            )))),
            2 => V5::from(V4::from(V3::from(
                from_postcard::<V2<'a>>(bytes, name).unwrap(),
            ))),
            3 => V5::from(V4::from(from_postcard::<V3<'a>>(bytes, name).unwrap())),
            4 => V5::from(from_postcard::<V4<'a>>(bytes, name).unwrap()),
            5 => from_postcard(bytes, name).unwrap(),
            6 => return V7::from(from_postcard::<V6<'a>>(bytes, name).unwrap()).into(),
            7 => return from_postcard::<V7<'a>>(bytes, name).unwrap().into(),
            _ => return from_postcard(bytes, name).unwrap(),
        };
        V7::from(V6::from(fifth)).into()
    }
}
