//! The log of deliveries: the outcome of each request to a webhook.
//!
//! Deliveries that became tasks are not written again: they are found by their tasks ([`find`]). All others are
//! recorded here, in memory first, and written once a second; more than a bound of one webhook are only counted. So a
//! crash loses at most the last second of them, and a flood of refusals neither fills the disk nor delays others.

pub mod find;
mod request;

pub use request::MASK;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::bucket::{Bucket, Refill};
use super::receive::Head;
use crate::catalog::{LiveWebhook, Verifier};
use crate::domain::clock::Clock;
use crate::domain::delivery::{Delivery, DeliveryBody, Verdict};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::store::{Store, StoreError};

/// How often pending deliveries are written.
const EVERY: Duration = Duration::from_secs(1);
/// How often requests to URLs that are no webhook's are reported, in units of [`EVERY`].
const REPORT_AFTER: u32 = 60;
/// How many deliveries of one webhook are recorded.
const RECORDED: Refill = Refill {
    rate: 1.0,
    burst: limits::DELIVERIES_AT_ONCE as f64,
};

pub struct DeliveryLog {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pending: Mutex<Pending>,
    /// Held while pending deliveries are written.
    writing: Arc<tokio::sync::Mutex<()>>,
    /// Requests to URLs that are no webhook's, since they were last reported.
    unknown: AtomicU64,
}

#[derive(Default)]
struct Pending {
    /// By the workspace, and the revision of the setup at which they came.
    deliveries: HashMap<(WorkspaceName, u64), Vec<Delivery>>,
    /// Bytes of those of each workspace.
    bytes_of: HashMap<WorkspaceName, usize>,
    /// Bytes of all.
    bytes: usize,
    /// By the webhook's id.
    allowances: HashMap<String, Allowance>,
}

/// How many more deliveries of a webhook may be recorded.
struct Allowance {
    bucket: Bucket,
    omitted: u64,
}

impl Pending {
    /// Whether one more delivery of a webhook is recorded, and how many before it were not.
    fn admit(&mut self, workspace: &WorkspaceName, webhook: &str) -> Option<u64> {
        let now = Instant::now();
        if !self.allowances.contains_key(webhook) {
            let bucket = Bucket::full(RECORDED, now);
            let allowance = Allowance { bucket, omitted: 0 };
            self.allowances.insert(webhook.to_owned(), allowance);
        }
        let own = self.bytes_of.get(workspace).copied().unwrap_or_default();
        let most = match own < limits::DELIVERIES_PENDING_OF_WORKSPACE {
            true => limits::DELIVERIES_PENDING,
            false => limits::DELIVERIES_PENDING / 2,
        };
        let is_full = self.bytes >= most;
        let allowance = self.allowances.get_mut(webhook)?;
        if is_full || allowance.bucket.take(RECORDED, now).is_err() {
            allowance.omitted += 1;
            return None;
        }
        Some(std::mem::take(&mut allowance.omitted))
    }

    fn push(&mut self, (workspace, known): (&WorkspaceName, u64), delivery: Delivery) {
        let bytes = request::size(&delivery);
        self.bytes += bytes;
        *self.bytes_of.entry(workspace.clone()).or_default() += bytes;
        let of_workspace = self.deliveries.entry((workspace.clone(), known));
        of_workspace.or_default().push(delivery);
    }

    /// Takes everything that is pending.
    fn take(&mut self) -> HashMap<(WorkspaceName, u64), Vec<Delivery>> {
        let now = Instant::now();
        self.allowances.retain(|_, allowance| {
            allowance.omitted > 0 || allowance.bucket.tokens(RECORDED, now) < RECORDED.burst
        });
        self.bytes = 0;
        self.bytes_of.clear();
        std::mem::take(&mut self.deliveries)
    }
}

