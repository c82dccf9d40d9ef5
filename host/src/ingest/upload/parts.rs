//! Reads the parts of a form: texts into memory, files to the disk.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use hyper::body::Body;
use multer::{Field, Multipart};
use tokio::time::Instant;

use super::names::{file_name, media_type};
use super::pieces::{Gate, PieceError, Pieces, Watch};
use super::{File, Upload, UploadError, Uploads, time};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::engine::Engine;
use crate::ingest::decode::{DecodeError, Fields};
use crate::ingest::read::{Bounds, ReadError, Share};
use crate::store::BlobError;
use crate::store::blobs::{Incoming, on_disk};

/// Bytes of a form that are counted at once for the rate at which its workspace writes.
const PACED: usize = 256 * 1024;
/// What a file counts for that rate beside its bytes: it is made, and made durable.
const FILE: usize = 32 * 1024;

/// The limits within which a form is read.
pub(in crate::ingest) struct Reading<'a> {
    /// Whose it is.
    pub(in crate::ingest) workspace: &'a WorkspaceName,
    /// Its `Content-Type`.
    pub(in crate::ingest) content_type: &'a str,
    /// Of its texts, and for how long it may come in as far as its size is not looked at.
    pub(in crate::ingest) bounds: Bounds,
    /// What counts its bytes for the rate at which its workspace writes; none if they are counted.
    pub(in crate::ingest) paced_by: Option<&'a Engine>,
}

struct Reader<'a> {
    uploads: &'a Uploads,
    workspace: &'a WorkspaceName,
    engine: Option<&'a Engine>,
    /// Bytes that are not counted yet.
    unpaced: usize,
    gate: Arc<Gate>,
    bounds: Bounds,
    began: Instant,
    /// Bytes of texts.
    texts: usize,
    fields: Fields,
    files: Vec<File>,
}

impl Uploads {
    /// Reads a form from its body, and the body to its end: `watch` sees all of it, in order. A file input that was left
    /// empty is an empty text.
    ///
    /// # Errors
    /// It is larger than may be, slow, not whole, or no form; then nothing is left of it.
    pub(in crate::ingest) async fn read<B>(
        &self,
        body: &mut B,
        reading: Reading<'_>,
        (share, watch): (&mut Share, Watch<'_>),
    ) -> Result<Upload, UploadError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let boundary = multer::parse_boundary(reading.content_type).map_err(|_| {
            let why = "its content type names no boundary, as in `multipart/form-data; boundary=x`";
            DecodeError::Form(why.to_owned())
        })?;
        let most = self.most;
        // By Content-Length; refused before a byte of it is read.
        if body.size_hint().lower() > most {
            return Err(UploadError::TooLarge { most });
        }
        let gate = Arc::new(Gate::default());
        let pieces = Pieces {
            body: &mut *body,
            gate: gate.clone(),
            most,
            watch: &mut *watch,
        };
        let mut reader = Reader {
            uploads: self,
            workspace: reading.workspace,
            engine: reading.paced_by,
            unpaced: 0,
            gate,
            bounds: reading.bounds,
            began: Instant::now(),
            texts: 0,
            fields: Fields::default(),
            files: Vec::new(),
        };
        let mut parts = Multipart::new(pieces, boundary);
        while let Some(part) = reader.next_part(&mut parts).await? {
            reader.part(part, share).await?;
        }
        drop(parts);
        // Bytes after the last part do not belong to the form, and are signed like the rest.
        let mut rest = Pieces {
            body,
            gate: reader.gate.clone(),
            most,
            watch,
        };
        while reader.rest(&mut rest).await?.is_some() {}
        reader.settle().await;
        Ok(Upload {
            texts: reader.texts,
            fields: reader.fields,
            files: reader.files,
        })
    }
}

