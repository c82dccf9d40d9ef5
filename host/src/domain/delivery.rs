//! A delivery: one request to a webhook with its verdict, and as much of the request as is needed to send it again.

use std::net::IpAddr;

use super::clock::Millis;
use super::ids::{TaskId, WebhookName};

/// A request to a webhook, and its outcome. Values that may be secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id; of an accepted delivery the id of its task. Ids grow with time.
    pub id: TaskId,
    /// The webhook's id.
    pub webhook: String,
    /// The webhook's name at that time.
    pub name: WebhookName,
    /// When the verdict was made.
    pub at: Millis,
    /// Its outcome.
    pub verdict: Verdict,
    /// Its sender: the connection's other end.
    pub ip: IpAddr,
    /// Its method.
    pub method: String,
    /// Its URL's query, undecoded.
    pub query: Option<String>,
    /// Its header fields in their order, by names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: DeliveryBody,
    /// Deliveries to the same webhook right before it that were not recorded, because there were too many.
    pub omitted: u64,
}

/// The outcome of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It became a task, which has the delivery's id.
    Accepted,
    /// It changed an open task.
    Merged {
        /// The task.
        task: TaskId,
    },
    /// It repeated an earlier delivery.
    Duplicate {
        /// The task of the earlier one.
        task: TaskId,
    },
    /// It was the sender's question whether the webhook is wanted, and was answered.
    Challenged,
    /// It was refused.
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// The stable code of the problem.
        code: String,
        /// The reason in words.
        detail: String,
    },
}

/// How much of a delivery's body is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryBody {
    /// Nothing: it was not read, or the verdict needs none. An accepted delivery's task has its data.
    None,
    /// All of it, as it arrived.
    Kept(Vec<u8>),
    /// Nothing, because it has so many bytes.
    TooLarge(u64),
}

/// Names of verdicts, as the API and the command line write them.
pub const VERDICTS: [&str; 5] = ["accepted", "merged", "duplicate", "challenged", "refused"];

impl Verdict {
    /// Its name, one of [`VERDICTS`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Merged { .. } => "merged",
            Self::Duplicate { .. } => "duplicate",
            Self::Challenged => "challenged",
            Self::Refused { .. } => "refused",
        }
    }
}

/// Which recorded deliveries are wanted. A member that is `None` matches every delivery.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// To the webhook with this id.
    pub webhook: Option<String>,
    /// Older than this one.
    pub before: Option<TaskId>,
    /// At this time or later.
    pub since: Option<Millis>,
    /// With this id.
    pub id: Option<TaskId>,
    /// How many are read at once. There may be more: a store that reads all anyway returns all. `None`: all.
    pub at_once: Option<usize>,
}

impl DeliveryQuery {
    /// Whether a delivery is wanted.
    pub fn fits(&self, delivery: &Delivery) -> bool {
        self.webhook
            .as_ref()
            .is_none_or(|webhook| *webhook == delivery.webhook)
            && self.before.is_none_or(|before| delivery.id < before)
            && self.since.is_none_or(|since| delivery.at >= since)
            && self.id.is_none_or(|id| delivery.id == id)
    }
}
