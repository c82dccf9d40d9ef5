//! Why a body is not decoded.

use crate::coding::CodingError;
use crate::domain::limits;
use crate::ingest::body::BodyError;

/// Why a request's body, or a form in parts, is not decoded into JSON documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A content coding that is not supported. Holds its name.
    #[error(
        "the content coding `{0}` is not taken; send the body with Content-Encoding gzip, deflate, br or zstd, or without one"
    )]
    UnknownCoding(String),
    /// More content codings than are supported. Holds their number.
    #[error("the body has {0} content codings, and at most {most} are taken; one is enough", most = limits::BODY_CODINGS)]
    TooManyCodings(usize),
    /// The body is not what `Content-Encoding` says. Holds the reason.
    #[error("the body is not what its header Content-Encoding says: {0}")]
    BrokenCoding(String),
    /// The decoded body is larger than a body may be.
    #[error("the decoded body is larger than {most} bytes, the most that is taken here")]
    TooLarge {
        /// The limit in bytes.
        most: usize,
    },
    /// Not a valid form (URL-encoded or in parts), or one with too many or too deep fields. Holds the reason.
    #[error("the form is not taken: {0}")]
    Form(String),
    /// Not a valid CloudEvent. Holds the reason.
    #[error("the CloudEvent is not taken: {0}")]
    Event(String),
    /// More than [`limits::TASKS_PER_REQUEST`] documents.
    #[error("the body has more than {most} documents, the most that one request may make tasks of; send several requests", most = limits::TASKS_PER_REQUEST)]
    TooMany,
    /// The JSON is empty, invalid, not UTF-8 or nested too deeply.
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl DecodeError {
    /// The error of a coding that was to be undone to `most` bytes.
    pub(super) fn of_coding(error: CodingError, most: usize) -> Self {
        match error {
            CodingError::TooLarge => Self::TooLarge { most },
            CodingError::Broken(why) => Self::BrokenCoding(why),
        }
    }
}

/// A text of the sender's for a message: at most 80 characters of it.
pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
