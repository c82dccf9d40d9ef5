//! Tasks, commits, effects and steps to try a store with.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::domain::clock::Millis;
use crate::domain::dedup::{Dedup, DedupKey, KeyKind};
use crate::domain::delivery::{Delivery, DeliveryBody, Verdict};
use crate::domain::effect::{CallResult, Effect, FetchResponse, RunOrigin};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::{Entry, RunEntry};
use crate::domain::limits::StepLimits;
use crate::domain::retention::DAY;
use crate::domain::run::{Ended, LogLevel, LogLine};
use crate::domain::step::{RetryPolicy, Step};
use crate::domain::task::{Notice, Standing, TaskHead, TaskState, Wait};
use crate::store::{Commit, NewTask};

/// The workspace `name`.
pub fn workspace(name: &str) -> WorkspaceName {
    name.parse().unwrap()
}

/// A new task.
pub fn new_task(workspace: &WorkspaceName, id: TaskId, data: &str) -> NewTask {
    NewTask {
        head: TaskHead {
            webhook: "Contact Form".parse().ok(),
            ..TaskHead::new(id, workspace.clone(), 1_764_000_000_000)
        },
        data: data.into(),
        entries: Vec::new(),
        dedup: None,
    }
}

/// A commit that moves `head` one version on, to `state`.
pub fn next(head: &TaskHead, state: TaskState, wake_at: Option<Millis>) -> Commit {
    let mut head = head.clone();
    head.version += 1;
    head.updated += 1;
    head.runs += 1;
    head.standing = standing(state, wake_at);
    let run = u32::try_from(head.version).unwrap();
    Commit {
        head,
        data: None,
        entries: vec![run_entry(run, Ended::Finished)],
    }
}

/// Where a task of that state stands which is to be looked at then: one that waits does so for the time, one
/// that failed owes a notice. Other states have no such time.
pub fn standing(state: TaskState, wake_at: Option<Millis>) -> Standing {
    match (state, wake_at) {
        (TaskState::Waiting, Some(at)) => Standing::Waiting(Wait::Until(at)),
        (TaskState::Error, Some(due)) => Standing::Error(Some(Notice {
            id: "msg_1".into(),
            step: "s".parse().unwrap(),
            attempts: 3,
            failed_at: 1_764_000_000_000,
            tries: 1,
            error: Some("the receiver answered 500".into()),
            due,
        })),
        (state, _) => state.into(),
    }
}

/// A run's entry in a journal.
pub fn run_entry(run: u32, ended: Ended) -> Entry {
    Entry::Run(Box::new(RunEntry {
        run,
        attempt: 1,
        step: "crm/sync".parse().unwrap(),
        digest: "d".repeat(64),
        at: 1_764_000_000_001,
        ended,
        changes: r#"[{"op":"set","path":"/a","value":1.0}]"#.into(),
        logs: vec![LogLine {
            level: LogLevel::Warn,
            text: "said".into(),
        }],
        fuel: 1234,
        duration_us: 56,
        alternatives: vec!["other".parse().unwrap()],
        retry_at: Some(77),
        parked_until: None,
        subtasks: Vec::new(),
    }))
}

/// An effect with a response body of `bytes` bytes.
pub fn effect(run: u32, call: u32, bytes: usize) -> Effect {
    Effect {
        run,
        attempt: 1,
        begun: RunOrigin {
            step: "crm/sync".parse().unwrap(),
            digest: "d".repeat(64),
            observed: u64::MAX,
        },
        call,
        digest: [3; 32],
        summary: "POST https://example.com/".into(),
        order: call,
        at: 1_764_000_000_002,
        duration_us: 9,
        body: bytes.is_multiple_of(2).then_some([7; 32]),
        result: CallResult::Fetch(Ok(FetchResponse {
            status: 200,
            status_text: "OK".into(),
            headers: vec![("content-type".into(), "text/plain".into())],
            body: vec![b'x'; bytes],
        })),
    }
}

/// A component's digest.
pub fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A package of a script: its own file, and one of so many bytes.
pub fn package(own: &str, library: &str) -> Arc<[u8]> {
    let package = format!(
        r#"{{"entry":"s.js","modules":{{"lib.js":"/* \"\\ */{library}","s.js":"{own}"}}}}"#
    );
    package.into_bytes().into()
}

/// A step with a component of these bytes.
pub fn step(name: &str, bytes: &[u8]) -> Step {
    Step {
        name: name.parse().unwrap(),
        kind: crate::domain::step::StepKind::Component,
        digest: digest(bytes),
        size: bytes.len() as u64,
        condition: format!(r#"{{"a":"{}"}}"#, "c".repeat(20_000)),
        limits: StepLimits::default(),
        retry: RetryPolicy::default(),
        versions: Vec::new(),
        created: 1,
        updated: 2,
    }
}

/// The key of a delivery that came at that time, for a day.
pub fn dedup(value: &str, at: Millis) -> Dedup {
    Dedup {
        key: DedupKey::of("w1", KeyKind::Header, value.as_bytes()).unwrap(),
        at,
        until: at + DAY,
    }
}

/// A delivery that was refused at a time.
pub fn delivery(at: Millis, webhook: &str) -> Delivery {
    Delivery {
        id: TaskId::derived(1_764_000_000_000 + at, [7; 10]),
        webhook: webhook.into(),
        name: "Contact Form".parse().unwrap(),
        at: 1_764_000_000_000 + at,
        verdict: Verdict::Refused {
            status: 401,
            code: "token-missing".into(),
            detail: "the token is missing".into(),
        },
        ip: std::net::Ipv4Addr::LOCALHOST.into(),
        method: "POST".into(),
        query: Some("a=1".into()),
        headers: vec![("content-type".into(), "application/json".into())],
        body: DeliveryBody::Kept(b"{}".to_vec()),
        omitted: at,
    }
}
