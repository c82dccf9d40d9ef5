//! Samples with replies.

use std::sync::Arc;

use super::{limited, samples};
use crate::domain::reply::{GivenReply, HttpReply, ReplyRule, ReplyRules};
use crate::domain::task::TaskHead;
use crate::domain::webhook::Webhook;

fn reply() -> HttpReply {
    let headers = [("Content-Type", "text/xml"), ("X-Reason", "ok")];
    HttpReply::fixed(201, headers, "<Response/>".into()).unwrap()
}

pub(super) fn heads() -> Vec<TaskHead> {
    let reply = Some(Arc::new(GivenReply {
        reply: reply(),
        run: 3,
        attempt: 2,
    }));
    let heads = samples::heads().into_iter().take(2);
    let heads = heads.chain(samples::heads_that_are_kept());
    let with = heads.map(|head| TaskHead {
        reply: reply.clone(),
        ..head
    });
    with.collect()
}

pub(super) fn webhooks() -> Vec<Webhook> {
    let origins = || vec!["https://a.example".into(), "http://localhost:1".into()];
    let rules = [
        ReplyRules {
            rule: ReplyRule::Fixed(Box::new(reply())),
            redirect: None,
            origins: origins(),
        },
        ReplyRules {
            rule: ReplyRule::Wait { seconds: 30 },
            redirect: Some("https://a.example/thanks".into()),
            origins: Vec::new(),
        },
    ];
    let webhooks = limited::webhooks().into_iter().zip(rules);
    let with = webhooks.map(|(webhook, replies)| Webhook { replies, ..webhook });
    with.collect()
}
