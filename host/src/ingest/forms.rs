//! Takes in forms with files: their texts are data, and their files are durable before their task is.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use hyper::body::Body;

use super::correlate;
use super::decode::{self, Document};
use super::read::Share;
use super::receive::{Head, Ingest, Received, Refusal, Reply, Sent};
use super::upload::{Reading, Upload, UploadError, Watch};
use super::verify::{Signed, VerifiedRequest};
use crate::catalog::LiveWebhook;
use crate::domain::ids::TaskId;
use crate::engine::Engine;
use crate::store::blobs::{Kept, on_disk};
use crate::store::{BlobError, NewTask};

impl Ingest {
    /// Whether a request is a form whose parts are read as they come. One that can only be verified when its whole body is
    /// there is read whole before, and so is one with content codings; both have the bound of other bodies.
    pub(super) fn is_read_in_parts(&self, webhook: &LiveWebhook, head: Head<'_>) -> bool {
        let verifier = webhook.verifier.as_ref();
        decode::is_multipart(head.method, head.content_type)
            && !head.headers.contains_key(CONTENT_ENCODING)
            && verifier
                .is_none_or(|verifier| !verifier.reads_body() || verifier.is_verified_in_pieces())
    }

    /// Takes in such a form. Its sender is verified before it is read, or, where a signature covers the body, while it is:
    /// its files are its task's only when the signature fits.
    pub(super) async fn receive_form<B>(
        &self,
        webhook: &LiveWebhook,
        head: Head<'_>,
        body: &mut B,
    ) -> Result<Received, Refusal>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let mut share = Share::of(&self.bodies, &webhook.workspace, 0)?;
        let verifier = webhook.verifier.as_ref();
        let (upload, delivery) = match verifier.filter(|verifier| verifier.reads_body()) {
            Some(verifier) => {
                let incoming = self.incoming(webhook, head, &[]);
                let mut signed = Signed::begin(verifier, incoming, self.clock.now())?;
                let pool = &self.engine.pool;
                let mut watch = |piece: &[u8]| {
                    let began = Instant::now();
                    signed.update(piece);
                    pool.spend(&webhook.workspace, began.elapsed());
                };
                let engine = Some(&*self.engine);
                let beside = (&mut share, &mut watch as Watch<'_>, engine);
                let upload = self.read_form(webhook, head, body, beside);
                let upload = upload.await?;
                (upload, Some(signed.finish(verifier)?))
            }
            None => {
                let delivery = match self.judge(webhook, head, &[]).await? {
                    None => None,
                    Some(VerifiedRequest::Challenge(answer)) => {
                        return Ok(Received::Challenge(answer));
                    }
                    Some(VerifiedRequest::Delivery(delivery)) => Some(delivery),
                };
                let mut watch = |_: &[u8]| {};
                let engine = Some(&*self.engine);
                let beside = (&mut share, &mut watch as Watch<'_>, engine);
                let upload = self.read_form(webhook, head, body, beside);
                (upload.await?, delivery)
            }
        };
        let sent = Sent {
            webhook,
            head,
            delivery: delivery.as_ref(),
            redelivery_of: None,
        };
        let reply = self.admit_upload(sent, upload, share).await?;
        Ok(Received::Tasks(reply))
    }

    /// Reads a form that is verified and was counted when it came in, and takes it in.
    pub(super) async fn admit_form<B>(
        &self,
        sent: Sent<'_>,
        body: &mut B,
        mut share: Share,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let mut watch = |_: &[u8]| {};
        let beside = (&mut share, &mut watch as Watch<'_>, None);
        let reading = self.read_form(sent.webhook, sent.head, body, beside);
        let upload = reading.await?;
        self.admit_upload(sent, upload, share).await
    }

    async fn read_form<B>(
        &self,
        webhook: &LiveWebhook,
        head: Head<'_>,
        body: &mut B,
        (share, watch, paced_by): (&mut Share, Watch<'_>, Option<&Engine>),
    ) -> Result<Upload, Refusal>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        // Before anything is written to the disk for it.
        self.engine.acceptor.takes_new()?;
        let reading = Reading {
            workspace: &webhook.workspace,
            content_type: head.content_type.unwrap_or_default(),
            bounds: self.bounds,
            paced_by,
        };
        let read = self.uploads.read(body, reading, (share, watch));
        Ok(read.await?)
    }

    async fn admit_upload(
        &self,
        sent: Sent<'_>,
        upload: Upload,
        share: Share,
    ) -> Result<Reply, Refusal> {
        let acceptor = &self.engine.acceptor;
        let id = acceptor.place(TaskId::new())?;
        let mut document = self.form_document(sent, &upload, id).await?;
        self.fit(sent, std::slice::from_mut(&mut document)).await?;
        let mut task = self.make(sent, &document).await?;
        let mut owner = id;
        // A form that is merged into an open task has links to that task's files.
        if let Some(open) = correlate::target(sent.webhook, &task)
            && acceptor.is_open(&sent.webhook.workspace, open).await?
        {
            owner = open;
            // Only the links are others.
            let fit = document.fit.take();
            document = self.form_document(sent, &upload, open).await?;
            document.fit = fit;
            task = self.make(sent, &document).await?;
        }
        task.head.id = id;
        let files = upload.into_files();
        let kept = if files.is_empty() {
            None
        } else {
            let (blobs, workspace) = (self.uploads.blobs.clone(), task.head.workspace.clone());
            let kept = on_disk(move || blobs.keep(&workspace, owner, files)).await;
            Some(kept.map_err(|error| UploadError::from(BlobError::from(error)))?)
        };
        self.single(sent, task, share, kept).await
    }

    /// The document of a form whose files belong to `owner`.
    async fn form_document(
        &self,
        sent: Sent<'_>,
        upload: &Upload,
        owner: TaskId,
    ) -> Result<Document, Refusal> {
        let workspace = &sent.webhook.workspace;
        let write = || {
            let place = (workspace, owner);
            self.uploads.document(upload, place, self.clock.now())
        };
        let text = self.work(workspace, upload.about_bytes(), write).await;
        let event = decode::attributes(sent.head.headers)?;
        Ok(Document {
            event: event.map(Arc::new),
            ..Document::new(text)
        })
    }

    /// The files of a task for one that is made of the same data, if there are any.
    pub(super) async fn shared_files(
        &self,
        task: &NewTask,
        from: TaskId,
    ) -> Result<Option<Kept>, Refusal> {
        let (blobs, head) = (self.uploads.blobs.clone(), &task.head);
        let (workspace, to) = (head.workspace.clone(), head.id);
        let shared = on_disk(move || blobs.share(&workspace, (from, to))).await;
        Ok(shared.map_err(UploadError::from)?)
    }
}
