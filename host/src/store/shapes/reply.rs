//! How a webhook replies, and what a run replied.

use serde::{Deserialize, Serialize};

use super::parts::{Bytes, Text};
use crate::domain::reply::{GivenReply, HttpReply, ReplyRule, ReplyRules};

#[derive(Default, Serialize, Deserialize)]
pub(super) struct RepliesV6<'a> {
    #[serde(borrow)]
    rule: RuleV6<'a>,
    redirect: Option<Text<'a>>,
    origins: Vec<Text<'a>>,
}

/// Never renumbered.
#[derive(Default, Serialize, Deserialize)]
enum RuleV6<'a> {
    #[default]
    Accepted,
    #[serde(borrow)]
    Fixed(HttpReplyV1<'a>),
    Wait(u32),
}

/// An HTTP reply, checked before it was stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HttpReplyV1<'a> {
    status: u16,
    #[serde(borrow)]
    headers: Vec<(Text<'a>, Text<'a>)>,
    body: Bytes<'a>,
}

impl<'a> From<&'a HttpReply> for HttpReplyV1<'a> {
    fn from(reply: &'a HttpReply) -> Self {
        let HttpReply {
            status,
            headers,
            body,
        } = reply;
        let headers = headers.iter();
        Self {
            status: *status,
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: body[..].into(),
        }
    }
}

impl From<HttpReplyV1<'_>> for HttpReply {
    fn from(shape: HttpReplyV1<'_>) -> Self {
        let headers = shape.headers.into_iter();
        Self {
            status: shape.status,
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: shape.body.0.into_owned(),
        }
    }
}

/// A reply that a run gave.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GivenReplyV4<'a> {
    #[serde(borrow)]
    reply: HttpReplyV1<'a>,
    run: u32,
    attempt: u32,
}

impl<'a> From<&'a GivenReply> for GivenReplyV4<'a> {
    fn from(given: &'a GivenReply) -> Self {
        let GivenReply {
            reply,
            run,
            attempt,
        } = given;
        Self {
            reply: reply.into(),
            run: *run,
            attempt: *attempt,
        }
    }
}

impl From<GivenReplyV4<'_>> for GivenReply {
    fn from(shape: GivenReplyV4<'_>) -> Self {
        Self {
            reply: shape.reply.into(),
            run: shape.run,
            attempt: shape.attempt,
        }
    }
}

impl<'a> From<&'a ReplyRules> for RepliesV6<'a> {
    fn from(rules: &'a ReplyRules) -> Self {
        let ReplyRules {
            rule,
            redirect,
            origins,
        } = rules;
        Self {
            rule: match rule {
                ReplyRule::Accepted => RuleV6::Accepted,
                ReplyRule::Fixed(reply) => RuleV6::Fixed(HttpReplyV1::from(&**reply)),
                ReplyRule::Wait { seconds } => RuleV6::Wait(*seconds),
            },
            redirect: redirect.as_ref().map(Text::from),
            origins: origins.iter().map(Text::from).collect(),
        }
    }
}

impl From<RepliesV6<'_>> for ReplyRules {
    fn from(shape: RepliesV6<'_>) -> Self {
        Self {
            rule: match shape.rule {
                RuleV6::Accepted => ReplyRule::Accepted,
                RuleV6::Fixed(reply) => ReplyRule::Fixed(Box::new(reply.into())),
                RuleV6::Wait(seconds) => ReplyRule::Wait { seconds },
            },
            redirect: shape.redirect.map(String::from),
            origins: shape.origins.into_iter().map(String::from).collect(),
        }
    }
}
