//! Limits of incoming requests: rates of a webhook and of a workspace, and requests of a webhook that are taken in at once.
//! Without a limit nothing is locked or allocated.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::bucket::{Bucket, Refill};
use crate::domain::rate::Rate;
use crate::domain::webhook::Webhook;

/// Gates in memory; beyond it those are dropped that hold nothing back.
const GATES: usize = 10_000;

/// Why a request is not taken in now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// More came than the rate allows.
    #[error("this {whose} takes {rate}; send again in {} s", seconds(.wait))]
    Rate {
        /// `webhook` or `workspace`.
        whose: &'static str,
        /// Its rate.
        rate: Rate,
        /// How long until one more is taken.
        wait: Duration,
    },
    /// As many as may be are on their way in.
    #[error("this webhook takes in {most} requests at once; send again in a moment")]
    AtOnce {
        /// The limit.
        most: u32,
    },
}

/// A time in whole seconds, rounded up; at least one.
pub fn seconds(wait: &Duration) -> u64 {
    (wait.as_secs_f64().ceil() as u64).max(1)
}

/// Holds requests back. One for the server. A rate is shared by the servers that work together: each takes its part.
#[derive(Debug)]
pub struct Limiter {
    /// How many servers share the rates.
    sharing: AtomicUsize,
    webhooks: Mutex<FxHashMap<String, Gate>>,
    workspaces: Mutex<FxHashMap<String, Gate>>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            sharing: AtomicUsize::new(1),
            webhooks: Mutex::default(),
            workspaces: Mutex::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Gate {
    bucket: Option<(Rate, Bucket)>,
    /// Requests that are being taken in.
    open: u32,
}

impl Gate {
    fn take(&mut self, rate: Rate, sharing: usize, now: Instant) -> Result<(), Duration> {
        let refill = refill(rate, sharing);
        let known = self.bucket.filter(|(known, _)| *known == rate);
        let (_, mut bucket) = known.unwrap_or_else(|| (rate, Bucket::full(refill, now)));
        let taken = bucket.take(refill, now);
        self.bucket = Some((rate, bucket));
        taken
    }

    fn is_idle(&mut self, sharing: usize, now: Instant) -> bool {
        let is_full = |(rate, bucket): &mut (Rate, Bucket)| {
            let refill = refill(*rate, sharing);
            bucket.tokens(refill, now) >= refill.burst
        };
        self.open == 0 && self.bucket.as_mut().is_none_or(is_full)
    }
}

/// A server's part of a rate. It takes one request at least, however many share the rate.
fn refill(rate: Rate, sharing: usize) -> Refill {
    let part = f64::from(rate.requests) / sharing.max(1) as f64;
    Refill {
        rate: part / f64::from(rate.seconds),
        burst: part.max(1.0),
    }
}

/// Does something with the gate of a key, which is made if it is not there.
fn with_gate<T>(
    gates: &Mutex<FxHashMap<String, Gate>>,
    key: &str,
    (sharing, now): (usize, Instant),
    act: impl FnOnce(&mut Gate) -> T,
) -> T {
    let mut gates = gates.lock();
    if let Some(gate) = gates.get_mut(key) {
        return act(gate);
    }
    if gates.len() >= GATES {
        gates.retain(|_, gate| !gate.is_idle(sharing, now));
    }
    act(gates.entry(key.to_owned()).or_default())
}

/// A request that is being taken in; it counts until it is dropped.
#[derive(Debug)]
pub struct Upload {
    limiter: Arc<Limiter>,
    webhook: String,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut gates = self.limiter.webhooks.lock();
        if let Some(gate) = gates.get_mut(&self.webhook) {
            gate.open = gate.open.saturating_sub(1);
        }
    }
}

impl Limiter {
    /// Notes how many servers share the rates, this one included.
    pub fn share(&self, servers: usize) {
        self.sharing.store(servers, Ordering::Relaxed);
    }

