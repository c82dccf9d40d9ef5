//! What `stepwell store migrate` leaves behind: a database that no server uses any more, whichever comes back, and no copy that
//! lacks files without a word.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::json;
use stepwell_api::report::StoreMigrateReport;
use tempfile::TempDir;

use crate::store_migrate::{PARKS, migrate, migrated, refused, secrets_of};
use crate::support::cluster::postgres::PostgresServer;
use crate::support::upload::{FORM, form};
use crate::support::{Server, accepted_task, stepwell, texts, until};

/// What a server says that does not start with this database.
fn does_not_start(url: &str, secrets: &Path) -> String {
    let output = stepwell()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            url,
            "--data-dir",
        ])
        .arg(secrets)
        .output()
        .unwrap();
    assert!(!output.status.success());
    texts(&output).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_takes_nothing_into_a_database_that_was_moved() {
    let database = PostgresServer::start();
    let url = database.url();
    let mut zombie = Server::with(&["--store", &url]).await;
    let webhook = zombie.webhook("Orders").await;
    zombie.script("parks", PARKS).await;
    let task = zombie.run(&webhook, &json!({"n": 1}), "unmatched").await;
    let there = secrets_of(zombie.data_dir());
    let place = there.path().to_str().unwrap().to_owned();
    let files = TempDir::new().unwrap();
    let files = ["--files-dir", files.path().to_str().unwrap()];
    refused(&url, &place, &files, 1, "in use by server");
    zombie.signal(Signal::STOP);
    until("the lease of a server that stands still ends", async || {
        let output = migrate(&url, &place, &files);
        let (_, error) = texts(&output);
        assert!(
            output.status.success() || error.contains("in use by server"),
            "{error}"
        );
        output.status.success()
    })
    .await;
    let new = Server::on_sled(there, &[]).await;
    let after = new.post(&webhook, &json!({"n": 2})).await;
    // It goes on, and takes nothing, also when it has noticed how long it stood still.
    zombie.signal(Signal::CONT);
    let until = Instant::now() + Duration::from_secs(8);
    let mut refusals = 0;
    while Instant::now() < until {
        let body = json!({"n": 3}).to_string();
        let (status, answer) = zombie.send(&webhook, "application/json", body).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        let path = "/workspaces";
        let (status, answer) = zombie
            .api(Method::POST, path, Some(json!({"name": "late"})))
            .await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        refusals += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refusals > 10, "{refusals}");
    let known: Vec<String> = new
        .tasks("limit=100")
        .await
        .iter()
        .map(|it| it.id.clone())
        .collect();
    assert!(
        known.contains(&task.id) && known.contains(&after),
        "{known:?}"
    );
    assert_eq!(zombie.tasks("limit=100").await.len(), 1);
    zombie.has_logged("the store was moved").await;
    assert!(zombie.stop().success());
    // Another copy is refused, and what counts as moved stays so.
    let other = secrets_of(new.data_dir());
    let other = other.path().to_str().unwrap();
    let to = format!("begun to be moved, to the data directory {place}");
    refused(&url, other, &files, 1, &to);
    // Nor does one start there, until that is undone.
    let said = does_not_start(&url, secrets_of(new.data_dir()).path());
    assert!(
        said.contains(&format!("moved, to the data directory {place}")),
        "{said}"
    );
    assert!(said.contains("stepwell store reopen"), "{said}");
    let reopen = |url: &str| {
        let output = stepwell()
            .args(["store", "reopen", "--store", url])
            .output();
        texts(&output.unwrap()).1
    };
    assert!(reopen(&url).contains("start on"), "it is undone");
    assert!(reopen(&url).contains("was not moved"), "it is undone once");
    let again = Server::on(secrets_of(new.data_dir()), &["--store", &url]).await;
    let third = again.post(&webhook, &json!({"n": 4})).await;
    again.wait(&third, "unmatched").await;
    again.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_does_not_take_its_place_leaves_the_database_as_it_was() {
    let database = PostgresServer::start();
    let url = database.url();
    let mut server = Server::with(&["--store", &url]).await;
    let webhook = server.webhook("Orders").await;
    server.script("parks", PARKS).await;
    server.run(&webhook, &json!({"n": 1}), "unmatched").await;
    assert!(server.stop().success());
    let there = secrets_of(server.data_dir());
    // A file is in the way, which is seen as the last thing.
    fs::write(there.path().join("store"), "no store").unwrap();
    let place = there.path().to_str().unwrap();
    let files = TempDir::new().unwrap();
    let files = ["--files-dir", files.path().to_str().unwrap()];
    refused(&url, place, &files, 1, "/store: ");
    server.launch().await;
    let second = server.post(&webhook, &json!({"n": 2})).await;
    server.wait(&second, "unmatched").await;
    assert!(server.stop().success());
    // Nothing is in the way any more.
    fs::remove_file(there.path().join("store")).unwrap();
    migrated(&url, place, &files);
    let new = Server::on_sled(there, &[]).await;
    assert_eq!(new.tasks("limit=100").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_not_there_are_missed() {
    let database = PostgresServer::start();
    let url = database.url();
    let mut server = Server::on_sled(TempDir::new().unwrap(), &[]).await;
    let webhook = server.webhook("Files").await;
    let parts: [(&str, &[u8]); 1] = [("name=\"doc\"; filename=\"a.txt\"", b"what is in the file")];
    let (status, answer) = server.send(&webhook, FORM, form(&parts)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = accepted_task(&answer);
    server.wait(&task, "unmatched").await;
    assert!(server.stop().success());
    let home = server.data_dir().to_str().unwrap();
    let (blobs, away) = (
        server.data_dir().join("store/blobs"),
        server.data_dir().join("away"),
    );
    fs::rename(&blobs, &away).unwrap();
    let shared = TempDir::new().unwrap();
    let shared = ["--files-dir", shared.path().to_str().unwrap()];
    refused(
        home,
        &url,
        &shared,
        1,
        &format!("task {task} of workspace default names the file"),
    );
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let made = "select from pg_namespace where nspname = 'stepwell'";
    assert!(
        client.query(made, &[]).await.unwrap().is_empty(),
        "nothing was made"
    );
    driver.abort();
    let missing = |said: StoreMigrateReport| said.files_missing;
    let without = [&shared[..], &["--no-files"]].concat();
    assert_eq!(missing(migrated(home, &url, &without)), 1);
    let back = secrets_of(server.data_dir());
    let there = back.path().to_str().unwrap();
    refused(
        &url,
        there,
        &shared,
        1,
        "with --no-files what is missing is left out",
    );
    assert_eq!(missing(migrated(&url, there, &["--no-files"])), 1);
    let back = Server::on_sled(back, &[]).await;
    assert_eq!(back.tasks("limit=10").await.len(), 1);
}
