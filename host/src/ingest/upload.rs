//! `multipart/form-data` (RFC 7578): texts become the fields of a form, files go to the disk as they come in, and what a
//! task has of a file is `{"name", "type", "size", "url", "digest"}`. A request's memory does not depend on its size.

mod names;
mod parts;
mod pieces;

pub(super) use parts::Reading;
pub(super) use pieces::Watch;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::json;

use super::decode::{DecodeError, Fields};
use super::read::ReadError;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::store::BlobError;
use crate::store::blobs::{Arrived, Blobs};
use crate::vault::links::{FileLink, FileLinks};

/// Why an upload is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UploadError {
    /// It is larger than may be.
    #[error("the upload is larger than {most} bytes, the most that is taken here")]
    TooLarge {
        /// The bound.
        most: u64,
    },
    /// The fields that are no files are larger than a body may be.
    #[error(
        "the form's texts are larger than {most} bytes, the most that is taken here; send what is larger as a file"
    )]
    TextsTooLarge {
        /// The bound.
        most: usize,
    },
    /// More files than one request may bring.
    #[error("the form has more than {most} files, the most of one request; send several requests", most = limits::FILES_PER_REQUEST)]
    TooManyFiles,
    /// The server's bounds of files, or its disk.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// It did not come in.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is no form.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Takes in uploads.
#[derive(Debug)]
pub struct Uploads {
    pub(super) blobs: Arc<Blobs>,
    links: FileLinks,
    /// The most bytes of one request.
    pub(super) most: u64,
}

/// A form that was read to its end. Its files are gone when it is dropped.
#[derive(Debug)]
pub(super) struct Upload {
    /// Bytes of its texts.
    texts: usize,
    fields: Fields,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: String,
    media_type: String,
    arrived: Arrived,
}

impl Uploads {
    /// Takes requests of at most `most` bytes.
    pub fn new(blobs: Arc<Blobs>, links: FileLinks, most: u64) -> Self {
        Self { blobs, links, most }
    }

    /// What a link leads to, see [`FileLinks::check`].
    pub fn links(&self) -> &FileLinks {
        &self.links
    }

    /// The document of a form, as one that becomes the data of this task now.
    pub(super) fn document(
        &self,
        upload: &Upload,
        (workspace, task): (&WorkspaceName, TaskId),
        now: Millis,
    ) -> Bytes {
        let file = |number: usize| {
            let Some(file) = upload.files.get(number) else {
                return serde_json::Value::Null;
            };
            let link = FileLink {
                workspace: workspace.clone(),
                task,
                digest: file.arrived.digest,
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                expires: now.saturating_add(limits::FILE_LINK_MS),
            };
            json!({
                "name": file.name,
                "type": file.media_type,
                "size": file.arrived.size,
                "url": self.links.url(&link),
                "digest": HEXLOWER.encode(&file.arrived.digest),
            })
        };
        upload.fields.clone().with_files(&file).into()
    }
}

impl Upload {
    /// About how many bytes its document has.
    pub(super) fn about_bytes(&self) -> usize {
        self.texts + 512 * self.files.len()
    }

    /// Its files.
    pub(super) fn into_files(self) -> Vec<Arrived> {
        self.files.into_iter().map(|file| file.arrived).collect()
    }
}

/// How long an upload may take of which so many bytes have come: as long as another body, and as long as a slow line takes
/// for these.
fn time(most: Duration, bytes: u64) -> Duration {
    most + Duration::from_millis(bytes.saturating_mul(1000) / limits::UPLOAD_BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests;
