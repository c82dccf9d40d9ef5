//! A recorded delivery.

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{Bytes, ShapeError, Text};
use crate::domain::delivery::{Delivery, DeliveryBody, Verdict};
use crate::domain::ids::TaskId;
use crate::store::StoreError;

kind!('a, Delivery, "a delivery", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl StoredValue for Delivery {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`Delivery`]. Ids are their bytes.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    id: [u8; 16],
    #[serde(borrow)]
    webhook: Text<'a>,
    name: Text<'a>,
    at: u64,
    verdict: VerdictV1<'a>,
    ip: std::net::IpAddr,
    method: Text<'a>,
    query: Option<Text<'a>>,
    headers: Vec<(Text<'a>, Text<'a>)>,
    body: BodyV1<'a>,
    omitted: u64,
}

/// Never renumbered.
#[derive(Serialize, Deserialize)]
enum VerdictV1<'a> {
    Accepted,
    Merged([u8; 16]),
    Duplicate([u8; 16]),
    Challenged,
    #[serde(borrow)]
    Refused(RefusedV1<'a>),
}

#[derive(Serialize, Deserialize)]
struct RefusedV1<'a> {
    status: u16,
    #[serde(borrow)]
    code: Text<'a>,
    detail: Text<'a>,
}

/// Never renumbered.
#[derive(Serialize, Deserialize)]
enum BodyV1<'a> {
    None,
    #[serde(borrow)]
    Kept(Bytes<'a>),
    TooLarge(u64),
}

impl<'a> From<&'a Delivery> for V1<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let Delivery {
            id,
            webhook,
            name,
            at,
            verdict,
            ip,
            method,
            query,
            headers,
            body,
            omitted,
        } = delivery;
        let headers = headers.iter();
        Self {
            id: *id.as_bytes(),
            webhook: webhook.into(),
            name: name.into(),
            at: *at,
            verdict: match verdict {
                Verdict::Accepted => VerdictV1::Accepted,
                Verdict::Merged { task } => VerdictV1::Merged(*task.as_bytes()),
                Verdict::Duplicate { task } => VerdictV1::Duplicate(*task.as_bytes()),
                Verdict::Challenged => VerdictV1::Challenged,
                Verdict::Refused {
                    status,
                    code,
                    detail,
                } => VerdictV1::Refused(RefusedV1 {
                    status: *status,
                    code: code.into(),
                    detail: detail.into(),
                }),
            },
            ip: *ip,
            method: method.into(),
            query: query.as_ref().map(Text::from),
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: match body {
                DeliveryBody::None => BodyV1::None,
                DeliveryBody::Kept(bytes) => BodyV1::Kept(bytes[..].into()),
                DeliveryBody::TooLarge(size) => BodyV1::TooLarge(*size),
            },
            omitted: *omitted,
        }
    }
}

impl TryFrom<V1<'_>> for Delivery {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        let task = TaskId::from_bytes;
        let headers = shape.headers.into_iter();
        Ok(Self {
            id: task(shape.id),
            webhook: shape.webhook.into(),
            name: shape.name.name()?,
            at: shape.at,
            verdict: match shape.verdict {
                VerdictV1::Accepted => Verdict::Accepted,
                VerdictV1::Merged(id) => Verdict::Merged { task: task(id) },
                VerdictV1::Duplicate(id) => Verdict::Duplicate { task: task(id) },
                VerdictV1::Challenged => Verdict::Challenged,
                VerdictV1::Refused(refused) => Verdict::Refused {
                    status: refused.status,
                    code: refused.code.into(),
                    detail: refused.detail.into(),
                },
            },
            ip: shape.ip,
            method: shape.method.into(),
            query: shape.query.map(String::from),
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: match shape.body {
                BodyV1::None => DeliveryBody::None,
                BodyV1::Kept(bytes) => DeliveryBody::Kept(bytes.0.into_owned()),
                BodyV1::TooLarge(size) => DeliveryBody::TooLarge(size),
            },
            omitted: shape.omitted,
        })
    }
}
