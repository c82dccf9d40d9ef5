//! The honest tenant: posts to a one-line step, waits for `done`, and posts again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use stepwell_api::{Task, TaskState};

use super::figures::Sample;
use super::http::Connection;
use super::response;
use super::server::Server;
use super::urgency;

/// Between a task's end and the next post.
const PAUSE: Duration = Duration::from_millis(5);
/// Between two looks at a task.
const LOOK: Duration = Duration::from_micros(300);
/// The longest that a task is waited for after the measurement; then it is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who posts; its tasks so far when it is stopped.
pub struct Honest {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Done>,
}

/// What came of the honest tenant's posts.
#[derive(Default)]
pub struct Done {
    /// Accepted tasks.
    pub samples: Vec<Sample>,
    /// Posts that were not accepted.
    pub refused: u64,
}

impl Honest {
    /// Begins to post to the webhook at `path`. Times count from `begun`.
    pub fn start(server: &Server, workspace: &str, path: &str, begun: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut posts, mut looks) = (Connection::new(server.address, None), server.api());
        let (stopped, path) = (stop.clone(), path.to_owned());
        let tasks = format!("/api/v1/workspaces/{workspace}/tasks");
        let thread = std::thread::spawn(move || {
            urgency::first();
            let mut done = Done::default();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                match post(&mut posts, &path) {
                    Ok(task) => done.samples.push(Sample {
                        sent: sent - begun,
                        took: is_done(&mut looks, &format!("{tasks}/{task}"), &stopped)
                            .then(|| sent.elapsed()),
                    }),
                    Err(_) => done.refused += 1,
                }
                std::thread::sleep(PAUSE);
            }
            done
        });
        Self { stop, thread }
    }

    /// Ends with the task that is under way.
    pub fn stop(self) -> anyhow::Result<Done> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.join().ok();
        joined.context("the honest tenant panicked")
    }
}

fn post(posts: &mut Connection, path: &str) -> anyhow::Result<uuid::Uuid> {
    let (status, answer) = posts.send("POST", path, br#"{"name":"Ada"}"#)?;
    let task = response::task_id(answer).map(uuid::Uuid::from_u128);
    task.with_context(|| format!("the post was answered {status}"))
}

/// Waits until the task is done.
fn is_done(looks: &mut Connection, path: &str, stopped: &AtomicBool) -> bool {
    let mut until = None;
    loop {
        // A look that fails is taken again: it is the task that counts.
        if let Ok(task) = looks.call::<Task>("GET", path, b"")
            && task.state == TaskState::Done
        {
            return true;
        }
        if stopped.load(Ordering::Relaxed) {
            let until = *until.get_or_insert_with(|| Instant::now() + PATIENCE);
            if Instant::now() > until {
                return false;
            }
        }
        std::thread::sleep(LOOK);
    }
}
