//! The server under attack, as a child process, and what Linux says of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::http::Connection;

/// The longest that a server may take to say that it listens.
const START: Duration = Duration::from_secs(60);

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    directory: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// The admin token.
    pub token: String,
}

impl Server {
    /// Starts `binary` with a data directory below `directory`; compiled components are shared by all servers there.
    pub fn start(binary: &Path, directory: &Path, arguments: &[String]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir_in(directory)?.keep();
        let log = data.with_extension("log");
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--egress-allow", "127.0.0.1/32", "--data-dir"])
            .arg(&data)
            .arg("--cache-dir")
            .arg(directory.join("cache"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let (found, address) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Only the first line has a receiver; the pipe must be emptied all the same.
                let _ = found.send(line);
            }
        });
        let address = address.recv_timeout(START).ok().and_then(|line| {
            let url = line.trim().strip_prefix("listening on ")?;
            // One that speaks TLS speaks HTTP with this machine all the same.
            let address = url
                .strip_prefix("http://")
                .or(url.strip_prefix("https://"))?;
            address.parse().ok()
        });
        let Some(address) = address else {
            let _ = child.kill();
            child.wait()?;
            bail!(
                "the server did not start: {}",
                fs::read_to_string(&log).unwrap_or_default().trim()
            );
        };
        let token = fs::read_to_string(data.join("admin-token"))?;
        Ok(Self {
            child,
            directory: data,
            address,
            token: token.trim().to_owned(),
        })
    }

    /// A connection to its API.
    pub fn api(&self) -> Connection {
        Connection::new(self.address, Some(&self.token))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has not ended.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its open file descriptors.
    pub fn descriptors(pid: u32) -> usize {
        fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
    }

    /// Ends the process and removes its data directory.
    pub fn end(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
