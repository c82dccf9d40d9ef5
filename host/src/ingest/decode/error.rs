//! Why a body is not decoded.

use crate::coding::CodingError;
use crate::domain::limits;
use crate::ingest::body::BodyError;

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A content coding that is not undone here.
    #[error(
        "the content coding `{0}` is not taken; send the body with Content-Encoding gzip, deflate, br or zstd, or without one"
    )]
    UnknownCoding(String),
    /// More codings than are undone.
    #[error("the body has {0} content codings, and at most {most} are taken; one is enough", most = limits::BODY_CODINGS)]
    TooManyCodings(usize),
    /// The body is not what `Content-Encoding` says.
    #[error("the body is not what its header Content-Encoding says: {0}")]
    BrokenCoding(String),
    /// The decoded body is larger than a body may be.
    #[error("the decoded body is larger than {most} bytes, the most that is taken here")]
    TooLarge {
        /// The bound.
        most: usize,
    },
    /// A form that is none, or that is too large.
    #[error("the form is not taken: {0}")]
    Form(String),
    /// A CloudEvent that is none.
    #[error("the CloudEvent is not taken: {0}")]
    Event(String),
    /// More documents than one request may bring.
    #[error("the body has more than {most} documents, the most that one request may make tasks of; send several requests", most = limits::TASKS_PER_REQUEST)]
    TooMany,
    /// What should be JSON is not.
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
