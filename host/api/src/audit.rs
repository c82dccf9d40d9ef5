//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which entries of the audit log are wanted. What is left out is any.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AuditLogQuery {
    /// At this time or later (RFC 3339).
    pub since: Option<String>,
    /// Before this time (RFC 3339).
    pub until: Option<String>,
    /// By whom: a token's name or id, or `admin`.
    pub who: Option<String>,
    /// The operation's id in the OpenAPI document, or the beginning of the target.
    pub what: Option<String>,
    /// Older than this entry: the `next` of a page.
    pub before: Option<String>,
    /// The most entries of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A page of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditLog {
    /// The newest first.
    pub entries: Vec<AuditEntry>,
    /// What to give as `before` for the next page; `null` if there are no more. A page may be short although there
    /// are.
    #[schema(required)]
    pub next: Option<String>,
}

/// A change, or an attempt that was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Ids sort by time.
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The workspace; `null` for what is about the server itself.
    #[schema(required)]
    pub workspace: Option<String>,
    /// The token's name; `admin` for the admin token.
    pub who: String,
    /// The token's id; `null` for the admin token.
    #[schema(required)]
    pub token: Option<String>,
    /// The address that the request came from.
    pub ip: String,
    /// The operation's id in the OpenAPI document.
    pub what: String,
    /// What it was about: the path below the workspace.
    pub target: String,
    /// `done`, or the code of the refusal.
    pub outcome: String,
}