impl Reader<'_> {
    /// Counts bytes for the rate at which the workspace writes while others are active, and waits for that rate.
    async fn pace(&mut self, bytes: usize) {
        self.unpaced += bytes;
        if self.unpaced >= PACED {
            self.settle().await;
        }
    }

    async fn settle(&mut self) {
        let bytes = std::mem::take(&mut self.unpaced);
        if let Some(engine) = self.engine {
            let before = Instant::now();
            engine.acceptor.pace(self.workspace, bytes).await;
            // The sender is not slow meanwhile.
            self.began += before.elapsed();
        }
    }

    /// Waits for what a parser gives, as long as the body may take.
    async fn ask<T>(
        &self,
        mut ask: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Result<T, multer::Error>>,
    ) -> Result<T, UploadError> {
        let began = self.gate.passed();
        let bounds = (began, limits::PART_HEAD_BYTES);
        loop {
            let passed = self.gate.passed();
            let until = self.began + time(self.bounds.time, passed);
            let asked = poll_fn(|context| self.gate.poll(context, bounds, &mut ask));
            match tokio::time::timeout_at(until, asked).await {
                Ok(Ok(given)) => return given.map_err(|error| self.refusal(&error)),
                Ok(Err(_)) => {
                    let most = limits::PART_HEAD_BYTES;
                    let why =
                        format!("what stands before a part's content has more than {most} bytes");
                    return Err(DecodeError::Form(why).into());
                }
                // Each byte that arrived meanwhile gives it more time.
                Err(_) if self.gate.passed() > passed => {}
                Err(_) => {
                    return Err(ReadError::Slow {
                        seconds: time(self.bounds.time, passed).as_secs(),
                    }
                    .into());
                }
            }
        }
    }

    fn refusal(&self, error: &multer::Error) -> UploadError {
        if let multer::Error::StreamReadFailed(error) = error {
            match error.downcast_ref() {
                Some(PieceError::TooLarge) => {
                    let most = self.uploads.most;
                    return UploadError::TooLarge { most };
                }
                Some(PieceError::Broken(why)) => return ReadError::Broken(why.clone()).into(),
                None => {}
            }
        }
        DecodeError::Form(format!("its parts do not read: {error}")).into()
    }

    /// The next bytes behind the form; none at the body's end.
    async fn rest<B>(&self, rest: &mut Pieces<'_, B>) -> Result<Option<Bytes>, UploadError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        self.ask(|context| {
            let piece = Pin::new(&mut *rest).poll_next(context);
            piece.map(|piece| {
                let failed = |error| multer::Error::StreamReadFailed(Box::new(error));
                piece.transpose().map_err(failed)
            })
        })
        .await
    }

    async fn next_part<'p>(
        &self,
        parts: &mut Multipart<'p>,
    ) -> Result<Option<Field<'p>>, UploadError> {
        self.ask(|context| parts.poll_next_field(context)).await
    }

    /// The next bytes of a part; none at its end.
    async fn next_piece(&self, part: &mut Field<'_>) -> Result<Option<Bytes>, UploadError> {
        self.ask(|context| {
            Pin::new(&mut *part)
                .poll_next(context)
                .map(Option::transpose)
        })
        .await
    }

    async fn part(&mut self, mut part: Field<'_>, share: &mut Share) -> Result<(), UploadError> {
        let Some(field) = part.name().map(str::to_owned) else {
            return Err(DecodeError::Form("a part of it has no name".into()).into());
        };
        let headers = part.headers();
        let disposition = headers.get(CONTENT_DISPOSITION);
        let file = disposition.and_then(|value| file_name(value.as_bytes()));
        let Some(name) = file else {
            let text = self.text(&mut part, share).await?;
            return Ok(self.fields.add(&field, text)?);
        };
        let media_type = media_type(headers.get(CONTENT_TYPE).map(|value| value.as_bytes()));
        // An input that was left empty has no name, and no content.
        let mut incoming = match name {
            Some(_) => Some(self.begin().await?),
            None => None,
        };
        while let Some(piece) = self.next_piece(&mut part).await? {
            if piece.is_empty() {
                continue;
            }
            let file = match incoming.take() {
                Some(file) => file,
                None => self.begin().await?,
            };
            self.pace(piece.len()).await;
            // The piece is dropped here: its memory is used again for the next one.
            let (mut file, _piece) =
                on_disk(move || Ok::<_, BlobError>((write(file, &piece)?, piece))).await?;
            if let Some(engine) = self.engine {
                engine.pool.spend(self.workspace, file.take_hashing());
            }
            incoming = Some(file);
        }
        let Some(incoming) = incoming else {
            return Ok(self.fields.add(&field, String::new())?);
        };
        let arrived = incoming.finish();
        self.fields.add_file(&field, self.files.len())?;
        self.files.push(File {
            name: name.unwrap_or_else(|| "file".into()),
            media_type,
            arrived,
        });
        Ok(())
    }

    async fn begin(&mut self) -> Result<Incoming, UploadError> {
        if self.files.len() >= limits::FILES_PER_REQUEST {
            return Err(UploadError::TooManyFiles);
        }
        self.pace(FILE).await;
        let (blobs, workspace) = (self.uploads.blobs.clone(), self.workspace.clone());
        Ok(on_disk(move || blobs.begin(&workspace)).await?)
    }

    async fn text(
        &mut self,
        part: &mut Field<'_>,
        share: &mut Share,
    ) -> Result<String, UploadError> {
        let mut text = BytesMut::new();
        while let Some(piece) = self.next_piece(part).await? {
            self.texts += piece.len();
            let most = self.bounds.bytes;
            if self.texts > most {
                return Err(UploadError::TextsTooLarge { most });
            }
            share.grow(piece.len())?;
            self.pace(piece.len()).await;
            text.extend_from_slice(&piece);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn write(mut file: Incoming, piece: &[u8]) -> Result<Incoming, BlobError> {
    file.write(piece)?;
    Ok(file)
}
