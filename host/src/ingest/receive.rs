//! A webhook's request on its way in, from its head to the answer: its body is read, verified, decoded, and merged
//! into the open task that it is about, or accepted as a new one, unless it repeats an earlier one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Body;
use stepwell_signature::Answer;

use super::accept::IngestError;
use super::decode::DecodeError;
use super::limits::{LimitError, Limiter};
use super::read::{self, Bodies, Bounds, ReadError};
use super::sender_keys::SenderKeys;
use super::upload::{UploadError, Uploads};
use super::verify::{self, Delivery, VerifiedRequest, VerifyError};
use crate::catalog::{Catalog, LiveWebhook};
use crate::domain::clock::Clock;
use crate::domain::ids::TaskId;
use crate::engine::{ActionError, Engine, LARGE_BODY};
use crate::store::StoreError;

/// Takes in what webhooks are sent.
pub struct Ingest {
    pub(super) engine: Arc<Engine>,
    pub(super) catalog: Arc<Catalog>,
    limiter: Arc<Limiter>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bounds: Bounds,
    pub(super) bodies: Arc<Bodies>,
    /// Reads forms with files.
    pub uploads: Uploads,
    /// What webhooks' URLs begin with.
    pub(super) base_url: String,
    /// The keys that senders publish.
    pub(super) keys: SenderKeys,
}

/// The head of a webhook's request.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Its method.
    pub method: &'a str,
    /// Who sent it: the connection's other end.
    pub ip: IpAddr,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Its `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Its URL's query, undecoded.
    pub query: Option<&'a str>,
    /// Its URL's path and query, undecoded.
    pub target: &'a str,
    /// Its header fields.
    pub headers: &'a HeaderMap,
}

impl Head<'_> {
    /// Bytes of the query and of the header fields.
    pub(super) fn bytes(&self) -> usize {
        let fields = self.headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len());
        fields.sum::<usize>() + self.query.map_or(0, str::len)
    }
}

/// The ids of the tasks that a request made, or of the task that it repeats or was merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptedTaskIds {
    /// Its body is one document.
    One(TaskId),
    /// Its body is of a type that holds several, in their order.
    Many(Vec<TaskId>),
}

/// The outcome of a request that was not refused.
#[derive(Debug)]
pub enum Received {
    /// It is a task, or several.
    Tasks(Reply),
    /// It was the sender's challenge: its question whether the webhook is wanted.
    Challenge(Answer),
}

/// A request to a webhook that is not to be verified any more.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) webhook: &'a LiveWebhook,
    pub(super) head: Head<'a>,
    /// The result of its verification; none if its webhook accepts every request.
    pub(super) delivery: Option<&'a Delivery>,
    /// The delivery that it repeats at a person's wish.
    pub(super) redelivery_of: Option<TaskId>,
}

/// The outcome of a request. It is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Their ids.
    pub accepted: AcceptedTaskIds,
    /// It repeats an earlier request, and the task is that one's.
    pub duplicate: bool,
    /// It changed an open task, and made none.
    pub merged: bool,
    /// How long the answer is to be held back, so that runs keep pace with incoming requests.
    pub pace: Duration,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// More came than is taken.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// Its body did not come in.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is a form with files that is not taken.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// Nothing vouches for it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// It cannot be a task.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The task that it is about could not be changed.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Ingest(error.into())
    }
}

impl Reply {
    pub(super) fn of(task: TaskId, pace: Duration) -> Self {
        Self {
            accepted: AcceptedTaskIds::One(task),
            duplicate: false,
            merged: false,
            pace,
        }
    }

    pub(super) fn repeat(first: TaskId) -> Self {
        Self {
            duplicate: true,
            ..Self::of(first, Duration::ZERO)
        }
    }

    pub(super) fn merged(open: TaskId) -> Self {
        Self {
            merged: true,
            ..Self::of(open, Duration::ZERO)
        }
    }
}

impl Ingest {
    /// Takes bodies within `bounds`, all at once within `bodies`. `base_url` is what webhooks' URLs begin
    /// with for their senders; `keys` fetches what senders publish.
    pub fn new(
        engine: Arc<Engine>,
        catalog: Arc<Catalog>,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
        (bodies, uploads): (Arc<Bodies>, Uploads),
        (base_url, keys): (String, SenderKeys),
    ) -> Self {
        Self {
            engine,
            catalog,
            limiter: Arc::default(),
            clock,
            bounds,
            bodies,
            uploads,
            base_url,
            keys,
        }
    }

    /// Takes in one request to a webhook. The body is read as it comes, and `read_body` is set to it when it is complete.
    /// Once it begins to accept the request, it finishes even if the client hangs up.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is left of the request.
    pub async fn receive<B>(
        &self,
        webhook: &LiveWebhook,
        head: Head<'_>,
        body: &mut B,
        read_body: &mut Option<Bytes>,
    ) -> Result<Received, Refusal>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let of_workspace = self.catalog.rate(&webhook.workspace);
        self.limiter.share(self.engine.acceptor.sharing());
        let _upload = self.limiter.admit(webhook, of_workspace)?;
        if let Some(verifier) = &webhook.verifier {
            verify::check_address(verifier, head.ip)?;
        }
        if self.is_read_in_parts(webhook, head) {
            return self.receive_form(webhook, head, body).await;
        }
        let acceptor = &self.engine.acceptor;
        let ready = (LARGE_BODY, acceptor.ready(&webhook.workspace));
        let bodies = (&self.bodies, Some(&webhook.workspace));
        let (sent, share) = read::read_after(ready, body, self.bounds, bodies).await?;
        *read_body = Some(sent.clone());
        let bytes = sent.len() + head.query.map_or(0, str::len);
        acceptor.pace(&webhook.workspace, bytes).await;
        let delivery = match self.judge(webhook, head, &sent).await? {
            None => None,
            Some(VerifiedRequest::Challenge(answer)) => return Ok(Received::Challenge(answer)),
            Some(VerifiedRequest::Delivery(delivery)) => Some(delivery),
        };
        let sent_as = Sent {
            webhook,
            head,
            delivery: delivery.as_ref(),
            redelivery_of: None,
        };
        let reply = self.admit(sent_as, sent, share).await?;
        Ok(Received::Tasks(reply))
    }
}
