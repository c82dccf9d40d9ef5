//! From a request's body, read and verified, to its tasks: it is decoded, and merged into the open task that it is about,
//! or accepted, unless it repeats an earlier one.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use rustc_hash::FxHashMap;

use super::correlate;
use super::decode::{self, Decoded, Document};
use super::dedup;
use super::finishing::Finishing;
use super::read::{ReadError, Share};
use super::receive::{AcceptedTaskIds, Head, Ingest, Refusal, Reply, Sent};
use super::verify::Delivery;
use crate::catalog::LiveWebhook;
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::engine::ActionError;
use crate::store::blobs::Kept;
use crate::store::{NewTask, StoreError};

/// How often a request of several documents is looked through again because another one delivered one of them.
const DELIVERED_MEANWHILE: usize = 10;

/// The content of a redelivery: that of the earlier delivery, or what the caller put in its place.
#[derive(Debug)]
pub enum RedeliveryContent {
    /// A body as it arrived, or another one in its place.
    Body(Bytes),
    /// The data of a task as it came in, without `$via`.
    Data {
        /// The data.
        document: Document,
        /// The provider whose secret verified it when it came; none if the data was edited, or nothing was checked.
        verified: Option<Arc<str>>,
    },
}

/// A task that makes a new one needless.
enum Existing {
    /// Of an earlier delivery with the same key.
    Delivered(TaskId),
    /// The open one that the document was merged into.
    Merged(TaskId),
}

impl Sent<'_> {
    fn dedup(&self, task: &NewTask, part: Option<usize>) -> Option<Dedup> {
        if self.redelivery_of.is_some() {
            return None;
        }
        dedup::dedup(self.webhook, self.head.headers, self.delivery, task, part)
    }
}

fn refuse_files(files: Kept, refusal: &Refusal) {
    match refusal {
        Refusal::Store(error) | Refusal::Action(ActionError::Store(error)) => files.refuse(error),
        _ => files.remove(),
    }
}

impl Ingest {
    /// Takes in a request that came before as if it came now. It is not verified again, and is not taken for a repeat. Its
    /// tasks name the delivery `of`.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is left of it.
    pub async fn redeliver(
        &self,
        webhook: &LiveWebhook,
        head: Head<'_>,
        content: RedeliveryContent,
        of: TaskId,
    ) -> Result<AcceptedTaskIds, Refusal> {
        let (size, verified) = match &content {
            RedeliveryContent::Body(body) => (body.len(), None),
            RedeliveryContent::Data { document, verified } => {
                (document.text.len(), verified.clone())
            }
        };
        let delivery = verified.map(Delivery::verified_before);
        let sent = Sent {
            webhook,
            head,
            delivery: delivery.as_ref(),
            redelivery_of: Some(of),
        };
        let share = Share::of(&self.bodies, &webhook.workspace, size)?;
        let reply = match content {
            RedeliveryContent::Body(body) => self.admit(sent, body, share).await?,
            RedeliveryContent::Data { mut document, .. } => {
                self.fit(sent, std::slice::from_mut(&mut document)).await?;
                let mut task = self.make(sent, &document).await?;
                task.head.id = self.engine.acceptor.place(task.head.id)?;
                let kept = self.shared_files(&task, of).await?;
                self.single(sent, task, share, kept).await?
            }
        };
        Ok(reply.accepted)
    }

    /// Takes in a body as it arrived.
    pub(super) async fn admit(
        &self,
        sent: Sent<'_>,
        body: Bytes,
        mut share: Share,
    ) -> Result<Reply, Refusal> {
        let (head, delivery) = (sent.head, sent.delivery);
        let workspace = &sent.webhook.workspace;
        let undo = || decode::undo(head.headers, &body, self.bounds.bytes);
        // A thread, and a turn, only where there is something to do.
        let encoded = match decode::is_encoded(head.headers) {
            true => body.len(),
            false => 0,
        };
        let plain = match self.work(workspace, encoded, undo).await? {
            Some(plain) => {
                share.grow(plain.len())?;
                plain
            }
            None => body,
        };
        if decode::is_multipart(head.method, head.content_type) {
            return self.admit_form(sent, &mut Full::new(plain), share).await;
        }
        let request = decode::Request {
            method: head.method,
            content_type: head.content_type,
            query: head.query,
            secret_parameter: delivery.and_then(|it| it.secret_parameter.as_deref()),
            headers: head.headers,
        };
        let bytes = plain.len();
        let decode = || decode::documents(request, plain);
        match self.work(workspace, bytes, decode).await? {
            Decoded::One(document) => self.one(sent, document, share).await,
            Decoded::Many(documents) => Box::pin(self.many(sent, documents, share)).await,
        }
    }

