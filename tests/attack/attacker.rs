//! Carries an attack out, for a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::attacks::Attack;
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
    begun: AtomicU64,
}

/// Begins the attack over the webhook at `path`; it ends by itself at `until`, or with the answers to its last posts.
pub fn start(
    attack: &Attack,
    server: &Server,
    workspace: &str,
    path: &str,
    until: Instant,
) -> Arc<Sent> {
    let sent = Arc::<Sent>::default();
    if attack.half_open > 0 {
        half_open::start(server.address, path, attack.half_open, until, sent.clone());
        return sent;
    }
    let body: Arc<str> = (attack.body)().into();
    let most = attack.posts.unwrap_or(u64::MAX);
    for _ in 0..attack.connections {
        let mut connection = Connection::new(server.address, None);
        let (sent, body, path) = (sent.clone(), body.clone(), path.to_owned());
        std::thread::spawn(move || {
            while Instant::now() < until && sent.begun.fetch_add(1, Ordering::Relaxed) < most {
                let count = match connection.send("POST", &path, body.as_bytes()) {
                    Ok((200, _)) => &sent.accepted,
                    Ok(_) => &sent.refused,
                    Err(_) => {
                        // The server may be gone: it is not asked without a pause.
                        std::thread::sleep(LOOK);
                        &sent.refused
                    }
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    if attack.views {
        let (mut looks, tasks) = (
            server.api(),
            format!("/api/v1/workspaces/{workspace}/tasks"),
        );
        std::thread::spawn(move || {
            while Instant::now() < until {
                std::thread::sleep(LOOK);
                let Ok(page) = looks.call("GET", &format!("{tasks}?limit=1"), b"") else {
                    continue;
                };
                if let Some(id) = page["tasks"][0]["id"].as_str() {
                    let _ = looks.send("GET", &format!("{tasks}/{id}"), b"");
                }
            }
        });
    }
    sent
}
