//! Names and data that PostgreSQL has its own ideas about, and a PostgreSQL that has no room, no connections, or other owners.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::{AuditEntry, AuditLog, ConfigKeys};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::support::cluster::postgres::PostgresServer;
use crate::support::{Cluster, PATIENCE, Server, accepted_task, refusal, stepwell, texts};

async fn connect(database: &PostgresServer) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

/// A column of type text takes no NUL, and sorts as its collation says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nul_is_kept_in_data_and_refused_in_names() {
    let database = PostgresServer::start();
    let server = Server::with(&["--store", &database.url()]).await;
    let webhook = server.webhook("Orders").await;
    let body = r#"{"a\u0000b":"\u0000","n":1.50,"text":"\ud83d\ude00 \u202e"}"#;
    let (status, answer) = server.send(&webhook, "application/json", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = server.wait(&accepted_task(&answer), "unmatched").await;
    assert_eq!(task.data["a\u{0}b"], "\u{0}");
    assert_eq!(task.data["n"].to_string(), "1.50");
    let (status, answer) = server.send(&webhook, "text/plain", "a\u{0}b").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    server.wait(&accepted_task(&answer), "unmatched").await;
    for (method, path, body) in [
        (Method::PUT, "config/A%00B", Some(json!({"value": "x"}))),
        (Method::POST, "webhooks", Some(json!({"name": "a\u{0}b"}))),
        (
            Method::PUT,
            "schedules/a%00b",
            Some(json!({"cron": "0 8 * * *"})),
        ),
        (
            Method::POST,
            "tokens",
            Some(json!({"name": "a\u{0}b", "scopes": ["read"]})),
        ),
        (Method::GET, "tasks?name=a%00b", None),
        (Method::GET, "tasks?tag=a%00b&webhook=a%00b", None),
        (Method::GET, "deliveries?webhook=a%00b", None),
        (Method::GET, "audit?who=a%00b&what=a%00b", None),
    ] {
        let (status, answer) = server.api(method, &server.path(path), body).await;
        assert!(!status.is_server_error(), "{path}: {status} {answer}");
    }
    let name = json!({"name": "a\u{0}b"});
    let (status, answer) = server.api(Method::POST, "/workspaces", Some(name)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_room_is_full_until_there_is_some() {
    let database = PostgresServer::start();
    let server = Server::with(&["--store", &database.url()]).await;
    let webhook = server.webhook("Orders").await;
    let client = connect(&database).await.unwrap();
    // As PostgreSQL says it when a table cannot be extended.
    let full = "create function stepwell.no_room() returns trigger language plpgsql as $$ begin \
        raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$; \
        create trigger no_room before insert on stepwell.tasks for each row execute function stepwell.no_room()";
    client.batch_execute(full).await.unwrap();
    for _ in 0..3 {
        let (status, answer) = server.send(&webhook, "application/json", "{}").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        let problem = refusal(&answer);
        assert_eq!(problem.code, "storage-full");
        assert!(!problem.detail.contains("data directory"), "{problem:?}");
    }
    let there = server.tasks("limit=10").await;
    assert!(
        there.is_empty(),
        "reads work, and nothing was written: {there:?}"
    );
    let room = "drop trigger no_room on stepwell.tasks; drop function stepwell.no_room";
    client.batch_execute(room).await.unwrap();
    let (status, answer) = server.send(&webhook, "application/json", "{}").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    server.wait(&accepted_task(&answer), "unmatched").await;
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_others_have_taken_are_waited_for() {
    let database = PostgresServer::with(&["max_connections=20"]);
    let server = Server::with(&["--store", &database.url()]).await;
    let webhook = server.webhook("Orders").await;
    let first = connect(&database).await.unwrap();
    let mut others = Vec::new();
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
        where application_name = 'stepwell'";
    // Those of the server are ended, and taken before it makes them again.
    let until = Instant::now() + PATIENCE;
    let problem = loop {
        while let Ok(client) = connect(&database).await {
            others.push(client);
        }
        first.query(end, &[]).await.unwrap();
        while let Ok(client) = connect(&database).await {
            others.push(client);
        }
        let (status, answer) = server.send(&webhook, "application/json", "{}").await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            break refusal(&answer);
        }
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(Instant::now() < until, "no write is refused");
    };
    assert_eq!(problem.code, "storage-unavailable", "{problem:?}");
    drop(others);
    loop {
        let (status, answer) = server.send(&webhook, "application/json", "{}").await;
        if status == StatusCode::OK {
            server.wait(&accepted_task(&answer), "unmatched").await;
            break;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert!(Instant::now() < until, "{answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.is_well().await;
}

/// What a server says that does not start on a directory with these secrets.
fn refused(url: &str, from: &Path, secrets: &[&str], args: &[&str]) -> String {
    let directory = TempDir::new().unwrap();
    for name in secrets {
        fs::copy(from.join(name), directory.path().join(name)).unwrap();
    }
    let output = stepwell()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            url,
            "--data-dir",
        ])
        .arg(directory.path())
        .args(args)
        .output()
        .unwrap();
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(!out.contains("listening on"), "{out}");
    err
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_that_another_server_uses_are_not_discarded() {
    let mut cluster = Cluster::start(1).await;
    let url = cluster.database.url();
    let home = cluster.servers[0].data_dir().to_owned();
    cluster.servers[0].config("TOKEN", "one").await;
    for secrets in [&[][..], &["admin-token"], &["vault-key", "admin-token"]] {
        let err = refused(&url, &home, secrets, &["--discard-secrets"]);
        assert!(err.contains(&cluster.servers[0].url), "{err}");
        assert!(err.contains("nothing is deleted"), "{err}");
    }
    let server = &mut cluster.servers[0];
    let config = async |server: &Server| {
        let there = server.get::<ConfigKeys>(&server.path("config")).await;
        there.config.len()
    };
    assert_eq!(config(server).await, 1);
    // Its key is still the one that the database knows.
    assert!(server.stop().success());
    server.launch().await;
    assert_eq!(config(server).await, 1);
    // Without others it is done, and the audit log says what.
    assert!(server.stop().success());
    fs::remove_file(home.join("vault-key")).unwrap();
    server.set_args(&["--store", &url, "--discard-secrets"]);
    server.launch().await;
    assert_eq!(config(server).await, 0);
    let log = server.get::<AuditLog>(&server.path("audit")).await;
    let deleted = |entry: &AuditEntry| {
        (&*entry.what, &*entry.target) == ("deleteConfig", "config/TOKEN")
            && entry.who == "serve --discard-secrets"
    };
    assert!(log.entries.iter().any(deleted), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_of_a_server_on_a_database_is_none_of_a_server_without() {
    let mut cluster = Cluster::start(1).await;
    let server = &mut cluster.servers[0];
    assert!(server.stop().success());
    let output = stepwell()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(server.data_dir())
        .output()
        .unwrap();
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(err.contains("no --store is given"), "{err}");
    assert!(!server.data_dir().join("store").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_other_secrets_is_refused() {
    let mut cluster = Cluster::start(1).await;
    let url = cluster.database.url();
    let home = cluster.servers[0].data_dir().to_owned();
    let other_key = refused(&url, &home, &["admin-token"], &[]);
    assert!(
        other_key.contains("vault key is not the one"),
        "{other_key}"
    );
    let other_token = refused(&url, &home, &["vault-key"], &[]);
    assert!(
        other_token.contains("admin token is not that of"),
        "{other_token}"
    );
    cluster.servers[0].is_well().await;
    // The token is replaced while servers run: first on one of them, then on the other one.
    cluster.join().await;
    let token = cluster.servers[0].cli(&[
        "token",
        "rotate-admin",
        "--data-dir",
        home.to_str().unwrap(),
    ]);
    assert!(token.status.success(), "{token:?}");
    let second = cluster.servers[1].data_dir().join("admin-token");
    fs::copy(home.join("admin-token"), &second).unwrap();
    // A renewal later all have it, and one of them is started again.
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.servers[1].restart().await;
    cluster.servers[1].is_well().await;
    // Without others it may have been replaced.
    for server in &mut cluster.servers {
        assert!(server.stop().success());
    }
    fs::remove_file(home.join("admin-token")).unwrap();
    cluster.servers[0].launch().await;
    cluster.servers[0].is_well().await;
}
