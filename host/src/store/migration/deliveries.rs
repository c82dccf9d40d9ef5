//! The walk over recorded deliveries.

use std::collections::BTreeSet;

use super::MigrationError;
use super::summary::Item;
use super::walk::{Walk, encoded};
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::ids::{TaskId, WorkspaceName};

/// Bytes of deliveries that are written at once.
const AT_ONCE: usize = 128 * 1024;

impl Walk<'_> {
    /// Those of one webhook at a time. Where the target keeps fewer bytes, the oldest ones are left out.
    pub(super) async fn deliveries(
        &mut self,
        workspace: &WorkspaceName,
    ) -> Result<(), MigrationError> {
        let webhooks = self.from.delivery_webhooks(workspace).await;
        let webhooks = webhooks.map_err(MigrationError::Reading)?;
        let kept = self.kept(workspace, &webhooks).await?;
        for webhook in &webhooks {
            let mut found = self.of(workspace, webhook).await?;
            // The oldest first.
            found.reverse();
            let (mut some, mut bytes) = (Vec::new(), 0);
            for delivery in found {
                if kept
                    .as_ref()
                    .is_some_and(|kept| !kept.contains(&delivery.id))
                {
                    self.summary.deliveries_left += 1;
                    continue;
                }
                let value = encoded(&delivery)?;
                let parts: [&[u8]; 2] = [workspace.as_str().as_bytes(), &value];
                self.summary.add(Item::Deliveries, &parts);
                bytes += value.len();
                some.push(delivery);
                if bytes > AT_ONCE {
                    self.record(workspace, std::mem::take(&mut some)).await?;
                    bytes = 0;
                }
            }
            self.record(workspace, some).await?;
        }
        Ok(())
    }

    async fn of(
        &self,
        workspace: &WorkspaceName,
        webhook: &str,
    ) -> Result<Vec<Delivery>, MigrationError> {
        let query = DeliveryQuery {
            webhook: Some(webhook.to_owned()),
            ..DeliveryQuery::default()
        };
        let found = self.from.recorded_deliveries(workspace, &query).await;
        found.map_err(MigrationError::Reading)
    }

    async fn record(
        &self,
        workspace: &WorkspaceName,
        some: Vec<Delivery>,
    ) -> Result<(), MigrationError> {
        if let Some(to) = self.to
            && !some.is_empty()
        {
            let recorded = to.record_deliveries(workspace, u64::MAX, some).await;
            recorded.map_err(MigrationError::Writing)?;
        }
        Ok(())
    }

    /// The newest ones that the target keeps; none if it keeps all.
    async fn kept(
        &self,
        workspace: &WorkspaceName,
        webhooks: &[String],
    ) -> Result<Option<BTreeSet<TaskId>>, MigrationError> {
        let Some(most) = self.to.and_then(|to| to.delivery_bytes()) else {
            return Ok(None);
        };
        let mut sizes = Vec::new();
        for webhook in webhooks {
            for delivery in self.of(workspace, webhook).await? {
                sizes.push((delivery.id, encoded(&delivery)?.len() as u64));
            }
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut bytes = 0;
        let kept = sizes.into_iter().take_while(|(_, size)| {
            bytes += size;
            bytes <= most
        });
        let kept = kept.map(|(id, _)| id);
        Ok(Some(kept.collect()))
    }
}
