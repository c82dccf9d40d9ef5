//! API tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::word::words;

words! {
    /// The scopes of a token.
    Scope {
        /// Read everything but secrets.
        Read = "read",
        /// Set up webhooks, steps, config, connectors and schedules, and see the URLs of webhooks.
        Deploy = "deploy",
        /// Act on tasks.
        Operate = "operate",
        /// Create tasks.
        Ingest = "ingest",
        /// Change and delete the workspace, and add and revoke tokens; on the server itself also add workspaces.
        Admin = "admin",
    }
}

/// The tokens of a workspace, or of the server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// By name; expired ones are among them.
    pub tokens: Vec<Token>,
}

/// A token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id, which is not secret; `null` for the admin token.
    #[schema(required)]
    pub id: Option<String>,
    /// Its name, which journals have; `admin` for the admin token.
    pub name: String,
    /// The one workspace that it may act in; `null` for all of them and the server itself.
    #[schema(required)]
    pub workspace: Option<String>,
    /// Its scopes there.
    pub scopes: Vec<Scope>,
    /// When it was added; `null` for the admin token.
    #[schema(required, format = DateTime)]
    pub added: Option<String>,
    /// The name of the token that added it; `null` for the admin token.
    #[schema(required)]
    pub added_by: Option<String>,
    /// When it ends; `null` if it does not end by itself.
    #[schema(required, format = DateTime)]
    pub expires: Option<String>,
    /// When it was last used; `null` if it was not. After a crash it may be a minute earlier than it was.
    #[schema(required, format = DateTime)]
    pub last_used: Option<String>,
    /// Its text. Only the answer to the request that adds it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<String>,
}

// `N` is the name's type: the server reads one that checks it.
/// A token to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub struct NewToken<N = String> {
    /// Its name, 1 to 80 letters, digits, `-`, `_` and `.`; not `admin`.
    #[schema(value_type = String)]
    pub name: N,
    /// Its scopes, at least one. The token that adds it must have each of them.
    pub scopes: Vec<Scope>,
    /// After how many seconds it ends, at most ten years; `null` if it does not end by itself. A token that
    /// ends adds only tokens that end no later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
}
