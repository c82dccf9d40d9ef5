//! How a webhook replies, as the command line takes it.

use std::time::Duration;

use clap::Args;
use stepwell_api::{FixedReply, FixedReplySettings, WebhookChange};

use crate::terminal::units::parse_duration;

/// A fixed reply, a wait, a redirect of forms and origins.
#[derive(Debug, Clone, Args)]
pub struct ReplyArgs {
    /// The sender waits so long for the result of its task, 1s to 60s; then it is answered 202 with a link
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with_all = ["reply_status", "reply_headers", "reply_body"])]
    wait: Option<u32>,
    /// Answer every request with this status, 200 to 299 or a redirect, in place of the task's id
    #[arg(long, value_name = "STATUS")]
    reply_status: Option<u16>,
    /// A header of that answer, e.g. 'Content-Type: text/xml'; may be given several times
    #[arg(long = "reply-header", value_name = "NAME: VALUE", value_parser = header)]
    reply_headers: Vec<(String, String)>,
    /// The body of that answer
    #[arg(long, value_name = "TEXT")]
    reply_body: Option<String>,
    /// Lead a browser that sent a plain HTML form to this URL, with 303
    #[arg(long, value_name = "URL")]
    redirect: Option<String>,
    /// An origin whose pages may read the answers (CORS), e.g. https://app.example.com, or *; may be given several times
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allow_origins: Vec<String>,
}

/// Options that remove a part of a webhook's reply.
#[derive(Debug, Clone, Args)]
pub struct NoReplyArgs {
    /// From now on a sender is answered at once
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// From now on the answer is the task's id
    #[arg(long, conflicts_with_all = ["reply_status", "reply_headers", "reply_body"])]
    no_reply: bool,
    /// From now on a browser that sent a form is answered as every sender
    #[arg(long, conflicts_with = "redirect")]
    no_redirect: bool,
    /// From now on no page may read the answers
    #[arg(long, conflicts_with = "allow_origins")]
    no_allow_origin: bool,
}

fn seconds(text: &str) -> Result<u32, String> {
    let time = parse_duration(text).map_err(|error| error.to_string())?;
    let whole = time == Duration::from_secs(time.as_secs());
    let seconds = u32::try_from(time.as_secs()).ok();
    let seconds = seconds.filter(|_| whole);
    seconds.ok_or_else(|| "a sender waits whole seconds, e.g. 10s".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once(':');
    let parts = parts.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    parts.ok_or_else(|| "a header is NAME: VALUE, e.g. 'Content-Type: text/xml'".to_owned())
}

impl ReplyArgs {
    /// Whether a part of the fixed reply is named.
    pub fn changes_fixed_reply(&self) -> bool {
        self.reply_status.is_some() || !self.reply_headers.is_empty() || self.reply_body.is_some()
    }

    /// Adds the options that were given to a change. Parts of a fixed reply that are not named are those of `now`.
    pub fn set(self, change: &mut WebhookChange, now: Option<FixedReply>) {
        if self.changes_fixed_reply() {
            let mut reply = match now {
                Some(now) => FixedReplySettings::from(now),
                None => FixedReplySettings {
                    status: None,
                    headers: Default::default(),
                    body: String::new(),
                },
            };
            reply.status = self.reply_status.or(reply.status);
            if !self.reply_headers.is_empty() {
                reply.headers = self.reply_headers.into_iter().collect();
            }
            reply.body = self.reply_body.unwrap_or(reply.body);
            change.reply = Some(Some(reply));
        }
        change.wait_seconds = self.wait.map(Some);
        change.redirect = self.redirect.map(Some);
        change.allow_origins = Some(self.allow_origins).filter(|origins| !origins.is_empty());
    }
}

impl NoReplyArgs {
    /// Adds the options that were given to a change.
    pub fn set(self, change: &mut WebhookChange) {
        if self.no_wait {
            change.wait_seconds = Some(None);
        }
        if self.no_reply {
            change.reply = Some(None);
        }
        if self.no_redirect {
            change.redirect = Some(None);
        }
        if self.no_allow_origin {
            change.allow_origins = Some(Vec::new());
        }
    }
}
