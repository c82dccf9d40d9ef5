//! Keys that senders publish, and what senders want to be asked for. Both URLs are the sender's own, which
//! `stepwell-signature` has checked; strangers can choose among them, so how often they are asked for is bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use stepwell_signature::Keys;
use uuid::Uuid;

use super::bucket::{Bucket, Refill};
use super::verify::VerifyError;
use crate::connectors::{FetchClient, WorkspacePolicy};
use crate::domain::effect::{FetchRequest, FetchResponse, Redirect};
use crate::domain::ids::WorkspaceName;

/// How long keys are used before they are fetched again: senders exchange them within days, and say so before.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long they are used when they cannot be fetched again.
const USABLE: Duration = Duration::from_secs(24 * 3_600);
/// Keys that lack the one that a request names are fetched again after this time.
const RENEWED: Duration = Duration::from_secs(60);
/// How long the sender may take, in milliseconds. The request that is verified waits for it.
const TIMEOUT_MS: u64 = 5_000;
/// URLs of one workspace that are remembered. A sender has a few.
const URLS: usize = 16;
/// How often a workspace's requests make the server ask senders for anything, of each of two kinds.
const ASKED: Refill = Refill {
    rate: 0.2,
    burst: 20.0,
};

/// Fetches and keeps the keys of senders.
#[derive(Debug)]
pub struct SenderKeys {
    client: FetchClient,
    workspaces: Mutex<FxHashMap<WorkspaceName, WorkspaceKeys>>,
}

/// The key URLs of a workspace's webhooks, and how often they may be fetched.
#[derive(Debug)]
struct WorkspaceKeys {
    /// For what strangers can make the server ask for.
    bucket: Bucket,
    /// For keys that have verified a request, and for what verified requests ask for: strangers cannot empty it.
    proven: Bucket,
    /// The one used last at the end.
    urls: Vec<KeyUrl>,
}

/// A URL that keys are fetched from.
#[derive(Debug)]
struct KeyUrl {
    url: String,
    slot: Slot,
    /// Whether a key that stands there has verified a request.
    is_proven: bool,
}

/// Locked while it is fetched, so that it is fetched once.
type Slot = Arc<tokio::sync::Mutex<CachedKeys>>;

/// The results of the last fetches from a URL.
#[derive(Debug, Default)]
struct CachedKeys {
    /// The keys, and when they were fetched.
    keys: Option<(Arc<Keys>, Instant)>,
    /// When the last attempt failed.
    failed: Option<Instant>,
}

impl CachedKeys {
    /// The keys, if they are younger than this.
    fn younger(&self, than: Duration) -> Option<Arc<Keys>> {
        let (keys, fetched) = self.keys.as_ref()?;
        (fetched.elapsed() < than).then(|| keys.clone())
    }
}

impl SenderKeys {
    /// Fetches by this client, which should take short answers only.
    pub fn new(client: FetchClient) -> Self {
        Self {
            client,
            workspaces: Mutex::default(),
        }
    }