    async fn one(
        &self,
        sent: Sent<'_>,
        mut document: Document,
        share: Share,
    ) -> Result<Reply, Refusal> {
        self.fit(sent, std::slice::from_mut(&mut document)).await?;
        let task = self.make(sent, &document).await?;
        drop(document);
        self.single(sent, task, share, None).await
    }

    /// Takes in what became one task, with the files that it, or the open task that it is about, has been given.
    pub(super) async fn single(
        &self,
        sent: Sent<'_>,
        mut task: NewTask,
        share: Share,
        mut files: Option<Kept>,
    ) -> Result<Reply, Refusal> {
        task.dedup = sent.dedup(&task, None);
        let is_own = |files: &Kept| files.task() == task.head.id;
        // Those of an open task: the change of it goes on although its sender hangs up.
        if let Some(files) = files.as_mut().filter(|files| !is_own(files)) {
            files.begin_acceptance();
        }
        let existing = match self.check_is_there(sent.webhook) {
            Ok(()) => self.existing(sent, &task).await,
            Err(error) => Err(error.into()),
        };
        match existing {
            Ok(Some(Existing::Delivered(first))) => {
                files.into_iter().for_each(Kept::remove);
                return Ok(Reply::repeat(first));
            }
            Ok(Some(Existing::Merged(open))) => {
                files.into_iter().for_each(Kept::stay);
                return Ok(Reply::merged(open));
            }
            Ok(None) => {}
            Err(refusal) => {
                files
                    .into_iter()
                    .for_each(|files| refuse_files(files, &refusal));
                return Err(refusal);
            }
        }
        let id = match self.engine.acceptor.place(task.head.id) {
            Ok(id) if files.as_ref().is_none_or(|files| files.task() == id) => id,
            // The open task that they were for has ended a moment ago.
            Ok(_) => {
                files.into_iter().for_each(Kept::remove);
                return Err(ReadError::Overloaded.into());
            }
            Err(error) => {
                files.into_iter().for_each(Kept::remove);
                return Err(error.into());
            }
        };
        task.head.id = id;
        files.iter_mut().for_each(Kept::begin_acceptance);
        let admitted = self.engine.acceptor.clone().accept(task);
        Finishing::new(async move {
            let admitted = admitted.await;
            drop(share);
            match admitted {
                Ok(pace) => {
                    files.into_iter().for_each(Kept::stay);
                    Ok(Reply::of(id, pace))
                }
                Err(error) => {
                    files.into_iter().for_each(|files| files.refuse(&error));
                    match error {
                        // It came while the first one was on its way in.
                        StoreError::Duplicate { task } => Ok(Reply::repeat(task)),
                        error => Err(error.into()),
                    }
                }
            }
        })
        .await
    }

