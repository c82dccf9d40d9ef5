//! Hints by NOTIFY: a node that changed something tells the others, so that they look at once. They look from time to time in
//! any case, and a database that has no notifications is used without.
//!
//! A node has one connection that listens and notifies, and nothing waits for it: a hint is sent after what it is about was
//! committed, because notifications within a transaction have all commits of a database wait for each other.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::{describe, is_cut};
use super::look::index;
use super::session::{Params, Session, in_time};
use super::shared::Shared;
use crate::domain::partition::Partition;
use crate::store::Hint;

/// Before a lost connection is made again.
const AGAIN: Duration = Duration::from_secs(1);
/// Before a database that has no notifications is asked for them again.
const REFUSED: Duration = Duration::from_secs(60);
/// How often a connection over which nothing is said is tried.
const TRIED: Duration = Duration::from_secs(10);
/// The longest that a connection may take to be made.
const GREETING: Duration = Duration::from_secs(5);

const SEND: &str = "select pg_notify($1, said) from unnest($2::text[]) said";

/// Tells the others that the setup was changed.
pub(super) fn setup(shared: &Shared) {
    shared.board.say(format!("{} setup", shared.node));
}

/// Tells the owner of a partition that there is a request.
pub(super) fn asked(shared: &Shared, partition: Partition) {
    let number = index(partition);
    shared.board.say(format!("{} asked {number}", shared.node));
}

/// Tells those who ask that there are answers.
pub(super) fn answered(shared: &Shared) {
    shared.board.say(format!("{} answered", shared.node));
}

/// Takes in what a node said, this one included. What a newer version says in addition is not heard.
fn hear(shared: &Shared, said: &str) {
    let mut words = said.split(' ');
    let is_own = words.next() == Some(shared.node.to_string().as_str());
    match (words.next(), words.next()) {
        _ if is_own => {}
        (Some("setup"), _) => shared.board.come(Hint::Setup),
        (Some("answered"), _) => shared.board.come(Hint::Answered),
        (Some("asked"), Some(number)) => {
            let partition = number.parse().map(Partition::new);
            let owned = shared.partitions.hold().clone();
            if partition.is_ok_and(|partition| owned.claim(partition).is_some()) {
                shared.board.come(Hint::Asked);
            }
        }
        _ => {}
    }
}

/// Listens and notifies until the store is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let closed = shared.closed.clone();
    loop {
        let pause = tokio::select! {
            ended = listen(&shared) => ended,
            () = closed.cancelled() => return,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = closed.cancelled() => return,
        }
    }
}

/// Does so with one connection. Returns how long to wait before the next.
async fn listen(shared: &Arc<Shared>) -> Duration {
    let lost = CancellationToken::new();
    let (guard, hearing) = (lost.clone().drop_guard(), shared.clone());
    let on_notice = move |said: &str| {
        // Dropped with this when the connection is lost.
        let _ = &guard;
        hear(&hearing, said);
    };
    let opened = in_time(GREETING, Session::listening(&shared.settings, on_notice)).await;
    let Ok(session) = opened else { return AGAIN };
    let channel = channel(shared);
    if let Err(error) = session.run(&format!("listen {channel}")).await {
        return refused(&error);
    }
    // Something may have been said meanwhile.
    for hint in [Hint::Setup, Hint::Asked, Hint::Answered] {
        shared.board.come(hint);
    }
    loop {
        let outgoing = std::mem::take(&mut *shared.board.outgoing.lock());
        if !outgoing.is_empty() {
            let params: Params<'_> = &[&channel, &outgoing];
            if let Err(error) = session.query(SEND, params).await {
                return refused(&error);
            }
        }
        tokio::select! {
            () = shared.board.wanted.notified() => {}
            () = lost.cancelled() => return AGAIN,
            // One that stalls is silent, too.
            () = tokio::time::sleep(TRIED) => {
                if let Err(error) = session.run("").await {
                    return refused(&error);
                }
            }
        }
    }
}

/// The schema's own: several clusters may be in one database.
fn channel(shared: &Shared) -> String {
    format!("{}_hints", shared.settings.schema)
}

fn refused(error: &tokio_postgres::Error) -> Duration {
    if is_cut(error) {
        return AGAIN;
    }
    let error = describe(error);
    tracing::info!(
        error,
        "the database has no notifications; other servers are looked at from time to time"
    );
    REFUSED
}
