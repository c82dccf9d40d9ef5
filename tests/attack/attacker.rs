//! Carries an attack out, for a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwell_api::TaskPage;

use super::attacks::{Ask, Attack, ROUND};
use super::half_open;
use super::http::Connection;
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

/// Begins the attack; it ends by itself at `until`, or with the answers to its last posts. What it takes of the
/// processors is the less urgent part of the measurement: an attacker has a machine of its own.
pub fn start(
    attack: &Attack,
    server: &Server,
    tenant: &Tenant,
    (until, sent): (Instant, &Arc<Sent>),
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
        let mut connection = Connection::new(server.address, None);
        let (sent, body, path) = (sent.clone(), body.clone(), tenant.path.clone());
        let rounds = rounds.clone();
        std::thread::spawn(move || {
            yield_to_others();
            let (begun, posted) = &*rounds;
            while Instant::now() < until {
                let round = begun.elapsed().as_secs() / ROUND.as_secs() + 1;
                let before = posted.fetch_add(1, Ordering::Relaxed);
                if before >= most.saturating_mul(round) {
                    posted.fetch_sub(1, Ordering::Relaxed);
                    std::thread::sleep(LOOK);
                    continue;
                }
                let posted = connection.send("POST", &path, body.as_bytes());
                sent.count(matches!(posted, Ok((200, _))));
                if posted.is_err() {
                    // The server may be gone: it is not asked without a pause.
                    std::thread::sleep(LOOK);
                }
            }
        });
    }
    let Some((ask, connections)) = attack.asks else {
        return;
    };
    for _ in 0..connections {
        let mut api = server.api();
        let below = format!("/api/v1/workspaces/{}", tenant.workspace);
        let (step, sent) = (tenant.step.clone(), sent.clone());
        std::thread::spawn(move || {
            yield_to_others();
            while Instant::now() < until {
                match asked(&mut api, ask, &below, &step) {
                    Some(is_accepted) => sent.count(is_accepted),
                    None => std::thread::sleep(LOOK),
                }
            }
        });
    }
}

/// Asks once; none if there is nothing to ask for yet, or no answer.
fn asked(api: &mut Connection, ask: Ask, below: &str, step: &[u8]) -> Option<bool> {
    let a_task = |api: &mut Connection| {
        let page: TaskPage = api
            .call("GET", &format!("{below}/tasks?limit=1"), b"")
            .ok()?;
        let newest = page.tasks.first()?;
        Some(format!("{below}/tasks/{}", newest.id))
    };
    let answered = match ask {
        Ask::View => {
            std::thread::sleep(LOOK);
            let path = a_task(api)?;
            api.send("GET", &path, b"")
        }
        Ask::Replay => {
            let path = format!("{}/replay", a_task(api)?);
            api.send("POST", &path, br#"{"from":1}"#)
        }
        Ask::Search(pattern) => {
            let pattern: String =
                url::form_urlencoded::byte_serialize(pattern.as_bytes()).collect();
            api.send("GET", &format!("{below}/tasks?where={pattern}"), b"")
        }
        Ask::Upload => api.send("PUT", &format!("{below}/steps/step"), step),
        Ask::Update => {
            let path = format!("{}/update", a_task(api)?);
            let set = br#"{"set":[{"path":"/items/7","value":8}]}"#;
            api.send("POST", &path, set)
        }
    };
    answered.ok().map(|(status, _)| status < 300)
}

/// Lets the server's threads, and those of the honest tenant, go before this one.
pub fn yield_to_others() {
    // Where it is not allowed the attack only takes more.
    let _ = rustix::process::nice(10);
}
