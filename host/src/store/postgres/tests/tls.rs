//! Encrypted connections to a server with a certificate.

use std::path::{Path, PathBuf};

use tokio_postgres::config::SslMode;

use super::server::PostgresServer;
use super::*;
use crate::store::Store as _;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/tls")
        .join(name)
}

/// Those of `one.pem` are for `hooks.test`. Users of the network need a password and TLS.
async fn server() -> PostgresServer {
    let server = PostgresServer::with_tls(&fixture("one.pem"), &fixture("one.key"));
    let settings = PostgresSettings::new(&server.url(), PathBuf::new()).unwrap();
    let session = Session::open(&settings).await.unwrap();
    let role = "create role remote login superuser password 'hunter2'";
    session.run(role).await.unwrap();
    server
}

fn url(server: &PostgresServer, host: &str, rest: &str) -> String {
    let port = server.port();
    format!("postgres://remote:hunter2@{host}:{port}/postgres?hostaddr=127.0.0.1&{rest}")
}

fn root(name: &str) -> String {
    format!("sslrootcert={}", fixture(name).display())
}

async fn open(url: &str) -> Result<Arc<PostgresStore>, OpenError> {
    PostgresStore::open(PostgresSettings::new(url, PathBuf::new())?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_encrypted_as_the_url_says() {
    let server = server().await;
    let (right, wrong) = (root("authority-one.pem"), root("authority-two.pem"));
    for (host, rest) in [
        // The password is bound to the certificate.
        (
            "hooks.test",
            format!("sslmode=verify-full&{right}&channel_binding=require"),
        ),
        ("localhost", format!("sslmode=verify-ca&{right}")),
        ("localhost", format!("sslmode=require&{right}")),
        ("127.0.0.1", "sslmode=require".into()),
        ("localhost", "sslmode=prefer".into()),
        ("localhost", "application_name=x".into()),
    ] {
        let store = open(&url(&server, host, &rest)).await.unwrap();
        let plain = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) \
            where usename = 'remote' and not ssl";
        let session = Session::open(&store.shared.settings).await.unwrap();
        let row = session.client.query_one(plain, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 0, "{rest}");
        store.close().await;
    }
    for (host, rest, reason) in [
        (
            "hooks.test",
            format!("sslmode=verify-full&{wrong}"),
            "not signed by an authority of sslrootcert",
        ),
        (
            "localhost",
            format!("sslmode=verify-full&{right}"),
            "is for another host name",
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&{wrong}"),
            "not signed by an authority of sslrootcert",
        ),
        (
            "localhost",
            format!("sslmode=require&{wrong}"),
            "not signed by an authority of sslrootcert",
        ),
        (
            "hooks.test",
            "sslmode=verify-full&sslrootcert=/nowhere".into(),
            "sslrootcert /nowhere: No such file",
        ),
        (
            "hooks.test",
            format!("sslmode=verify-full&{}", root("one.key")),
            "must hold certificates of authorities",
        ),
        (
            "hooks.test",
            "sslmode=disable".into(),
            "no pg_hba.conf entry",
        ),
        (
            "hooks.test",
            "sslmode=allow".into(),
            "its sslmode is none of",
        ),
    ] {
        let error = open(&url(&server, host, &rest))
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(reason), "{rest}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_if_it_is_asked_for() {
    let server = PostgresServer::on_port();
    let url = |mode: &str| {
        let port = server.port();
        format!("postgres://stepwell@localhost:{port}/postgres?hostaddr=127.0.0.1&sslmode={mode}")
    };
    for mode in ["require", "verify-full"] {
        let error = open(&url(mode)).await.err().unwrap().to_string();
        assert!(error.contains("server does not support TLS"), "{error}");
    }
    for mode in ["prefer", "disable"] {
        open(&url(mode)).await.unwrap().close().await;
    }
    // A socket is this machine's own.
    let local = format!("{}&sslmode=verify-full&sslrootcert=/nowhere", server.url());
    open(&local).await.unwrap().close().await;
}

#[test]
fn what_would_verify_less_than_it_says_is_refused() {
    let settings = |url: &str| PostgresSettings::new(url, PathBuf::new());
    for url in [
        "postgres://u@h/d?sslmode=verify-ca",
        "postgres://u@h/d?sslmode=require&sslrootcert=system",
        "postgres://u@h/d?sslmode=verify-ca&sslrootcert=system",
        // What is before the second `?` may be a password.
        "postgres://u:p?w@h/d?sslmode=require",
        "postgres://u@h/d?sslmode=some",
    ] {
        let refused = settings(url);
        assert!(matches!(refused, Err(OpenError::Url(_))), "{url}");
    }
    for (url, expected) in [
        ("postgres://u@h/d?sslrootcert=system", SslMode::Require),
        ("postgres://u@h/d", SslMode::Prefer),
        (
            "postgres:///d?host=/run/pg&sslmode=require",
            SslMode::Disable,
        ),
        // An address is not the socket.
        (
            "postgres:///d?host=/run/pg&hostaddr=10.0.0.7&sslmode=require",
            SslMode::Require,
        ),
    ] {
        let settings = settings(url).unwrap();
        assert_eq!(settings.config.get_ssl_mode(), expected, "{url}");
    }
}
