//! Why a reply, or a setting of how a webhook replies, cannot be.

use crate::domain::limits;

/// The groups of header fields that cannot be set.
const RESERVED_SHOWN: &str = "those of the connection (`connection`, `transfer-encoding`, `content-length`, …), cookies, CORS (`access-control-…`; see `allow_origins`) and security policies";

/// Why a reply, or a setting of how a webhook replies, cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A fixed status that is an error, or no status.
    #[error(
        "{0} cannot be the status of a fixed reply: use 200 to 299, or 301, 302, 303, 307 or 308 with a `location`; senders retry after an error status"
    )]
    FixedStatus(u16),
    /// A status that is none.
    #[error("{0} is no status of a reply: 200 to 299, 301, 302, 303, 307, 308, or 400 to 599")]
    Status(u16),
    /// A status that leads elsewhere without saying where, or another one that does.
    #[error(
        "the header `location` goes with the statuses 301, 302, 303, 307 and 308, which need it, and with no other; the status is {0}"
    )]
    Location(u16),
    /// A body with a status that has none.
    #[error("a reply with the status {0} has no body; take 200")]
    NoBody(u16),
    /// A body that is too long.
    #[error("the reply's body has {found} bytes, and at most {most} are allowed")]
    Body {
        /// Its length.
        found: usize,
        /// The most.
        most: usize,
    },
    /// A text that names no header field.
    #[error(
        "`{0}` is not the name of a header: 1 to {most} letters, digits, `-`, `_` or `.`, e.g. `X-Reason`", most = limits::HEADER_NAME_BYTES
    )]
    HeaderName(String),
    /// A value that would end the header field, or that no header field can have.
    #[error(
        "the value of the header `{0}` has a character that no header can have: take printable ASCII characters, without a line break"
    )]
    HeaderValue(String),
    /// A value that is too long.
    #[error("the value of the header `{name}` has {found} bytes, and at most {most} are allowed", most = limits::REPLY_HEADER_BYTES)]
    LongHeader {
        /// The header field.
        name: String,
        /// The value's length.
        found: usize,
    },
    /// A header field that is not the webhook's owner's to set.
    #[error(
        "the header `{0}` is the server's to set, or would speak for the whole server and not for one webhook: {reserved} cannot be set", reserved = RESERVED_SHOWN
    )]
    Reserved(String),
    /// A header field that is there twice.
    #[error("the header `{0}` is there twice; put both values in one, with a comma between")]
    Twice(String),
    /// Too many header fields.
    #[error("a reply has at most {most} headers", most = limits::REPLY_HEADERS)]
    TooManyHeaders,
    /// A time to wait that is out of its range.
    #[error("a sender cannot wait {0} s: 1 to {most} s", most = limits::REPLY_WAIT_SECONDS)]
    Wait(u32),
    /// A fixed reply and a wait at once.
    #[error("a sender either gets a fixed reply or waits for its task; name one of the two")]
    Both,
    /// A text that is no URL to lead a browser to.
    #[error(
        "`{0}` is no URL to redirect to: an absolute http or https URL without user and password, of at most {most} bytes, e.g. `https://example.com/thanks`", most = limits::URL_BYTES
    )]
    Redirect(String),
    /// A text that is no origin.
    #[error(
        "`{0}` is not an origin: scheme, host and port alone, e.g. `https://app.example.com` or `http://localhost:5173`, or `*` for every page"
    )]
    Origin(String),
    /// `*` beside others.
    #[error("`*` allows every page; name it alone, or leave it out")]
    AllOrigins,
    /// Too many origins.
    #[error("{0} origins are too many; at most {most} can be named", most = limits::REPLY_ORIGINS)]
    TooManyOrigins(usize),
}

impl ReplyError {
    /// The member of the API that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait_seconds",
            Self::Redirect(_) => "redirect",
            Self::Origin(_) | Self::AllOrigins | Self::TooManyOrigins(_) => "allow_origins",
            _ => "reply",
        }
    }
}
