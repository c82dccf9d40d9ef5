//! Connections that stall: a request over one has no answer although the database does nothing for it.
//!
//! A connection whose other side is gone fails by itself (`tcp_user_timeout`). One through a proxy or a pooler that stands
//! still does not, and its age says nothing, because a statement may take 30 s. The database can tell, over a new
//! connection.

use std::time::Duration;

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

/// Whether a request over the connection of this server process, made [`SILENCE`] ago, is not one that the database works
/// on: it never got it, or its answer is lost. Also if the database cannot be reached at all.
pub(super) async fn is_stalled(settings: &PostgresSettings, process: i32) -> bool {
    let state = tokio::time::timeout(LOOK, async {
        let (client, _driver) = connect(settings, |_| {}).await?;
        client.query_opt(STATE, &[&process]).await
    });
    let Ok(state) = state.await else {
        return true;
    };
    match state {
        Ok(Some(row)) => {
            let (state, is_old): (Option<&str>, Option<bool>) = (row.get(0), row.get(1));
            state.is_some_and(|state| state.starts_with("idle")) && is_old == Some(true)
        }
        // The process has ended.
        Ok(None) => true,
        Err(error) => !is_full(&error),
    }
}

/// Whether the server has no connection free, and nothing is known.
fn is_full(error: &Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}
