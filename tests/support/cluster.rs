//! Several real servers on one PostgreSQL of their own, with the same secrets.

#[path = "../../host/src/store/postgres/tests/server.rs"]
pub mod postgres;
#[path = "../../host/src/store/postgres/tests/proxy.rs"]
pub mod proxy;

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use stepwell_api::{Node, Nodes};
use tempfile::TempDir;

use self::postgres::PostgresServer;
use super::{PATIENCE, Server, until};

/// See the module.
pub struct Cluster {
    pub servers: Vec<Server>,
    /// Dropped last.
    pub database: PostgresServer,
}

impl Cluster {
    /// So many servers, each with its share.
    pub async fn start(count: usize) -> Self {
        let database = PostgresServer::start();
        let url = database.url();
        let first = Server::with(&["--store", &url, "--egress-allow", "127.0.0.1/32"]).await;
        let mut cluster = Self {
            servers: vec![first],
            database,
        };
        for _ in 1..count {
            cluster.join().await;
        }
        cluster.balanced().await;
        cluster
    }

    /// Adds a server, which has no share yet.
    pub async fn join(&mut self) {
        let directory = TempDir::new().unwrap();
        for name in ["vault-key", "admin-token"] {
            let from = self.servers[0].data_dir().join(name);
            std::fs::copy(from, directory.path().join(name)).unwrap();
        }
        let url = self.database.url();
        let args = ["--store", &url, "--egress-allow", "127.0.0.1/32"];
        self.servers.push(Server::on(directory, &args).await);
    }

    /// The nodes whose lease runs, as a server sees them.
    pub async fn nodes(&self, server: usize) -> Vec<Node> {
        let nodes = self.servers[server].get::<Nodes>("/nodes").await;
        let nodes = nodes.nodes.iter();
        nodes.filter(|node| node.state != "gone").cloned().collect()
    }

    /// Waits until `count` servers, as `server` sees them, have all partitions: those of the others are taken over.
    pub async fn shared_by(&self, count: usize, server: usize) {
        let what = format!("{count} servers have all partitions");
        until(&what, async || {
            let nodes = self.nodes(server).await;
            let partitions: u32 = nodes.iter().map(|node| node.partitions).sum();
            nodes.len() == count && partitions == 256
        })
        .await;
    }

    /// Waits until all servers that run have their share.
    pub async fn balanced(&self) -> Duration {
        let began = Instant::now();
        let running: Vec<usize> = (0..self.servers.len())
            .filter(|place| self.servers[*place].is_running())
            .collect();
        let share = 256_usize.div_ceil(running.len());
        loop {
            let nodes = self.nodes(running[0]).await;
            let partitions: Vec<u32> = nodes.iter().map(|node| node.partitions).collect();
            let is_fair = |count: &u32| *count as usize <= share && *count > 0;
            if partitions.len() == running.len()
                && partitions.iter().sum::<u32>() == 256
                && partitions.iter().all(is_fair)
            {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{nodes:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for place in running {
            while !is_ready(&self.servers[place]).await {
                assert!(began.elapsed() < PATIENCE, "server {place} is not ready");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        began.elapsed()
    }
}

/// A test that fails says what each server has logged and what its threads do: a server that stands still logs nothing.
impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for server in self.servers.iter().filter(|server| server.is_running()) {
                eprintln!(
                    "{}: {}\n{}",
                    server.url,
                    server.log.text(),
                    server.threads()
                );
            }
        }
    }
}

impl Server {
    /// The threads of the process, each a line: its name, its state, the kernel's function that it waits in, and the
    /// processor time that it has used, in ticks.
    fn threads(&self) -> String {
        let id = self.child.as_ref().map_or(0, std::process::Child::id);
        let threads = std::fs::read_dir(format!("/proc/{id}/task"));
        let line = |thread: std::fs::DirEntry| {
            let read = |file| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let (stat, waits) = (read("stat"), read("wchan"));
            let (name, rest) = stat.rsplit_once(')').unwrap_or_default();
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let field = |number: usize| fields.get(number).copied().unwrap_or_default();
            format!("{name}) {} {waits} {} {}\n", field(0), field(11), field(12))
        };
        threads.into_iter().flatten().flatten().map(line).collect()
    }

    /// Whether the process was started and not ended.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the server runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }
}

/// Whether a load balancer sends requests to the server.
pub async fn is_ready(server: &Server) -> bool {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.request(Method::GET, format!("{}/readyz", server.url));
    let answer = request.timeout(Duration::from_secs(5)).send().await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}
