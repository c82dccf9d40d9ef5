//! The server under attack, as a child process, and what Linux says of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::fixtures::fixture;
use super::http::Connection;
use super::memory_limit::MemoryLimit;

/// The longest that a server may take to say that it listens.
const START: Duration = Duration::from_secs(60);

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    directory: PathBuf,
    binary: PathBuf,
    arguments: Vec<String>,
    limit: Option<MemoryLimit>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The admin token.
    pub token: String,
}

impl Server {
    /// Starts `binary` with a data directory below `directory`; compiled components are shared by all servers there.
    pub fn start(
        binary: &Path,
        directory: &Path,
        arguments: &[String],
        limit: Option<MemoryLimit>,
    ) -> anyhow::Result<Self> {
        let data = tempfile::tempdir_in(directory)?.keep();
        let mut all: Vec<String> = Vec::new();
        let folder = |path: &Path| path.display().to_string();
        all.extend(["--egress-allow", "127.0.0.1/32", "--data-dir"].map(str::to_owned));
        all.extend([
            folder(&data),
            "--cache-dir".into(),
            folder(&directory.join("cache")),
        ]);
        all.extend_from_slice(arguments);
        let (child, address) = launch(binary, &data, ("127.0.0.1:0", &all), limit.as_ref())?;
        let token = fs::read_to_string(data.join("admin-token"))?;
        Ok(Self {
            child,
            directory: data,
            binary: binary.to_owned(),
            arguments: all,
            limit,
            address,
            token: token.trim().to_owned(),
        })
    }

    /// Ends the process as a power cut would, and starts it again where it was. Gives how long it took to listen.
    pub fn kill(&mut self) -> anyhow::Result<Duration> {
        self.child.kill()?;
        self.child.wait()?;
        let begun = Instant::now();
        let address = self.address.to_string();
        let how = (&*address, &*self.arguments);
        (self.child, _) = launch(&self.binary, &self.directory, how, self.limit.as_ref())?;
        Ok(begun.elapsed())
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

/// Starts a server that listens at `listen`, or at any port of it; gives where it does.
fn launch(
    binary: &Path,
    data: &Path,
    (listen, arguments): (&str, &[String]),
    limit: Option<&MemoryLimit>,
) -> anyhow::Result<(Child, SocketAddr)> {
    let log = data.with_extension("log");
    let mut command = match limit {
        None => Command::new(binary),
        Some(limit) => {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", r#"echo $$ > "$0" && exec "$@""#])
                .arg(limit.processes())
                .arg(binary);
            shell
        }
    };
    let mut child = command
        .args(["serve", "--listen", listen])
        .args(arguments)
        .env("SSL_CERT_FILE", fixture("authority-localhost.pem"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::options().create(true).append(true).open(&log)?)
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
    match address {
        Some(address) => Ok((child, address)),
        None => {
            let _ = child.kill();
            child.wait()?;
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("the server did not start: {}", said.trim());
        }
    }
}
