//! Tokens as people use them: by the command line and the API, over restarts, and against guesses.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::report::AdminTokenReport;
use stepwell_api::{Token, Tokens, Workspaces};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Answer, Server, is_postgres, refusal, stepwell, texts, typed, until};

/// The command line of a user who has a token and no data directory.
fn cli(server: &Server, token: &str, args: &[&str]) -> Output {
    let home = server.data_dir().join("home");
    let mut command = stepwell();
    command.args(args).args(["--url", &server.url]);
    command.env("STEPWELL_TOKEN", token).env("HOME", &home);
    command.env_remove("XDG_CONFIG_HOME").output().unwrap()
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_it_is_revoked() {
    let mut server = Server::start().await;
    server.enter("sales").await;
    let added = server.cli(&[
        "token",
        "add",
        "ci",
        "--scope",
        "read,deploy",
        "--expires",
        "90d",
    ]);
    let (token, note) = texts(&added);
    let token = token.trim().to_owned();
    assert!(
        note.contains("added token ci for workspace sales: read,deploy"),
        "{note}"
    );
    assert!(token.starts_with("swt_") && token.len() == 53, "{token}");
    let own: Answer<Token> = Answer::of(server.api_as(&token, Method::GET, "/token", None).await.1);
    assert_eq!(
        (own.name.as_str(), own.workspace.as_deref()),
        ("ci", Some("sales"))
    );
    assert!(own.expires.is_some() && own.last_used.is_some() && own.token.is_none());
    let listed = Answer::<Tokens>::of(server.cli_json(&["token", "list"]));
    assert!(!listed.to_string().contains(&token[4..]), "{listed}");
    assert_eq!(listed.tokens[0].added_by.as_deref(), Some("admin"));
    // The last use is there after the server was stopped and started.
    assert!(server.stop().success());
    server.launch().await;
    let listed: Tokens = server.cli_json(&["token", "list"]);
    assert!(listed.tokens[0].last_used >= own.last_used);
    let twice = server.cli(&["token", "add", "ci", "--scope", "read"]);
    assert!(texts(&twice).1.contains("already"), "{}", texts(&twice).1);
    assert!(server.cli(&["token", "revoke", "ci"]).status.success());
    let (status, problem) = server.api_as(&token, Method::GET, "/token", None).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (401, "unauthorized")
    );
    let again = server.cli(&["token", "revoke", "ci"]);
    assert_eq!(again.status.code(), Some(3), "{}", texts(&again).1);
    // It is neither in the log nor in what is stored.
    assert!(server.stop().success());
    let mut looked_at = 0;
    for file in files(server.data_dir()) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(49).any(|part| part == &token.as_bytes()[4..]);
        assert!(!found, "{}", file.display());
        looked_at += 1;
    }
    let few = if is_postgres() { 2 } else { 5 };
    assert!(looked_at > few, "{looked_at}");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[tokio::test]
async fn a_token_gives_nothing_away_that_it_has_not() {
    let server = Server::start().await;
    let path = "/workspaces/default/tokens";
    let admin = server.add_token(path, "people", &["admin", "read"]).await;
    let add = async |body: Value| {
        let (status, answer) = server.api_as(&admin, Method::POST, path, Some(body)).await;
        (status.as_u16(), answer)
    };
    let (status, answer) = add(json!({"name": "a", "scopes": ["read", "deploy"]})).await;
    assert_eq!(status, 403, "{answer}");
    assert!(
        refusal(&answer).detail.contains("the scope `deploy`"),
        "{answer}"
    );
    let (status, answer) = add(json!({"name": "a", "scopes": ["read"]})).await;
    assert_eq!(status, 201, "{answer}");
    let added: Token = typed(&answer);
    assert_eq!(added.added_by.as_deref(), Some("people"));
    for (body, field) in [
        (json!({"name": "b", "scopes": []}), "scopes"),
        (json!({"name": "b", "scopes": ["write"]}), "scopes"),
        (json!({"name": "admin", "scopes": ["read"]}), "name"),
        (
            json!({"name": "b", "scopes": ["read"], "expires_in_seconds": 0}),
            "expires_in_seconds",
        ),
    ] {
        let (status, answer) = add(body).await;
        assert_eq!(status, 422, "{answer}");
        let wrong = refusal(&answer);
        assert_eq!(
            (wrong.code.as_str(), wrong.field.as_deref()),
            ("bad-token", Some(field))
        );
    }
    // A workspace's token is none of the server's.
    let (status, _) = server.api_as(&admin, Method::GET, "/tokens", None).await;
    assert_eq!(status, 403);
    let (_, seen) = server
        .api_as(&admin, Method::GET, "/workspaces", None)
        .await;
    assert_eq!(typed::<Workspaces>(&seen).workspaces.len(), 1);
}

