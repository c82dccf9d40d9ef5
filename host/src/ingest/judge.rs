//! Judges a request, with the key that its sender publishes if it needs one.

use stepwell_signature::{Keys, Refused};

use super::receive::{Head, Ingest};
use super::verify::{self, Incoming, VerifiedRequest, VerifyError};
use crate::catalog::{LiveWebhook, Verifier};
use crate::domain::ids::WorkspaceName;

impl Ingest {
    /// Verifies a request by its webhook's verifier; none if the webhook has none.
    ///
    /// # Errors
    /// Nothing vouches for it, or its sender's key is not to be had.
    pub(super) async fn judge(
        &self,
        webhook: &LiveWebhook,
        head: Head<'_>,
        body: &[u8],
    ) -> Result<Option<VerifiedRequest>, VerifyError> {
        let Some(verifier) = &webhook.verifier else {
            return Ok(None);
        };
        let incoming = self.incoming(webhook, head, body);
        let judge = || self.judge_with(verifier, incoming, None);
        let mut verdict = self.work(&webhook.workspace, body.len(), judge).await;
        if is(&verdict, &Refused::KeyMissing) {
            verdict = Box::pin(self.judge_by_keys(webhook, verifier, incoming)).await;
        }
        let verdict = verdict?;
        if let VerifiedRequest::Challenge(answer) = &verdict
            && let Some(url) = &answer.visit
        {
            Box::pin(self.keys.visit(&webhook.workspace, url)).await?;
        }
        Ok(Some(verdict))
    }

    /// The parts of a request that are verified.
    pub(super) fn incoming<'a>(
        &'a self,
        webhook: &LiveWebhook,
        head: Head<'a>,
        body: &'a [u8],
    ) -> Incoming<'a> {
        Incoming {
            method: head.method,
            base_url: &self.base_url,
            target: head.target,
            headers: head.headers,
            body,
            takes_get: webhook.intake.methods.has("GET"),
        }
    }

    fn judge_with(
        &self,
        verifier: &Verifier,
        incoming: Incoming<'_>,
        keys: Option<&Keys>,
    ) -> Result<VerifiedRequest, VerifyError> {
        verify::judge(verifier, incoming, keys, self.clock.now())
    }

    async fn judge_by_keys(
        &self,
        webhook: &LiveWebhook,
        verifier: &Verifier,
        incoming: Incoming<'_>,
    ) -> Result<VerifiedRequest, VerifyError> {
        let workspace = &webhook.workspace;
        let url = verify::keys_url(verifier, incoming)?;
        let keys = self.keys.at(workspace, &url, false).await?;
        let verdict = self.judge_with(verifier, incoming, Some(&keys));
        if !matches!(
            &verdict,
            Err(VerifyError::Refused {
                refused: Refused::KeyUnknown { .. },
                ..
            })
        ) {
            return self.proved(workspace, &url, verdict);
        }
        // The sender may have exchanged its keys.
        let keys = self.keys.at(workspace, &url, true).await?;
        let verdict = self.judge_with(verifier, incoming, Some(&keys));
        self.proved(workspace, &url, verdict)
    }

    /// Notes the keys that verified a request.
    fn proved(
        &self,
        workspace: &WorkspaceName,
        url: &str,
        verdict: Result<VerifiedRequest, VerifyError>,
    ) -> Result<VerifiedRequest, VerifyError> {
        if verdict.is_ok() {
            self.keys.prove(workspace, url);
        }
        verdict
    }
}

fn is(verdict: &Result<VerifiedRequest, VerifyError>, expected: &Refused) -> bool {
    matches!(verdict, Err(VerifyError::Refused { refused, .. }) if refused == expected)
}
