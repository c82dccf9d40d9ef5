//! Whose a connection is: it is kept for its workspace alone, and run as that one's work.

use super::*;
use crate::connectors::payer::Unbounded;
use crate::connectors::{Paced, Payer};
use crate::domain::blocking::{Executor, Job};
use crate::domain::budget::{Charge, Permit};

/// Runs jobs, and notes whose they are.
#[derive(Default)]
struct Noted(Mutex<Vec<WorkspaceName>>);

impl Executor for Noted {
    fn spawn(&self, workspace: &WorkspaceName, job: Job) {
        self.0.lock().push(workspace.clone());
        tokio::spawn(job);
    }
}

async fn asks(client: &FetchClient, workspace: &str, url: &str, executor: &Arc<dyn Executor>) {
    let (caller, policy) = (workspace.parse().unwrap(), WorkspacePolicy::default());
    let memory = Charge::new(Arc::new(Permit::unlimited()));
    let payer = Payer {
        memory: &memory,
        pool: &Unbounded,
        executor,
        pace: &Paced::default(),
    };
    let answer = client.fetch_within((&caller, &policy), get(url), "task-1-0", payer);
    assert_eq!(answer.await.unwrap().body, b"ok");
}

#[tokio::test]
async fn a_connection_is_its_workspaces_and_its_work() {
    let upstream = Upstream::start(|_| Answer::ok("ok")).await;
    let (client, noted) = (open(), Arc::<Noted>::default());
    let (url, executor) = (upstream.url("/"), noted.clone() as Arc<dyn Executor>);
    for (workspace, connections) in [("a", 1), ("a", 1), ("b", 2), ("a", 2), ("b", 2)] {
        let before = noted.0.lock().len();
        asks(&client, workspace, &url, &executor).await;
        assert_eq!(upstream.connections(), connections, "{workspace}");
        let workspace: WorkspaceName = workspace.parse().unwrap();
        assert!(noted.0.lock()[before..].iter().all(|of| *of == workspace));
    }
    let of = |name: &str| {
        let name: WorkspaceName = name.parse().unwrap();
        noted.0.lock().contains(&name)
    };
    assert!(of("a") && of("b"));
    // What runs connections may have ended with its engine.
    let other: Arc<dyn Executor> = Arc::<Noted>::default();
    asks(&client, "a", &url, &other).await;
    assert_eq!(upstream.connections(), 3);
}

/// Idle connections of one workspace leave some for others.
#[tokio::test]
async fn a_workspace_keeps_a_part_of_the_connections_that_are_kept() {
    let settings = FetchSettings {
        kept: 8,
        ..settings(&["127.0.0.1"])
    };
    let client = FetchClient::new(settings).unwrap();
    let executor: Arc<dyn Executor> = Arc::new(Unbounded);
    let mut upstreams = Vec::new();
    for _ in 0..8 {
        upstreams.push(Upstream::start(|_| Answer::ok("ok")).await);
    }
    // Each has one that is kept, until there are more than six.
    for round in 1..=2 {
        for upstream in &upstreams[..7] {
            asks(&client, "a", &upstream.url("/"), &executor).await;
        }
        let connections: Vec<_> = upstreams.iter().map(Upstream::connections).collect();
        if round == 1 {
            assert_eq!(connections, [1, 1, 1, 1, 1, 1, 1, 0]);
        } else {
            // While seven are open, none that is made is kept.
            assert_eq!(
                connections[..7].iter().sum::<usize>(),
                14,
                "{connections:?}"
            );
        }
    }
    for _ in 0..2 {
        asks(&client, "b", &upstreams[7].url("/"), &executor).await;
    }
    assert_eq!(upstreams[7].connections(), 1, "another one has its own");
}
