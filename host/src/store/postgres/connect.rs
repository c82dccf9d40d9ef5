//! Opens a connection to the database.

use std::future::poll_fn;

use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Error};
use tokio_util::task::AbortOnDropHandle;

use super::error::refuses_tls;
use super::settings::PostgresSettings;

/// A new connection, with the task that reads and writes for it: the connection ends with that. `on_notice` is called for
/// each notification, and dropped when the connection is lost.
pub(super) async fn connect(
    settings: &PostgresSettings,
    on_notice: impl Fn(&str) + Send + 'static,
) -> Result<(Client, AbortOnDropHandle<()>), Error> {
    let config = &settings.config;
    let connected = match config.connect(settings.tls.clone()).await {
        // `prefer` is satisfied with less, as in libpq.
        Err(error) if config.get_ssl_mode() == SslMode::Prefer && refuses_tls(&error) => {
            let mut plain = config.clone();
            plain.ssl_mode(SslMode::Disable);
            plain.connect(settings.tls.clone()).await
        }
        connected => connected,
    };
    let (client, mut connection) = connected?;
    let driver = tokio::spawn(async move {
        // Its error is that of every request.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message {
                on_notice(notification.payload());
            }
        }
    });
    Ok((client, AbortOnDropHandle::new(driver)))
}