    /// The keys that stand at a URL, for a webhook of this workspace; `renew` asks for those of the last minute.
    ///
    /// # Errors
    /// [`VerifyError::KeyUnavailable`].
    pub(super) async fn at(
        &self,
        workspace: &WorkspaceName,
        url: &str,
        renew: bool,
    ) -> Result<Arc<Keys>, VerifyError> {
        let began = Instant::now();
        let slot = self.slot(workspace, url);
        let mut cached = slot.lock().await;
        if let Some(keys) = cached.younger(if renew { RENEWED } else { FRESH }) {
            return Ok(keys);
        }
        // Older keys are used for a while when the sender does not answer, so that not each request waits for it.
        if cached
            .failed
            .is_some_and(|failed| failed.elapsed() < RENEWED)
            && let Some(keys) = cached.younger(USABLE)
        {
            return Ok(keys);
        }
        // Those that waited for an attempt that failed do not make one after the other.
        if cached.failed.is_some_and(|failed| failed > began) {
            return Err(VerifyError::KeyUnavailable);
        }
        match self.fetch(workspace, url).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                cached.keys = Some((keys.clone(), Instant::now()));
                Ok(keys)
            }
            Err(error) => {
                cached.failed = Some(Instant::now());
                cached.younger(USABLE).ok_or(error)
            }
        }
    }

    async fn fetch(&self, workspace: &WorkspaceName, url: &str) -> Result<Keys, VerifyError> {
        let is_proven = self.is_proven(workspace, url);
        let response = self.get(workspace, url, is_proven).await;
        let response = response.ok_or(VerifyError::KeyUnavailable)?;
        Keys::read(&response.body).map_err(|error| {
            tracing::info!(%workspace, url, %error, "a sender's keys cannot be read");
            VerifyError::KeyUnavailable
        })
    }

    /// Notes that a key that stands at a URL has verified a request. Keys at other URLs do not take its place then.
    pub(super) fn prove(&self, workspace: &WorkspaceName, url: &str) {
        let mut workspaces = self.workspaces.lock();
        let urls = workspaces.get_mut(workspace).map(|asked| &mut asked.urls);
        let known = urls.and_then(|urls| urls.iter_mut().find(|known| known.url == url));
        if let Some(known) = known {
            known.is_proven = true;
        }
    }

    fn is_proven(&self, workspace: &WorkspaceName, url: &str) -> bool {
        let workspaces = self.workspaces.lock();
        let urls = workspaces.get(workspace).map(|asked| &asked.urls);
        urls.is_some_and(|urls| urls.iter().any(|known| known.url == url && known.is_proven))
    }

    /// Asks the sender of a verified request for a URL, to confirm that its webhook is wanted.
    ///
    /// # Errors
    /// [`VerifyError::Unconfirmed`].
    pub(super) async fn visit(
        &self,
        workspace: &WorkspaceName,
        url: &str,
    ) -> Result<(), VerifyError> {
        let response = self.get(workspace, url, true).await;
        response.map(|_| ()).ok_or(VerifyError::Unconfirmed)
    }

    /// The answer, if it is a success. Why there is none is the operator's: a stranger may have sent the request.
    async fn get(
        &self,
        workspace: &WorkspaceName,
        url: &str,
        is_proven: bool,
    ) -> Option<FetchResponse> {
        if !self.may_ask(workspace, is_proven) {
            tracing::info!(%workspace, "senders were asked too often for what they publish");
            return None;
        }
        let request = FetchRequest {
            url: url.to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: Some(TIMEOUT_MS),
            redirect: Redirect::Error,
        };
        let policy = WorkspacePolicy::default();
        let key = Uuid::now_v7().to_string();
        let fetched = self.client.fetch((workspace, &policy), request, &key);
        let fetched = fetched.await;
        match fetched {
            Ok(response) if (200..300).contains(&response.status) => Some(response),
            Ok(response) => {
                let status = response.status;
                tracing::info!(%workspace, status, "a sender does not answer with what it publishes");
                None
            }
            Err(error) => {
                tracing::info!(%workspace, %error, "a sender cannot be asked for what it publishes");
                None
            }
        }
    }

    fn may_ask(&self, workspace: &WorkspaceName, is_proven: bool) -> bool {
        let mut workspaces = self.workspaces.lock();
        let asked = workspaces.entry(workspace.clone()).or_default();
        let bucket = if is_proven {
            &mut asked.proven
        } else {
            &mut asked.bucket
        };
        bucket.take(ASKED, Instant::now()).is_ok()
    }

    fn slot(&self, workspace: &WorkspaceName, url: &str) -> Slot {
        let mut workspaces = self.workspaces.lock();
        let urls = &mut workspaces.entry(workspace.clone()).or_default().urls;
        let known = match urls.iter().position(|known| known.url == url) {
            Some(at) => urls.remove(at),
            None => KeyUrl {
                url: url.to_owned(),
                slot: Slot::default(),
                is_proven: false,
            },
        };
        if urls.len() >= URLS {
            let oldest = urls.iter().position(|known| !known.is_proven);
            urls.remove(oldest.unwrap_or(0));
        }
        let slot = known.slot.clone();
        urls.push(known);
        slot
    }
}

impl Default for WorkspaceKeys {
    fn default() -> Self {
        Self {
            bucket: Bucket::full(ASKED, Instant::now()),
            proven: Bucket::full(ASKED, Instant::now()),
            urls: Vec::new(),
        }
    }
}
