//! Why a connection was not encrypted.

/// Why a connection was not encrypted.
#[derive(Debug, thiserror::Error)]
#[error("no encrypted connection to {host}: {reason}")]
pub struct HandshakeError {
    /// The host of the URL.
    pub host: String,
    /// What was wrong, and what would be right.
    pub reason: String,
}
