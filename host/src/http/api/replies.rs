//! How a webhook replies, from the contract's types to the domain's.

use stepwell_api::{FixedReplySettings, NewWebhook, WebhookChange};

use crate::domain::reply::{
    HttpReply, ReplyError, ReplyRules, ReplyRulesChange, origins, redirect, wait,
};

/// A fixed reply that is to be.
///
/// # Errors
/// [`ReplyError`].
fn fixed(settings: FixedReplySettings) -> Result<HttpReply, ReplyError> {
    let FixedReplySettings {
        status,
        headers,
        body,
    } = settings;
    HttpReply::fixed(status.unwrap_or(200), headers, body)
}

/// How a new webhook replies.
pub(super) fn of_new<N>(new: &mut NewWebhook<N>) -> Result<ReplyRules, ReplyError> {
    let set = WebhookChange {
        reply: new.reply.take().map(Some),
        wait_seconds: new.wait_seconds.map(Some),
        redirect: new.redirect.take().map(Some),
        allow_origins: new.allow_origins.take(),
        ..WebhookChange::default()
    };
    let mut rules = ReplyRules::default();
    change(set)?.apply(&mut rules);
    Ok(rules)
}

/// What a change sets of how a webhook replies.
pub(super) fn of_change(change_of: &mut WebhookChange) -> Result<ReplyRulesChange, ReplyError> {
    change(WebhookChange {
        reply: change_of.reply.take(),
        wait_seconds: change_of.wait_seconds,
        redirect: change_of.redirect.take(),
        allow_origins: change_of.allow_origins.take(),
        ..WebhookChange::default()
    })
}

fn change(set: WebhookChange) -> Result<ReplyRulesChange, ReplyError> {
    let fixed = set.reply.map(|reply| reply.map(fixed).transpose());
    let wait = set
        .wait_seconds
        .map(|seconds| seconds.map(wait).transpose());
    let to = set
        .redirect
        .map(|to| to.as_deref().map(redirect).transpose());
    Ok(ReplyRulesChange {
        redirect: to.transpose()?,
        origins: set.allow_origins.as_deref().map(origins).transpose()?,
        ..ReplyRulesChange::of(fixed.transpose()?, wait.transpose()?)?
    })
}
