//! Answers to senders of webhooks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::TaskState;

/// The answer to a webhook's event: the task is durable.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The new task, or the open one that the event was about, or that of the delivery which this one repeats.
    pub task: String,
    /// Whether it repeats an earlier delivery; then nothing was made. Not there if it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

/// The answer to an event whose sender waited for its task, and to a link of such an answer, if the task has not ended
/// yet: it is durable and goes on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PendingReply {
    /// The task.
    pub task: String,
    /// Where the sender can read the reply later, without a token. It is a secret, and the header `Location`, too.
    pub status_url: String,
}

/// The answer to an event whose sender waited for its task, if no step matched the task or a step ignored it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EndedTask {
    /// The task.
    pub task: String,
    /// `unmatched` or `ignored`.
    pub state: TaskState,
}

/// The answer to an event whose content type is one of several documents: all tasks are durable.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AcceptedTasks {
    /// The new tasks, and the open ones that documents were about, in the documents' order.
    pub tasks: Vec<String>,
}
