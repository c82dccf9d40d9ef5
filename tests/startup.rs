//! A server that cannot start says why and what to do, with exit code 1, and harms nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server, only_on_sled, stepwell, texts};
use reqwest::Method;
use serde_json::json;
use stepwell_api::{ConfigKeys, Connectors};

fn serve(args: &[&str]) -> Output {
    stepwell().arg("serve").args(args).output().unwrap()
}

fn refused(output: &Output, message: &str) {
    let (out, err) = texts(output);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(err.contains(message), "{err}");
    assert!(!out.contains("listening on"), "{out}");
}

#[tokio::test]
async fn a_data_directory_in_use_is_left_alone() {
    only_on_sled!("it is about the store's lock");
    let server = Server::start().await;
    let dir = server.data_dir().to_str().unwrap();
    let second = serve(&["--listen", "127.0.0.1:0", "--data-dir", dir]);
    refused(&second, "in use by another process");
    server.is_well().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let server = Server::start().await;
    let address = server.url.strip_prefix("http://").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let second = serve(&[
        "--listen",
        address,
        "--data-dir",
        dir.path().to_str().unwrap(),
    ]);
    refused(
        &second,
        "is in use by another process; stop that one, or choose another port with --listen",
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let below_a_file = file.join("data");
    let output = serve(&[
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        below_a_file.to_str().unwrap(),
    ]);
    refused(&output, "choose another with --data-dir");
    // Root may write anywhere, so permissions prove something only for others.
    if !rustix::process::geteuid().is_root() {
        let closed = dir.path().join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
        let output = serve(&[
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            closed.to_str().unwrap(),
        ]);
        refused(&output, closed.to_str().unwrap());
    }
}

#[tokio::test]
async fn a_data_directory_from_a_newer_version_is_left_alone() {
    only_on_sled!("it is about the store's format");
    let mut server = Server::start().await;
    server.stop();
    let store = server.data_dir().join("store");
    crate::support::make_newer(&store);
    let dir = server.data_dir().to_str().unwrap().to_owned();
    let output = serve(&["--listen", "127.0.0.1:0", "--data-dir", &dir]);
    refused(&output, "use the stepwell that wrote it, or a newer one");
}

#[test]
fn wrong_flags_are_usage_errors() {
    for args in [
        &["--listen", "nowhere"][..],
        &["--egress-allow", "not a rule!"],
        &["--concurrency", "0"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = stepwell()
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path())
            .args(
                args.iter()
                    .filter(|arg| **arg != "--listen" || args[0] == "--listen"),
            )
            .output()
            .unwrap();
        let (_, err) = texts(&output);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{args:?}: {err}"
        );
        assert!(err.len() > 20, "{args:?}: {err}");
    }
}

fn serve_on(directory: &Path) -> Output {
    let dir = directory.to_str().unwrap();
    serve(&["--listen", "127.0.0.1:0", "--data-dir", dir])
}

/// Adds the secrets that a test loses, and stops the server.
async fn with_secrets() -> Server {
    let mut server = Server::start().await;
    server.config("TOKEN", "s3cret").await;
    let settings = json!({"kind": "slack.com", "config": {"token": "xoxb-1"}});
    let path = server.path("connectors/slackCom");
    let (status, body) = server.api(Method::PUT, &path, Some(settings)).await;
    assert!(status.is_success(), "{body}");
    let webhook = json!({"name": "Signed", "provider": "bearer", "secret": "s3cret of the sender"});
    let path = server.path("webhooks");
    let (status, body) = server.api(Method::POST, &path, Some(webhook)).await;
    assert!(status.is_success(), "{body}");
    server.stop();
    server
}

#[tokio::test]
async fn a_lost_vault_key_is_not_replaced_and_the_backup_brings_all_back() {
    only_on_sled!("it starts servers on the store of another");
    let mut server = with_secrets().await;
    let key = server.data_dir().join("vault-key");
    let backup = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for _ in 0..2 {
        let output = serve_on(server.data_dir());
        refused(&output, "the vault key is lost: ");
        let (_, err) = texts(&output);
        for part in [
            key.to_str().unwrap(),
            "1 config value and 1 connector and 1 webhook secret",
            "restore the file from its backup",
            "nothing else is lost",
        ] {
            assert!(err.contains(part), "{part}: {err}");
        }
        assert!(!key.exists(), "nothing is written");
    }
    std::fs::write(&key, backup).unwrap();
    set_mode(&key, 0o600);
    server.launch().await;
    reads_its_secret(&server, "s3cret").await;
}

