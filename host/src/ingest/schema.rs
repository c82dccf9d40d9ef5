//! Checks documents with their webhook's schema: what does not fit is refused, or its task says so.
//!
//! Small documents are checked at once. Larger ones are checked on other threads, as the workspace's time, and all
//! documents of a request together have a bound of work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stepwell_condition::Budget;
use stepwell_schema::Schema;

use super::accept::IngestError;
use super::body::{BodyError, to_value};
use super::decode::Document;
use super::fit::{Fit, Mismatch};
use super::read::ReadError;
use super::receive::{Ingest, Refusal, Sent};
use crate::domain::data::memory_estimate;
use crate::domain::limits;
use crate::domain::payload_schema::OnMismatch;

/// Time on the thread that takes a request in which is counted as the workspace's. Less is as much as counting it costs.
const COUNTED: Duration = Duration::from_micros(100);

impl Ingest {
    /// Checks the documents of a request, all of them before any becomes a task.
    ///
    /// # Errors
    /// The first one that is not JSON; the first one that does not fit, if the webhook refuses such.
    pub(super) async fn fit(
        &self,
        sent: Sent<'_>,
        documents: &mut [Document],
    ) -> Result<(), Refusal> {
        let webhook = sent.webhook;
        let (Some(compiled), Some(declared)) = (&webhook.compiled_schema, &webhook.schema) else {
            return Ok(());
        };
        let fits = self.fits(sent, compiled, documents).await?;
        let is_one = documents.len() == 1;
        for (number, (document, fit)) in documents.iter_mut().zip(fits).enumerate() {
            let line = document.line;
            let fit = fit.map_err(|error| IngestError::from(error.below(line)))?;
            let violations = match (declared.on_mismatch, fit) {
                (OnMismatch::Flag, fit) => {
                    document.fit = Some(Arc::new(fit));
                    continue;
                }
                (OnMismatch::Refuse, Fit::Fits) => continue,
                (OnMismatch::Refuse, Fit::Fails(violations)) => violations,
                (OnMismatch::Refuse, Fit::Unknown) => Vec::new(),
            };
            let mismatch = Mismatch {
                violations,
                document: (!is_one).then_some(number + 1),
            };
            return Err(IngestError::from(mismatch).into());
        }
        Ok(())
    }

    async fn fits(
        &self,
        sent: Sent<'_>,
        schema: &Arc<Schema>,
        documents: &[Document],
    ) -> Result<Vec<Result<Fit, BodyError>>, Refusal> {
        let workspace = &sent.webhook.workspace;
        let bytes = documents.iter().map(|document| document.text.len());
        let mut done = Vec::with_capacity(documents.len());
        if bytes.sum::<usize>() <= limits::SCHEMA_AT_ONCE_BYTES {
            let begun = Instant::now();
            let mut budget = Budget::new(limits::SCHEMA_AT_ONCE_UNITS);
            let texts = documents.iter().map(|document| &document.text);
            done.extend(
                texts
                    .map(|text| fits(schema, text, &mut budget))
                    // An undecided check may be decided with more work.
                    .take_while(|fit| *fit != Ok(Fit::Unknown)),
            );
            let used = begun.elapsed();
            if used >= COUNTED {
                self.engine.pool.spend(workspace, used);
            }
            if done.len() == documents.len() {
                return Ok(done);
            }
        }
        let rest = documents[done.len()..].iter();
        let rest: Vec<Bytes> = rest.map(|document| document.text.clone()).collect();
        let memory = self.memory(sent, &rest).await?;
        let schema = schema.clone();
        let checking = self.engine.pool.run_for(workspace, move || {
            let _memory = memory;
            let mut budget = Budget::new(limits::SCHEMA_UNITS);
            let rest = rest.iter();
            let fits = rest.map(|text| fits(&schema, text, &mut budget));
            fits.collect::<Vec<_>>()
        });
        done.extend(checking.await);
        Ok(done)
    }

    /// Memory for the values of one document at a time.
    async fn memory(
        &self,
        sent: Sent<'_>,
        texts: &[Bytes],
    ) -> Result<impl Send + 'static, Refusal> {
        let weights = texts
            .iter()
            .map(|text| memory_estimate(&String::from_utf8_lossy(text)));
        let bytes: usize = texts.iter().map(Bytes::len).sum();
        let (memory, needs) = (&self.engine.memory, weights.max().unwrap_or(0));
        let beside = limits::BODY_COPIES * bytes as u64;
        let taken = memory.wait_briefly_for(&sent.webhook.workspace, needs, beside);
        taken.await.ok_or_else(|| ReadError::Overloaded.into())
    }
}

fn fits(schema: &Schema, text: &[u8], budget: &mut Budget) -> Result<Fit, BodyError> {
    if budget.is_spent() {
        return Ok(Fit::Unknown);
    }
    let value = to_value(text)?;
    Ok(match schema.check(&value, budget) {
        Ok(violations) if violations.is_empty() => Fit::Fits,
        Ok(violations) => Fit::Fails(violations),
        Err(_) => Fit::Unknown,
    })
}