    /// Lets a request to a webhook in. It counts as being taken in as long as what this gives is kept.
    ///
    /// # Errors
    /// [`LimitError`].
    pub fn admit(
        self: &Arc<Self>,
        webhook: &Webhook,
        of_workspace: Option<Rate>,
    ) -> Result<Option<Upload>, LimitError> {
        let (rate, at_once) = (webhook.intake.rate, webhook.intake.at_once);
        if rate.is_none() && at_once.is_none() && of_workspace.is_none() {
            return Ok(None);
        }
        let (now, sharing) = (Instant::now(), self.sharing.load(Ordering::Relaxed));
        let refused = |whose, rate| move |wait| LimitError::Rate { whose, rate, wait };
        let mut upload = None;
        if rate.is_some() || at_once.is_some() {
            with_gate(&self.webhooks, &webhook.id, (sharing, now), |gate| {
                if let Some(most) = at_once.filter(|most| gate.open >= *most) {
                    return Err(LimitError::AtOnce { most });
                }
                if let Some(rate) = rate {
                    gate.take(rate, sharing, now)
                        .map_err(refused("webhook", rate))?;
                }
                if at_once.is_some() {
                    gate.open += 1;
                    upload = Some(Upload {
                        limiter: self.clone(),
                        webhook: webhook.id.clone(),
                    });
                }
                Ok(())
            })?;
        }
        if let Some(rate) = of_workspace {
            let workspace = webhook.workspace.as_str();
            let taken = with_gate(&self.workspaces, workspace, (sharing, now), |gate| {
                gate.take(rate, sharing, now)
            });
            taken.map_err(refused("workspace", rate))?;
        }
        Ok(upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(rate: Option<&str>, at_once: Option<u32>) -> Webhook {
        let mut webhook = Webhook::sample();
        webhook.intake.rate = rate.map(|rate| rate.parse().unwrap());
        webhook.intake.at_once = at_once;
        webhook
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let limiter = Arc::new(Limiter::default());
        for _ in 0..1_000 {
            assert!(limiter.admit(&webhook(None, None), None).unwrap().is_none());
        }
        assert!(limiter.webhooks.lock().is_empty() && limiter.workspaces.lock().is_empty());
    }

    #[test]
    fn servers_that_work_together_share_a_rate() {
        let limiter = Arc::new(Limiter::default());
        let taken = |webhook: &Webhook| {
            (0..100)
                .filter(|_| limiter.admit(webhook, None).is_ok())
                .count()
        };
        let mut two = webhook(Some("40/h"), None);
        limiter.share(4);
        assert_eq!(taken(&two), 10);
        let error = limiter.admit(&two, None).unwrap_err();
        let LimitError::Rate { rate, wait, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((rate.to_string(), seconds(wait)), ("40/h".into(), 360));
        // One server is gone, and the larger share fills up with time.
        limiter.share(1);
        let LimitError::Rate { wait, .. } = limiter.admit(&two, None).unwrap_err() else {
            panic!("it is refused for another reason");
        };
        assert_eq!(seconds(&wait), 90);
        // Each takes one at least.
        limiter.share(100);
        two.id = "other".into();
        assert_eq!(taken(&two), 1);
    }

    #[test]
    fn rates_are_of_the_webhook_and_of_its_workspace() {
        let limiter = Arc::new(Limiter::default());
        let one = webhook(Some("2/h"), None);
        for _ in 0..2 {
            assert!(limiter.admit(&one, None).is_ok());
        }
        let error = limiter.admit(&one, None).unwrap_err();
        let LimitError::Rate { whose, wait, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((*whose, seconds(wait)), ("webhook", 1_800));
        assert!(
            error
                .to_string()
                .contains("takes 2/h; send again in 1800 s")
        );
        // A new rate begins anew, and another webhook has its own.
        assert!(limiter.admit(&webhook(Some("3/h"), None), None).is_ok());
        let mut other = webhook(Some("2/h"), None);
        other.id = "w2".into();
        assert!(limiter.admit(&other, None).is_ok());
        let shared = "1/d".parse().ok();
        assert!(limiter.admit(&other, shared).is_ok());
        let error = limiter.admit(&webhook(None, None), shared).unwrap_err();
        assert!(matches!(
            error,
            LimitError::Rate {
                whose: "workspace",
                ..
            }
        ));
    }

    #[test]
    fn what_is_taken_in_at_once_is_given_back() {
        let limiter = Arc::new(Limiter::default());
        let webhook = webhook(None, Some(2));
        let first = limiter.admit(&webhook, None).unwrap();
        let second = limiter.admit(&webhook, None).unwrap();
        let error = limiter.admit(&webhook, None).unwrap_err();
        assert_eq!(error, LimitError::AtOnce { most: 2 });
        drop(first);
        assert!(limiter.admit(&webhook, None).is_ok());
        drop(second);
        // What the workspace refuses is not counted.
        let _held = limiter.admit(&webhook, "1/d".parse().ok()).unwrap();
        assert!(limiter.admit(&webhook, "1/d".parse().ok()).is_err());
        assert!(limiter.admit(&webhook, None).unwrap().is_some());
    }
}