    /// Accepts the tasks of several documents together. Documents about open tasks are merged into those before, one by
    /// one: a sender that is refused sends all again, and merging the same again changes nothing. A document that was
    /// delivered before is answered with its task.
    async fn many(
        &self,
        sent: Sent<'_>,
        mut documents: Vec<Document>,
        mut share: Share,
    ) -> Result<Reply, Refusal> {
        self.fit(sent, &mut documents).await?;
        let texts: usize = documents.iter().map(|one| one.text.len()).sum();
        // Each says how it came in.
        let whole = texts + documents.len() * sent.head.bytes();
        let workspace = &sent.webhook.workspace;
        let make = || self.tasks(sent, &documents);
        let (mut made, bytes) = self.work(workspace, whole, make).await?;
        drop(documents);
        let more = bytes.saturating_sub(texts);
        share.grow(more)?;
        self.engine.acceptor.pace(workspace, more).await;
        for (part, task) in made.iter_mut().enumerate() {
            task.dedup = sent.dedup(task, Some(part));
        }
        let share = Arc::new(share);
        // Another request may deliver one of the documents between the look and the acceptance.
        for _ in 0..DELIVERED_MEANWHILE {
            let (ids, tasks) = self.sorted_out(sent, &made).await?;
            let admitted = self.engine.acceptor.clone().accept_all(tasks);
            let share = share.clone();
            let admitted = Finishing::new(async move {
                let admitted = admitted.await;
                drop(share);
                admitted
            });
            match admitted.await {
                Ok(pace) => {
                    return Ok(Reply {
                        accepted: AcceptedTaskIds::Many(ids),
                        duplicate: false,
                        merged: false,
                        pace,
                    });
                }
                Err(StoreError::Duplicate { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ReadError::Overloaded.into())
    }

    /// The task of each document, and those tasks that are new.
    async fn sorted_out(
        &self,
        sent: Sent<'_>,
        made: &[NewTask],
    ) -> Result<(Vec<TaskId>, Vec<NewTask>), Refusal> {
        self.check_is_there(sent.webhook)?;
        let (mut ids, mut tasks) = (Vec::new(), Vec::new());
        let mut taken = FxHashMap::default();
        for task in made {
            let key = task.dedup.map(|dedup| *dedup.key.as_bytes());
            let before = key.and_then(|key| taken.get(&key).copied());
            let existing = match before {
                Some(before) => Some(Existing::Delivered(before)),
                None => self.existing(sent, task).await?,
            };
            let id = match existing {
                Some(Existing::Delivered(id) | Existing::Merged(id)) => id,
                None => {
                    let mut task = task.clone();
                    task.head.id = self.engine.acceptor.place(task.head.id)?;
                    let id = task.head.id;
                    tasks.push(task);
                    id
                }
            };
            taken.extend(key.map(|key| (key, id)));
            ids.push(id);
        }
        Ok((ids, tasks))
    }

    /// The task that makes a new one needless: of an earlier delivery with the same key, or the open one that the
    /// document is about, which is changed by it. `task` is what it would become.
    async fn existing(&self, sent: Sent<'_>, task: &NewTask) -> Result<Option<Existing>, Refusal> {
        if let Some(dedup) = task.dedup {
            let workspace = &task.head.workspace;
            let first = self.engine.acceptor.delivered(workspace, dedup).await?;
            if let Some(first) = first {
                return Ok(Some(Existing::Delivered(first)));
            }
        }
        if sent.webhook.correlate.is_none() {
            return Ok(None);
        }
        let merged = correlate::merged(&self.engine, sent.webhook, task, sent.head.ip);
        // Boxed: the future of every request would have room for it.
        match Box::pin(merged).await {
            Ok(open) => Ok(open.map(Existing::Merged)),
            Err(ActionError::Store(StoreError::Duplicate { task })) => {
                Ok(Some(Existing::Delivered(task)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A body may take its time to come, and its webhook be deleted meanwhile. The workspace can then be another one of the
    /// same name, for which the request is not.
    fn check_is_there(&self, webhook: &LiveWebhook) -> Result<(), StoreError> {
        let found = self.catalog.webhook(&webhook.workspace, &webhook.id);
        match found.is_ok_and(|found| found.id == webhook.id) {
            true => Ok(()),
            false => Err(StoreError::Erasing(webhook.workspace.clone())),
        }
    }

    /// Does work on so many bytes of a request. If they are many, it is the workspace's, and takes its place among the
    /// work of others.
    pub(super) async fn work<T: Send>(
        &self,
        workspace: &WorkspaceName,
        bytes: usize,
        work: impl FnOnce() -> T + Send,
    ) -> T {
        if bytes <= limits::MATCHING_AT_ONCE_BYTES {
            return work();
        }
        let pool = &self.engine.pool;
        pool.run_borrowing(workspace, work).await
    }
}
