//! A folder with a manifest, and `stepwell deploy` on it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use stepwell_api::{ConfigKeys, Steps, Webhooks};
use tempfile::TempDir;

use super::ran::{Ran, command};
use super::receiver::{Receiver, Reply};
use super::{Answer, Server, guest, stepwell};

/// A folder with a manifest, and what it names.
pub struct Project(pub TempDir);

impl Project {
    pub fn new(manifest: &str) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write("deploy.yaml", manifest);
        project
    }

    /// The steps `one` and `two`, a webhook and config.
    pub fn usual() -> Self {
        let project = Self::new(USUAL);
        project.guest("five-sets", "steps/one.wasm");
        project.guest("noop", "steps/more/two.wasm");
        project
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    pub fn guest(&self, name: &str, path: &str) {
        self.write(path, fs::read(guest(name)).unwrap());
    }

    pub fn deploy(&self, server: &Server, flags: &[&str]) -> Ran {
        deploy(server, &self.at("deploy.yaml"), flags)
    }
}

pub const USUAL: &str = r#"
workspaces:
  - name: sales
    webhooks:
      - name: Contact Form
    steps:
      - syncPath: steps/
      - name: three
        file: steps/one.wasm
        limits: {fuel: 5M, memory: 8MiB, timeout: 1.5s}
    config:
      REGION: eu
    secrets:
      - name: CRM_TOKEN
        value: ${CRM_TOKEN:-demo}
"#;

pub fn deploy(server: &Server, manifest: &Path, flags: &[&str]) -> Ran {
    let words = [&["deploy", manifest.to_str().unwrap()], flags].concat();
    Ran::of(command(server, &words).env_remove("CRM_TOKEN"))
}

/// The printed lines without digests and URLs.
pub fn marks(ran: &Ran) -> Vec<String> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let rest = words[2].trim_start();
            let name = rest.split("  ").next().unwrap();
            format!("{} {} {name}", words[0], words[1])
        })
        .collect()
}

/// All that the API tells of a workspace: the times of each thing among it.
#[derive(Debug, PartialEq)]
pub struct State {
    pub webhooks: Answer<Webhooks>,
    pub steps: Answer<Steps>,
    pub config: Answer<ConfigKeys>,
}

pub async fn state(server: &Server, workspace: &str) -> State {
    let path = |noun: &str| format!("/workspaces/{workspace}/{noun}");
    State {
        webhooks: server.get(&path("webhooks")).await,
        steps: server.get(&path("steps")).await,
        config: server.get(&path("config")).await,
    }
}

/// A played server: what it answers is up to the test.
pub async fn played() -> Receiver {
    let server = Receiver::start().await;
    let workspaces = json!({"workspaces": [{"name": "sales"}]});
    server.reply("/api/v1/workspaces", Reply::json(200, &workspaces));
    // It is asked which workspace the token is of; servers before tokens do not know.
    let unknown = json!({"code": "no-such-path", "detail": "there is nothing at this path"});
    server.reply("/api/v1/token", Reply::json(404, &unknown));
    server
}

pub fn deploy_to(server: &Receiver, project: &Project, flags: &[&str]) -> Ran {
    let manifest = project.at("deploy.yaml");
    let words = [&["deploy", manifest.to_str().unwrap()], flags].concat();
    let (url, token) = (server.url.as_str(), "token");
    Ran::of(
        stepwell()
            .args(words)
            .env("STEPWELL_URL", url)
            .env("STEPWELL_TOKEN", token),
    )
}
