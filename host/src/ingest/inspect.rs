//! The reader of forms with files by itself, for the fuzz targets in `fuzz/`.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;

use super::read::{Bodies, Bounds, Share};
use super::upload::{Reading, UploadError, Uploads};
use crate::domain::budget::Budget;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::BlobError;
use crate::store::blobs::Blobs;
use crate::vault::{Vault, VaultError};

/// Reads forms; their files are gone when their data is made.
pub struct Forms {
    uploads: Uploads,
    bodies: Arc<Bodies>,
    blobs: Arc<Blobs>,
    workspace: WorkspaceName,
    texts: usize,
}

impl Forms {
    /// Of a workspace, with files below `directory`; a form may have `most` bytes, and texts of `texts`.
    ///
    /// # Errors
    /// The directory has a vault's key that is none.
    pub fn new(
        workspace: WorkspaceName,
        directory: &Path,
        (most, texts): (u64, usize),
    ) -> Result<Self, VaultError> {
        let vault = Vault::open(directory, Some(&"a".repeat(64)))?;
        let blobs = Blobs::new(directory.join("blobs"));
        Ok(Self {
            uploads: Uploads::new(blobs.clone(), vault.links("http://h"), most),
            bodies: Bodies::new(1 << 30, Budget::unlimited()),
            blobs,
            workspace,
            texts,
        })
    }

    /// The data of a form that comes in these pieces, as of the least task at time 0; and its files, which the task has
    /// been given and which are removed now.
    ///
    /// # Errors
    /// As a sender is told.
    pub async fn read(
        &self,
        content_type: &str,
        pieces: Vec<Bytes>,
    ) -> Result<(Bytes, Vec<Vec<u8>>), UploadError> {
        let frames = pieces
            .into_iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let reading = Reading {
            workspace: &self.workspace,
            content_type,
            bounds: Bounds {
                bytes: self.texts,
                time: Duration::from_secs(60),
            },
            paced_by: None,
        };
        let mut share = Share::of(&self.bodies, &self.workspace, 0)?;
        let mut body = StreamBody::new(stream::iter(frames));
        let mut watch = |_: &[u8]| {};
        let upload = self
            .uploads
            .read(&mut body, reading, (&mut share, &mut watch))
            .await?;
        let task = TaskId::MIN;
        let data = self.uploads.document(&upload, (&self.workspace, task), 0);
        let files = upload.into_files();
        let digests: Vec<_> = files.iter().map(|file| file.digest).collect();
        if digests.is_empty() {
            return Ok((data, Vec::new()));
        }
        let kept = self.blobs.keep(&self.workspace, task, files);
        let kept = kept.map_err(BlobError::from)?;
        let mut contents = Vec::new();
        for digest in digests {
            let whole = (0, usize::MAX);
            let read = self.blobs.read(&self.workspace, task, &digest, whole);
            let (_, content) = read.map_err(BlobError::from)?.unwrap_or_default();
            contents.push(content);
        }
        kept.remove();
        Ok((data, contents))
    }
}
