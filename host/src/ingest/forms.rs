//! Takes in forms with files: their texts are data, and their files are durable before their task is.

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use hyper::body::Body;

use super::correlate;
use super::decode::{self, Document};
use super::read::Share;
use super::receive::{Head, Ingest, Received, Refusal, Reply, Sent};
use super::upload::{Reading, Upload, UploadError};
use super::verify::Verdict;
use crate::catalog::LiveWebhook;
use crate::domain::ids::TaskId;
use crate::store::blobs::{Kept, on_disk};
use crate::store::{BlobError, NewTask};

impl Ingest {
    /// Whether a request is a form whose parts are read as they come. One that cannot be verified without its body is read
    /// whole before, and so is one with content codings; both have the bound of other bodies.
    pub(super) fn is_read_in_parts(&self, webhook: &LiveWebhook, head: Head<'_>) -> bool {
        let verifier = webhook.verifier.as_ref();
        decode::is_multipart(head.method, head.content_type)
            && !head.headers.contains_key(CONTENT_ENCODING)
            && !verifier.is_some_and(|verifier| verifier.reads_body())
    }

    /// Takes in such a form. Its sender is verified before it is read.
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
        let delivery = match self.judge(webhook, head, &[])? {
            None => None,
            Some(Verdict::Challenge(answer)) => return Ok(Received::Challenge(answer)),
            Some(Verdict::Delivery(delivery)) => Some(delivery),
        };
        let sent = Sent {
            webhook,
            head,
            delivery: delivery.as_ref(),
            redelivery_of: None,
        };
        let share = Share::of(&self.bodies, &webhook.workspace, 0)?;
        let reply = self.admit_form(sent, body, share).await?;
        Ok(Received::Tasks(reply))
    }

    /// Reads a form that is verified, and takes it in.
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
        let acceptor = &self.engine.acceptor;
        // Before anything is written to the disk for it.
        acceptor.takes_new()?;
        let reading = Reading {
            workspace: &sent.webhook.workspace,
            content_type: sent.head.content_type.unwrap_or_default(),
            bounds: self.bounds,
        };
        let upload = self.uploads.read(body, reading, &mut share).await?;
        let id = acceptor.place(TaskId::new())?;
        let mut task = self.form_task(sent, &upload, id)?;
        let mut owner = id;
        // What is merged into an open task has links to that one's files.
        if let Some(open) = correlate::target(sent.webhook, &task)
            && acceptor.is_open(&sent.webhook.workspace, open).await?
        {
            owner = open;
            task = self.form_task(sent, &upload, open)?;
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

    /// What a form becomes whose files are `owner`'s.
    fn form_task(
        &self,
        sent: Sent<'_>,
        upload: &Upload,
        owner: TaskId,
    ) -> Result<NewTask, Refusal> {
        let place = (&sent.webhook.workspace, owner);
        let text = self.uploads.document(upload, place, self.clock.now());
        let event = decode::attributes(sent.head.headers)?;
        let document = Document {
            event: event.map(Box::new),
            ..Document::new(text)
        };
        Ok(self.task(sent, &document)?)
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
