//! A server that cannot start says why and what to do, with exit code 1, and harms nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use support::{Server, stepwell, texts};

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
    let mut server = Server::start().await;
    server.stop();
    let store = server.data_dir().join("store");
    support::make_newer(&store);
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
