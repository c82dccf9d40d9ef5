//! Servers that share a database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The servers that share the database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Nodes {
    /// Those whose lease runs, and those that went without a word in the last hour; the oldest first.
    pub nodes: Vec<Node>,
}

/// A server. Numbers are those of the last renewal of its lease.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// Its number. A server that is started again has another one.
    pub id: u64,
    /// Where it is reached.
    pub url: String,
    /// Its version of stepwell.
    pub version: String,
    /// When it was started.
    #[schema(format = DateTime)]
    pub started: String,
    /// `active`, `draining` (it gives its partitions to others) or `gone` (its lease is over).
    pub state: String,
    /// For how many milliseconds more it owns its partitions; `null` if it needs no lease, as its store is its own.
    #[schema(required)]
    pub lease_ms: Option<u64>,
    /// By how many milliseconds its clock is ahead of the database's; negative if it is behind. Not there if that is not known, or
    /// without a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<i64>,
    /// How many of the 256 partitions of all tasks it owns.
    pub partitions: u32,
    /// Runs under way.
    pub running: u64,
    /// Tasks that are queued in its memory.
    pub queued: u64,
    /// The revision of the setup that it goes by.
    pub revision: u64,
    /// Whether it is the one that answers.
    pub this: bool,
}
