//! Connections that stall: a request over one has no answer although the database does nothing for it.
//!
//! A connection whose other side is gone fails by itself (`tcp_user_timeout`). One through a proxy or a pooler that stands
//! still does not, and its age says nothing, because a statement may take 30 s. The database can tell, over a new
//! connection.

use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::connect::connect;
use super::looks::Look;
use super::settings::PostgresSettings;

/// How long a request may have no answer before the database is asked what it does for it.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// The longest that this may take. A connection cannot be made in that time where nothing comes through.
const LOOK: Duration = Duration::from_secs(3);

/// The session's state, and whether it has been in it for half of [`SILENCE`]: what it answered is not still on its way.
const STATE: &str = "select state, clock_timestamp() - state_change > interval '1 s' \
    from pg_stat_activity where pid = $1";

/// Asks the database what it does for a request over the connection of this server process, made [`SILENCE`] ago.
pub(super) async fn look(settings: &PostgresSettings, process: i32) -> Look {
    let look = state_of(settings, process);
    settings.looks.alone(look).await
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
        let looks = (1..=6).map(|process| look(&settings, process));
        let found = futures_util::future::join_all(looks).await;
        assert_eq!(found, [Look::Unreached; 6]);
        assert!(!taken.is_finished());
        taken.abort();
    }
}
