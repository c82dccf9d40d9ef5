//! Connections that stall: a request over one has no answer although the database does nothing for it.
//!
//! A connection whose other side is gone fails by itself (`tcp_user_timeout`). One through a proxy or a pooler that stands
//! still does not, and its age says nothing, because a statement may take 30 s. The database can tell, over a new
//! connection.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::connect::connect;
use super::settings::PostgresSettings;

/// How long a request may have no answer before the database is asked what it does for it.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// The longest that this may take. A connection cannot be made in that time where nothing comes through.
const LOOK: Duration = Duration::from_secs(5);

/// The session's state, and whether it has been in it for half of [`SILENCE`]: what it answered is not still on its way.
const STATE: &str = "select state, clock_timestamp() - state_change > interval '1 s' \
    from pg_stat_activity where pid = $1";

/// What a look at a connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The database does nothing for the request: it never got it, or its answer is lost.
    Stalled,
    /// The database works on it, or has no connection free for a look.
    Working,
    /// The look did not reach the database. A pooler that has it wait is no proof, unless it happens again.
    Unreached,
}

/// The looks of a node: one at a time, so that they take one connection.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// When the last one ended that did not reach the database.
    unreached: tokio::sync::Mutex<Option<Instant>>,
}

impl Looks {
    /// Asks the database what it does for a request over the connection of this server process, made [`SILENCE`] ago. Who waits
    /// for another look that does not reach the database has that result.
    pub(super) async fn look(&self, settings: &PostgresSettings, process: i32) -> Look {
        let asked = Instant::now();
        let mut unreached = self.unreached.lock().await;
        if unreached.is_some_and(|ended| ended >= asked) {
            return Look::Unreached;
        }
        let look = state_of(settings, process).await;
        if look == Look::Unreached {
            *unreached = Some(Instant::now());
        }
        look
    }
}

async fn state_of(settings: &PostgresSettings, process: i32) -> Look {
    let state = tokio::time::timeout(LOOK, async {
        let (client, _driver) = connect(settings, |_| {}).await?;
        client.query_opt(STATE, &[&process]).await
    });
    match state.await {
        Ok(Ok(Some(row))) => {
            let (state, is_old): (Option<&str>, Option<bool>) = (row.get(0), row.get(1));
            let is_idle = state.is_some_and(|state| state.starts_with("idle"));
            match is_idle && is_old == Some(true) {
                true => Look::Stalled,
                false => Look::Working,
            }
        }
        // The process has ended.
        Ok(Ok(None)) => Look::Stalled,
        Ok(Err(error)) if is_full(&error) => Look::Working,
        Ok(Err(_)) | Err(_) => Look::Unreached,
    }
}

/// Whether the server has no connection free, and nothing is known.
fn is_full(error: &Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn looks_of_a_node_that_reach_nothing_take_one_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://{}/db", listener.local_addr().unwrap());
        let settings = PostgresSettings::new(&url, "files".into()).unwrap();
        let taken = tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                taken.push(listener.accept().await.unwrap());
                assert_eq!(taken.len(), 1, "a second connection");
            }
        });
        let looks = (1..=6).map(|process| settings.looks.look(&settings, process));
        let found = futures_util::future::join_all(looks).await;
        assert_eq!(found, [Look::Unreached; 6]);
        assert!(!taken.is_finished());
        taken.abort();
    }
}
