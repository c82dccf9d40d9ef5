//! The files of the task, which came with its webhook's request.
//!
//! The data has of each file `{"name", "type", "size", "url", "digest"}`. A file is named by its `digest`, and never changes.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { csv: { digest: String }, rows: null })]
//! fn count_rows() -> Result {
//!     let digest: String = data::require("/csv/digest")?;
//!     let text = blobs::get(&digest)?.text()?;
//!     data::set("/rows", text.lines().count())?;
//!     Ok(())
//! }
//! # let (mock, digest) = stepwell_sdk::mock::Mock::new().file(b"a,b\n1,2\n");
//! # let outcome = mock.data(json!({"csv": {"digest": digest}})).run(count_rows);
//! # assert_eq!(outcome.data["rows"], 2);
//! ```

use crate::host;

/// Bytes that the server gives at once.
const PART: u32 = 1024 * 1024;

/// Why a file could not be read. The text says why.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such file, or the digest is none.
    #[error("{0}")]
    Refused(String),
    /// The file is not UTF-8.
    #[error("the file {digest} is not a text in UTF-8")]
    NotText {
        /// Its digest.
        digest: String,
        /// Where it is not.
        #[source]
        source: std::string::FromUtf8Error,
    },
}

/// A file of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    digest: String,
    size: u64,
}

/// The file with this digest.
///
/// # Errors
/// The task has no such file.
pub fn get(digest: &str) -> Result<Blob, BlobError> {
    let size = host::blob_size(digest).map_err(BlobError::Refused)?;
    let none = || BlobError::Refused(format!("the task has no file with the digest {digest}"));
    Ok(Blob {
        digest: digest.to_owned(),
        size: size.ok_or_else(none)?,
    })
}

impl Blob {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its SHA-256, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// At most `length` bytes from `offset` on: fewer, or none, at the end of the file.
    ///
    /// # Errors
    /// The server cannot read it.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let left = u32::try_from(length - bytes.len())
                .unwrap_or(PART)
                .min(PART);
            let at = offset.saturating_add(bytes.len() as u64);
            let part = host::blob_read(&self.digest, at, left).map_err(BlobError::Refused)?;
            if part.is_empty() {
                break;
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// All of it. Mind the step's memory: a file may be larger.
    ///
    /// # Errors
    /// The server cannot read it.
    pub fn bytes(&self) -> Result<Vec<u8>, BlobError> {
        self.read(0, usize::try_from(self.size).unwrap_or(usize::MAX))
    }

    /// All of it as a text.
    ///
    /// # Errors
    /// It is not UTF-8, or the server cannot read it.
    pub fn text(&self) -> Result<String, BlobError> {
        let text = String::from_utf8(self.bytes()?);
        text.map_err(|source| BlobError::NotText {
            digest: self.digest.clone(),
            source,
        })
    }
}
