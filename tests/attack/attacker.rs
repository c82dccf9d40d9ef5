//! Carries an attack out, for a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwell_api::TaskPage;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::attacks::{Ask, Attack, ROUND};
use super::client::Client;
use super::half_open;
use super::server::Server;

/// Between two looks at the attacker's tasks.
const LOOK: Duration = Duration::from_millis(100);

/// What the attacker's posts came to so far.
#[derive(Default)]
pub struct Sent {
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
}

impl Sent {
    fn count(&self, is_accepted: bool) {
        let count = match is_accepted {
            true => &self.accepted,
            false => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Who attacks.
pub struct Tenant {
    pub workspace: String,
    /// The path of its webhook.
    pub path: String,
    /// Its step.
    pub step: Arc<[u8]>,
}

/// Begins the attack on the attackers' thread; it ends by itself at `until`, or with the answers to its last posts.
pub fn start(
    attack: &Attack,
    server: &Server,
    tenant: &Tenant,
    (attackers, until, sent): (&Handle, Instant, &Arc<Sent>),
) {
    if attack.half_open > 0 {
        half_open::start(
            server.address,
            &tenant.path,
            attack.half_open,
            until,
            sent.clone(),
        );
        return;
    }
    let body: Arc<str> = (attack.body)().into();
    let most = attack.posts.unwrap_or(u64::MAX);
    let rounds = Arc::new((Instant::now(), AtomicU64::new(0)));
    for _ in 0..attack.connections {
        let mut client = Client::new(server.address, None);
        let (sent, body, path) = (sent.clone(), body.clone(), tenant.path.clone());
        let (rounds, chunked) = (rounds.clone(), attack.chunked);
        attackers.spawn(async move {
            let (begun, posted) = &*rounds;
            while Instant::now() < until {
                let round = begun.elapsed().as_secs() / ROUND.as_secs() + 1;
                let before = posted.fetch_add(1, Ordering::Relaxed);
                if before >= most.saturating_mul(round) {
                    posted.fetch_sub(1, Ordering::Relaxed);
                    sleep(LOOK).await;
                    continue;
                }
                let posted = match chunked {
                    true => client.send_chunked(&path, body.as_bytes()).await,
                    false => client.send("POST", &path, body.as_bytes()).await,
                };
                sent.count(matches!(posted, Ok((200, _))));
                if posted.is_err() {
                    // The server may be gone: it is not asked without a pause.
                    sleep(LOOK).await;
                }
            }
        });
    }
    let Some((ask, connections)) = attack.asks else {
        return;
    };
    for _ in 0..connections {
        let mut api = Client::new(server.address, Some(&server.token));
        let below = format!("/api/v1/workspaces/{}", tenant.workspace);
        let (step, sent) = (tenant.step.clone(), sent.clone());
        attackers.spawn(async move {
            while Instant::now() < until {
                match asked(&mut api, ask, &below, &step).await {
                    Some(is_accepted) => sent.count(is_accepted),
                    None => sleep(LOOK).await,
                }
            }
        });
    }
}

/// The path of the newest task, if there is one.
async fn newest(api: &mut Client, below: &str) -> Option<String> {
    let page: TaskPage = api.get(&format!("{below}/tasks?limit=1")).await.ok()?;
    Some(format!("{below}/tasks/{}", page.tasks.first()?.id))
}

/// Asks once; none if there is nothing to ask for yet, or no answer.
async fn asked(api: &mut Client, ask: Ask, below: &str, step: &[u8]) -> Option<bool> {
    let answered = match ask {
        Ask::View => {
            sleep(LOOK).await;
            let path = newest(api, below).await?;
            api.send("GET", &path, b"").await
        }
        Ask::Replay => {
            let path = format!("{}/replay", newest(api, below).await?);
            api.send("POST", &path, br#"{"from":1}"#).await
        }
        Ask::Search(pattern) => {
            let pattern: String =
                url::form_urlencoded::byte_serialize(pattern.as_bytes()).collect();
            let path = format!("{below}/tasks?where={pattern}");
            api.send("GET", &path, b"").await
        }
        Ask::Upload => {
            let path = format!("{below}/steps/step");
            api.send("PUT", &path, step).await
        }
        Ask::Update => {
            let path = format!("{}/update", newest(api, below).await?);
            let set = br#"{"set":[{"path":"/items/7","value":8}]}"#;
            api.send("POST", &path, set).await
        }
    };
    answered.ok().map(|(status, _)| status < 300)
}