impl DeliveryLog {
    /// A log that is written to `store` as long as it exists. Within a runtime.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let log = Arc::new(Self {
            store,
            clock,
            pending: Mutex::default(),
            writing: Arc::default(),
            unknown: AtomicU64::new(0),
        });
        tokio::spawn(write(Arc::downgrade(&log), log.clock.clone()));
        log
    }

    /// Records a delivery that became no task. `body` is the part of its body that was read, if any was. The webhook was
    /// found at revision `known` of the setup or later.
    pub fn record(
        &self,
        (webhook, known): (&LiveWebhook, u64),
        head: &Head<'_>,
        verdict: Verdict,
        body: Option<&Bytes>,
    ) {
        let mut pending = self.pending.lock();
        let Some(omitted) = pending.admit(&webhook.workspace, &webhook.id) else {
            return;
        };
        let has_secret = |verifier: &Verifier| verifier.reads_secret_in_body();
        let keeps_body = matches!(verdict, Verdict::Refused { .. })
            && !webhook.intake.omits_bodies
            && !webhook.verifier.as_ref().is_some_and(has_secret);
        let body = match body.filter(|_| keeps_body) {
            None => DeliveryBody::None,
            Some(body) if body.len() > limits::DELIVERY_BODY_BYTES => {
                DeliveryBody::TooLarge(body.len() as u64)
            }
            Some(body) => DeliveryBody::Kept(body.to_vec()),
        };
        let delivery = Delivery {
            id: TaskId::new(),
            webhook: webhook.id.clone(),
            name: webhook.name.clone(),
            at: self.clock.now(),
            verdict,
            ip: head.ip.to_canonical(),
            method: head.method.to_owned(),
            query: request::query(head.query, webhook),
            headers: request::headers(head.headers, webhook),
            body,
            omitted,
        };
        pending.push((&webhook.workspace, known), delivery);
    }

    /// Counts a request to a URL that is no webhook's.
    pub fn count_unknown(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes everything that is pending, also if the caller goes away meanwhile: it is of all workspaces. What cannot be
    /// written is lost, and the server's log says so.
    pub async fn flush(&self) {
        let alone = self.writing.clone().lock_owned().await;
        let pending = self.pending.lock().take();
        if pending.is_empty() {
            return;
        }
        let store = self.store.clone();
        let writing = tokio::spawn(async move {
            let _alone = alone;
            for ((workspace, known), deliveries) in pending {
                let recorded = store.record_deliveries(&workspace, known, deliveries);
                match recorded.await {
                    Ok(()) | Err(StoreError::Erasing(_)) => {}
                    Err(error) => {
                        tracing::warn!(workspace.id = %workspace, %error, "deliveries are not recorded");
                    }
                }
            }
        });
        // It ends early only with the server.
        let _ = writing.await;
    }

    fn report_unknown(&self) {
        let requests = self.unknown.swap(0, Ordering::Relaxed);
        if requests > 0 {
            tracing::info!(requests, "requests came to URLs that are no webhook's");
        }
    }
}

async fn write(log: Weak<DeliveryLog>, clock: Arc<dyn Clock>) {
    let mut rounds = 0;
    loop {
        clock.sleep(EVERY).await;
        let Some(log) = log.upgrade() else { return };
        log.flush().await;
        rounds += 1;
        if rounds % REPORT_AFTER == 0 {
            log.report_unknown();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(bytes: usize) -> Delivery {
        Delivery {
            id: TaskId::new(),
            webhook: "w".to_owned(),
            name: "w".parse().unwrap(),
            at: 0,
            verdict: Verdict::Refused {
                status: 401,
                code: "signature-mismatch".into(),
                detail: String::new(),
            },
            ip: std::net::Ipv4Addr::LOCALHOST.into(),
            method: "POST".to_owned(),
            query: None,
            headers: Vec::new(),
            body: DeliveryBody::Kept(vec![0; bytes]),
            omitted: 0,
        }
    }

    /// Records deliveries to webhooks of a workspace, each to its own, until one is not. Returns how many bytes they have.
    fn flood(pending: &mut Pending, workspace: &WorkspaceName, first: usize) -> usize {
        let before = pending.bytes;
        for n in first.. {
            if pending.admit(workspace, &format!("w{n}")).is_none() {
                break;
            }
            pending.push((workspace, 1), delivery(limits::DELIVERY_BODY_BYTES));
        }
        pending.bytes - before
    }

    #[test]
    fn a_flood_of_one_workspace_leaves_room_for_those_of_others() {
        let mut pending = Pending::default();
        let name = |name: &str| name.parse::<WorkspaceName>().unwrap();
        let one = limits::DELIVERY_BODY_BYTES + 4096;
        let half = limits::DELIVERIES_PENDING / 2;
        let loud = flood(&mut pending, &name("loud"), 0);
        assert!((half..half + one).contains(&loud), "{loud} bytes");
        let own = limits::DELIVERIES_PENDING_OF_WORKSPACE;
        for (n, quiet) in ["a", "b", "c"].into_iter().enumerate() {
            let quiet = flood(&mut pending, &name(quiet), 1_000 * (n + 1));
            assert!((own..own + one).contains(&quiet), "{quiet} bytes");
        }
        assert!(pending.admit(&name("loud"), "another").is_none());
        pending.take();
        assert_eq!(pending.admit(&name("loud"), "another"), Some(1));
    }
}