#[tokio::test]
async fn another_vault_key_is_refused_and_left_as_it_is() {
    only_on_sled!("it starts servers on the store of another");
    let server = with_secrets().await;
    let key = server.data_dir().join("vault-key");
    let other = format!("{}\n", "a".repeat(64));
    std::fs::write(&key, &other).unwrap();
    let output = serve_on(server.data_dir());
    refused(&output, "does not open: the vault key is not the one");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), other);
}

#[tokio::test]
async fn secrets_whose_key_is_gone_for_good_are_discarded_when_that_is_asked_for() {
    only_on_sled!("it starts servers on the store of another");
    let mut server = with_secrets().await;
    let key = server.data_dir().join("vault-key");
    std::fs::remove_file(&key).unwrap();
    server.set_args(&["--discard-secrets"]);
    server.launch().await;
    let config = server.get::<ConfigKeys>(&server.path("config")).await;
    assert!(config.config.is_empty(), "{config}");
    let connectors = server.get::<Connectors>(&server.path("connectors")).await;
    assert!(connectors.connectors.is_empty(), "{connectors}");
    server.config("TOKEN", "another").await;
    reads_its_secret(&server, "another").await;
    server.stop();
    // The new key opens what was set since; the flag harms nothing then.
    for args in [&["--discard-secrets"][..], &[]] {
        server.set_args(args);
        server.launch().await;
        reads_its_secret(&server, "another").await;
        server.stop();
    }
}

#[tokio::test]
async fn a_vault_key_that_has_sealed_nothing_may_go() {
    only_on_sled!("a cluster's key has sealed a value from its first start");
    let mut server = Server::start().await;
    server.config("TOKEN", "x").await;
    let path = server.path("config/TOKEN");
    let (status, body) = server.api(Method::DELETE, &path, None).await;
    assert!(status.is_success(), "{body}");
    server.stop();
    let key = server.data_dir().join("vault-key");
    std::fs::remove_file(&key).unwrap();
    server.launch().await;
    assert!(key.exists());
    server.is_well().await;
}

/// A step is given the config value.
async fn reads_its_secret(server: &Server, value: &str) {
    let source = "export const condition = {};
        export const content = () => { data.same = task.config('TOKEN') === data.token; };";
    server.script("reads", source).await;
    let webhook = server
        .webhook(&format!("W {}", rand::random::<u32>()))
        .await;
    let task = server.run(&webhook, &json!({"token": value}), "done").await;
    assert_eq!(task.data["same"], true);
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path)
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A directory and all that is below it, but for what the test itself puts there.
fn all(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    let mut at = 0;
    while at < found.len() {
        if found[at].is_dir() {
            let entries = std::fs::read_dir(&found[at]).unwrap();
            found.extend(entries.map(|entry| entry.unwrap().path()));
        }
        at += 1;
    }
    found.retain(|path| !path.ends_with("server.log"));
    found
}

fn is_closed(directory: &Path) -> usize {
    let found = all(directory);
    for path in &found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(path), expected, "{}", path.display());
    }
    found.len()
}

