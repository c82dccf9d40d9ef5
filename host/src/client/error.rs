//! Why a command got no answer from the server, or a refusal.

/// Why the server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no address.
    #[error("`{url}` is not a server's address: it must be like http://127.0.0.1:8080 ({reason})")]
    BadUrl {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that no URL can carry as a path segment.
    #[error("`{0}` cannot be a name: a name is not empty, `.` or `..`")]
    BadName(String),
    /// The token is no header value.
    #[error("the token has characters that no token has; check STEPWELL_TOKEN or --token")]
    BadToken,
    /// Nothing answers.
    #[error(
        "cannot reach the server at {url}: {reason}; is it running? start it with `stepwell serve`"
    )]
    Unreachable {
        /// The server's address.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The token is not the server's.
    #[error(
        "the server at {url} does not accept the token: it is wrong, has expired or was revoked; set STEPWELL_TOKEN to one of `stepwell token add`, or to the text of `admin-token` in the server's data directory"
    )]
    Unauthorized {
        /// The server's address.
        url: String,
    },
    /// The token may not do this.
    #[error("{detail}; `stepwell token show` shows what the token may do")]
    Forbidden {
        /// The server's words.
        detail: String,
    },
    /// No such thing.
    #[error("{detail}")]
    NotFound {
        /// The problem's stable word.
        code: String,
        /// The server's words.
        detail: String,
    },
    /// The server says no.
    #[error("{detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's stable word.
        code: String,
        /// The server's words.
        detail: String,
    },
    /// The answer is not that of a Stepwell server, or that of another version.
    #[error(
        "{url} is not a Stepwell server, or one of another version: {reason}; check --url and STEPWELL_URL"
    )]
    BadAnswer {
        /// The server's address.
        url: String,
        /// What was unexpected.
        reason: String,
    },
}

impl ClientError {
    /// A stable word for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::BadUrl { .. } => "bad-url",
            Self::BadName(_) => "bad-name",
            Self::BadToken => "bad-token",
            Self::Unreachable { .. } => "unreachable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { code, .. } | Self::Refused { code, .. } => code,
            Self::BadAnswer { .. } => "bad-answer",
        }
    }

    /// Whether the server cannot be reached, does not let us in, or is none: nothing else that is sent
    /// there will be done either.
    pub fn is_no_access(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Unauthorized { .. } | Self::BadAnswer { .. }
        )
    }
}
