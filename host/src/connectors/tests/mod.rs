//! The client against real servers on loopback: what is dialled, what is sent, and what is endured.
//! Every wait is bounded, and no assertion is about how long something took.

mod answers;
mod egress;
mod hostile;
mod owners;
mod redirects;
mod reuse;
mod upstream;
mod wire;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use self::upstream::{Answer, Upstream};
use super::{EgressPolicy, EgressRule, FetchClient, FetchSettings, WorkspacePolicy};
use crate::domain::effect::{FetchError, FetchRequest, FetchResult, Redirect};
use crate::domain::ids::WorkspaceName;

/// A resolver that gives each name its answers one after the other, and the last one for ever.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
}

impl Names {
    fn of(table: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let ip = |text: &&str| text.parse().unwrap();
        let answers = table
            .iter()
            .map(|(name, answers)| {
                let answers = answers
                    .iter()
                    .map(|addresses| addresses.iter().map(ip).collect())
                    .collect();
                ((*name).to_owned(), answers)
            })
            .collect();
        Arc::new(Self {
            answers: Mutex::new(answers),
        })
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let mut answers = self.answers.lock();
        let found = match answers.get_mut(name.as_str()) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers.first().cloned().unwrap_or_default(),
            None => Vec::new(),
        };
        let found = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
        Box::pin(async move { Ok(Box::new(found) as Addrs) })
    }
}

fn settings(rules: &[&str]) -> FetchSettings {
    let rules: Vec<_> = rules
        .iter()
        .map(|text| EgressRule::parse(text).unwrap())
        .collect();
    FetchSettings {
        policy: EgressPolicy::new(&rules),
        ..FetchSettings::default()
    }
}

/// A client whose operator has these rules; names are the system's, so `localhost` is one.
fn client(rules: &[&str]) -> FetchClient {
    FetchClient::new(settings(rules)).unwrap()
}

/// A client whose operator allows loopback.
fn open() -> FetchClient {
    client(&["127.0.0.1"])
}

fn request(method: &str, url: impl Into<String>) -> FetchRequest {
    FetchRequest {
        url: url.into(),
        method: method.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
        redirect: Redirect::Follow,
    }
}

fn get(url: impl Into<String>) -> FetchRequest {
    request("GET", url)
}

/// Whose calls they are.
fn caller() -> WorkspaceName {
    "default".parse().unwrap()
}

async fn fetch(client: &FetchClient, request: FetchRequest) -> FetchResult {
    let workspace = WorkspacePolicy::default();
    let caller = caller();
    let call = client.fetch((&caller, &workspace), request, "task-1-0");
    tokio::time::timeout(Duration::from_secs(60), call)
        .await
        .expect("a call ends by itself")
}

#[track_caller]
fn denied(result: FetchResult) -> String {
    match result {
        Err(FetchError::Denied(text)) => text,
        other => panic!("not denied: {other:?}"),
    }
}

#[track_caller]
fn broken(result: FetchResult) -> String {
    match result {
        Err(FetchError::Connection(text)) => text,
        other => panic!("no broken connection: {other:?}"),
    }
}
