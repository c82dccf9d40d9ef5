//! The tasks that documents become.

use super::accept::{Arrival, IngestError, new_task};
use super::decode::Document;
use super::receive::{Ingest, Sent};
use crate::domain::limits;
use crate::store::NewTask;

impl Ingest {
    /// As [`Ingest::task`]; what it does with a large document is the workspace's.
    pub(super) async fn make(
        &self,
        sent: Sent<'_>,
        document: &Document,
    ) -> Result<NewTask, IngestError> {
        let make = || self.task(sent, document);
        let workspace = &sent.webhook.workspace;
        self.work(workspace, document.text.len(), make).await
    }

    /// The tasks of several documents, and the bytes of their data. As soon as these are too many, no more are made.
    pub(super) fn tasks(
        &self,
        sent: Sent<'_>,
        documents: &[Document],
    ) -> Result<(Vec<NewTask>, usize), IngestError> {
        let (mut made, mut bytes) = (Vec::with_capacity(documents.len()), 0);
        for document in documents {
            let task = self.task(sent, document)?;
            bytes += task.data.len();
            if bytes > limits::DATA_BYTES {
                return Err(IngestError::TogetherTooLarge(made.len() + 1));
            }
            made.push(task);
        }
        Ok((made, bytes))
    }

    pub(super) fn task(&self, sent: Sent<'_>, document: &Document) -> Result<NewTask, IngestError> {
        let head = sent.head;
        new_task(Arrival {
            webhook: sent.webhook,
            at: self.clock.now(),
            method: head.method,
            ip: head.ip,
            user_agent: head.user_agent,
            content_type: head.content_type,
            query: head.query,
            headers: head.headers,
            verifier: sent.webhook.verifier.as_ref(),
            document,
            delivery: sent.delivery,
            redelivery_of: sent.redelivery_of,
        })
    }
}