/// What the server has logged, once it has ended.
fn logged(server: &Server) -> String {
    let path = server.data_dir().join("server.log");
    for _ in 0..500 {
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        if log.contains("the server has ended") {
            std::fs::remove_file(&path).unwrap();
            return log;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing is logged");
}

/// Whether a file in the folder, or below it, has bytes.
fn has_bytes(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match entry.metadata() {
        Ok(file) if file.is_file() => file.len() > 0,
        Ok(_) => has_bytes(&entry.path()),
        Err(_) => false,
    })
}

/// Fills every folder that the server has: log, archive, bodies, components, cache.
async fn used(server: &Server) -> crate::support::Receiver {
    let upstream = crate::support::Receiver::start().await;
    let body = json!({"text": "x".repeat(200_000)});
    upstream.reply("/big", crate::support::receiver::Reply::json(200, &body));
    let source = format!(
        "export const condition = {{}};\nexport const content = async () => {{ await fetch('{}/big'); }};",
        upstream.url
    );
    server.script("big", &source).await;
    let webhook = server.webhook("W").await;
    server
        .run(&webhook, &json!({"secret": "payload"}), "done")
        .await;
    let until = Instant::now() + PATIENCE;
    while !has_bytes(&server.data_dir().join("store/archive")) {
        assert!(
            Instant::now() < until,
            "the task does not come into the archive"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    upstream
}

#[tokio::test]
async fn all_that_the_server_writes_is_for_its_owner_only() {
    only_on_sled!("it is about the store's files");
    // Whatever the umask is: 0 would let everybody write.
    let mut server = Server::with_umask("000", &["--egress-allow", "127.0.0.1/32"]).await;
    let upstream = used(&server).await;
    assert!(is_closed(server.data_dir()) > 15);
    for folder in [
        "store/tree",
        "store/log",
        "store/archive",
        "store/bodies/default",
        "store/components",
        "cache",
    ] {
        assert!(
            is_closed(&server.data_dir().join(folder)) > 1,
            "{folder} has files"
        );
    }
    server.stop();
    drop(upstream);
    is_closed(server.data_dir());
}

#[tokio::test]
async fn a_directory_that_is_open_to_others_is_closed_at_the_start() {
    only_on_sled!("it is about the store's files");
    let mut server = Server::start().await;
    let upstream = used(&server).await;
    server.stop();
    logged(&server);
    // As an older version left it below the umask 022, and as others may have changed it.
    for path in all(server.data_dir()) {
        let is_secret = path.ends_with("admin-token") || path.ends_with("vault-key");
        if path.is_dir() {
            set_mode(&path, 0o755);
        } else if !is_secret {
            set_mode(&path, 0o644);
        }
    }
    set_mode(&server.data_dir().join("store/lock"), 0o666);
    set_mode(&server.data_dir().join("store/archive"), 0o777);
    set_mode(&server.data_dir().join("store"), 0o700);
    // What is not the server's is left as it is.
    let mine = server.data_dir().join("deploy.yaml");
    std::fs::write(&mine, "mine").unwrap();
    set_mode(&mine, 0o644);
    server.launch().await;
    server.is_well().await;
    assert_eq!(mode(&mine), 0o644);
    std::fs::remove_file(&mine).unwrap();
    is_closed(server.data_dir());
    server.stop();
    let log = logged(&server);
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("others could look into"))
        .collect();
    assert_eq!(said.len(), 1, "{log}");
    // The next start has nothing to say.
    server.launch().await;
    server.stop();
    let log = logged(&server);
    assert!(!log.contains("others could look into"), "{log}");
    drop(upstream);
}

#[tokio::test]
async fn a_new_directory_that_somebody_made_wide_is_closed() {
    for wide in [0o755, 0o777, 0o750, 0o711, 0o2775, 0o1777] {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        std::fs::create_dir(&data).unwrap();
        set_mode(&data, wide);
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        let mut server = stepwell()
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&link)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = server.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        assert!(line.contains("listening on"), "{line}");
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(mode(&data), wide & 0o7700, "{wide:o}");
        for path in all(&data).into_iter().skip(1) {
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
        }
    }
}

/// Only root can give a directory away to see what another user gets to read.
#[test]
fn a_directory_of_another_user_that_is_open_to_others_is_refused() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    set_mode(home.path(), 0o755);
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    set_mode(&data, 0o777);
    // The binary may be in a folder that only root can look into.
    let binary = home.path().join("stepwell");
    std::fs::copy(env!("CARGO_BIN_EXE_stepwell"), &binary).unwrap();
    set_mode(&binary, 0o755);
    let output = std::process::Command::new(&binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    refused(&output, "only its owner, user 0, can close it to them");
    let (_, err) = texts(&output);
    assert!(
        err.contains("mode 0777") && err.contains("--data-dir"),
        "{err}"
    );
    assert_eq!(
        std::fs::read_dir(&data).unwrap().count(),
        0,
        "nothing is written into it"
    );
}