#[tokio::test]
async fn the_command_line_acts_in_the_workspace_of_its_token() {
    let mut server = Server::start().await;
    server.enter("sales").await;
    let webhook = server.webhook("Form").await;
    let id = server.post(&webhook, &json!({"n": 1})).await;
    let token = server
        .add_token("/workspaces/sales/tokens", "people", &["read", "operate"])
        .await;
    let mine = |args: &[&str]| cli(&server, &token, args);
    let listed = mine(&["task", "list"]);
    assert!(texts(&listed).0.contains(&id), "{listed:?}");
    let shown = texts(&mine(&["token", "show"])).0;
    assert!(
        shown.contains("sales") && shown.contains("read,operate"),
        "{shown}"
    );
    assert!(mine(&["task", "keep", &id]).status.success());
    let workspaces = texts(&mine(&["workspace", "list"])).0;
    assert!(
        workspaces.contains("sales") && !workspaces.contains("default"),
        "{workspaces}"
    );
    // What it lacks is named; other workspaces are not there.
    let lacks = mine(&["webhook", "list"]);
    assert_eq!(lacks.status.code(), Some(4));
    let stderr = texts(&lacks).1;
    assert!(
        stderr.contains("scope `deploy`") && stderr.contains("token show"),
        "{stderr}"
    );
    let elsewhere = mine(&["task", "list", "--workspace", "default"]);
    assert_eq!(elsewhere.status.code(), Some(3));
    assert!(
        texts(&elsewhere).1.contains("no workspace `default`"),
        "{elsewhere:?}"
    );
    let json = mine(&["webhook", "list", "--json"]);
    assert!(texts(&json).1.contains("\"forbidden\""), "{json:?}");
    let wrong = cli(&server, "swt_wrong", &["task", "list"]);
    assert_eq!(wrong.status.code(), Some(4));
    assert!(
        texts(&wrong).1.contains("does not accept the token"),
        "{wrong:?}"
    );
    let task = server.task(&id).await;
    assert!(task.kept, "{task:#}");
}

#[tokio::test]
async fn a_manifest_is_deployed_with_a_workspaces_token() {
    let mut server = Server::start().await;
    server.enter("sales").await;
    let token = server
        .add_token("/workspaces/sales/tokens", "ci", &["read", "deploy"])
        .await;
    let folder = server.data_dir().join("manifest");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("deploy.yaml");
    let manifest =
        "workspaces:\n- name: sales\n  webhooks:\n  - name: Form\n  config:\n    KEY: v4lue\n";
    fs::write(&file, manifest).unwrap();
    let file = file.to_str().unwrap();
    let first = cli(&server, &token, &["deploy", file]);
    assert!(first.status.success(), "{first:?}");
    // A value's digest is that of this token, so nothing is to be done a second time.
    let second = cli(&server, &token, &["deploy", file, "--json"]);
    let (out, err) = texts(&second);
    assert!(second.status.success(), "{err}");
    assert!(
        !out.contains("\"added\"") && !out.contains("\"changed\""),
        "{out}"
    );
}

#[tokio::test]
async fn the_admin_token_is_replaced_while_the_server_runs() {
    let server = Server::start().await;
    let old = server.token().to_owned();
    let file = server.data_dir().join("admin-token");
    let asked = async |token: &str| {
        server
            .api_as(token, Method::GET, "/token", None)
            .await
            .0
            .as_u16()
    };
    assert_eq!(asked(&old).await, 200);
    let rotated: AdminTokenReport = server.cli_json(&["token", "rotate-admin"]);
    assert_eq!(
        (rotated.file.as_ref(), rotated.taken),
        (file.to_str().unwrap(), true)
    );
    let new = fs::read_to_string(&file).unwrap();
    assert!(new.starts_with("swt_") && new.trim() != old);
    assert_eq!((asked(new.trim()).await, asked(&old).await), (200, 401));
    // A file by hand is taken, too; one that others can read is not, and the token stays.
    use std::os::unix::fs::PermissionsExt;
    let put = |text: &str, mode| {
        let new = file.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(new, &file).unwrap();
    };
    put("by-hand", 0o600);
    let is_taken = async |token: &str| asked(token).await == 200;
    until("a token by hand", async || is_taken("by-hand").await).await;
    assert_eq!(asked(new.trim()).await, 401);
    put("exposed", 0o644);
    put("again", 0o600);
    until("another one", async || is_taken("again").await).await;
    assert_eq!(asked("exposed").await, 401);
}

/// Sends one wrong token; gives the status, and whether it is said when to come again.
async fn guess(mut connection: tokio::net::TcpStream, number: usize) -> (u16, bool) {
    let request = format!(
        "GET /api/v1/token HTTP/1.1\r\nhost: x\r\nauthorization: Bearer guess{number}\r\nconnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.to_lowercase().contains("\r\nretry-after: "))
}

#[tokio::test]
async fn many_wrong_tokens_are_slowed_and_no_valid_one() {
    let mut server = Server::with(&["--auth-failures", "3"]).await;
    // Connected before the first one is sent: more have to come within a second than are delayed at once.
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connections = Vec::new();
    for _ in 0..400 {
        connections.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let guesses: Vec<_> = connections
        .into_iter()
        .enumerate()
        .map(|(number, connection)| tokio::spawn(guess(connection, number)))
        .collect();
    for _ in 0..20 {
        let (status, _) = server.api(Method::GET, "/token", None).await;
        assert_eq!(status, 200);
    }
    let (mut unauthorized, mut refused) = (0, 0);
    for guess in guesses {
        match guess.await.unwrap() {
            (401, false) => unauthorized += 1,
            (429, true) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(unauthorized >= 3 && refused > 0, "{unauthorized} {refused}");
    assert!(server.stop().success());
    let log = server.log().await;
    assert!(
        log.contains("sends wrong tokens") && !log.contains("guess"),
        "{log}"
    );
}
