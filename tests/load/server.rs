//! Servers under measurement, as child processes: the real one and the floors. Starts them, finds
//! their address, sets the real one up, ends them. What is sent to them is not its business.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::api::Api;
use super::floor::Floor;
use super::options::Options;

/// The longest that a server may take to say that it listens.
const START: Duration = Duration::from_secs(60);
/// The longest that a server may take to end after SIGTERM.
const STOP: Duration = Duration::from_secs(60);

/// A child process that listens.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From starting the process to its `listening on` line.
    pub started_in: Duration,
}

impl Server {
    /// Starts a floor.
    pub fn floor(floor: Floor, dir: &Path) -> anyhow::Result<Self> {
        let name = match floor {
            Floor::Echo => "echo",
            Floor::Fdatasync => "fdatasync",
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--floor", name, "--dir"]).arg(dir);
        Self::start(command, &dir.join(format!("{name}.log")))
    }

    /// Starts the real server on its data directory below `dir`; `store` is the URL of its database, if it has one.
    pub fn stepwell(options: &Options, dir: &Path, store: Option<&str>) -> anyhow::Result<Self> {
        let default = Path::new(env!("CARGO_BIN_EXE_stepwell"));
        let binary = options.server.as_deref().unwrap_or(default);
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir(dir))
            .args(store.iter().flat_map(|url| ["--store", url]))
            .args(&options.serve_arg);
        Self::start(command, &dir.join("stepwell.log"))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end. Errors if the server does not end, or not with 0.
    pub fn stop(mut self) -> anyhow::Result<Duration> {
        let asked = Instant::now();
        if let Some(pid) = Pid::from_raw(i32::try_from(self.child.id())?) {
            kill_process(pid, Signal::TERM)?;
        }
        while asked.elapsed() < STOP {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(asked.elapsed())
                } else {
                    bail!("after SIGTERM the server ended with {status}")
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server has not ended {STOP:?} after SIGTERM")
    }

    /// Ends the server as a crash would: SIGKILL.
    pub fn kill(mut self) -> anyhow::Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Standard error goes to `log`, so that a server that fails can be asked why.
    fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let program = command.get_program().to_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let lines = read_lines(stdout)?;
        match lines.recv_timeout(START) {
            Ok(address) => Ok(Self {
                child,
                address,
                started_in: begun.elapsed(),
            }),
            Err(why) => {
                let when = match why {
                    mpsc::RecvTimeoutError::Timeout => format!("within {START:?}"),
                    mpsc::RecvTimeoutError::Disconnected => "before it ended".to_owned(),
                };
                // It may have ended by itself already.
                let _ = child.kill();
                let status = child.wait()?;
                let log = fs::read_to_string(log).unwrap_or_default();
                bail!(
                    "{} did not print `listening on http://ADDRESS` {when} ({status}): {}",
                    OsStr::new(&program).display(),
                    log.trim()
                )
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The real server's data directory.
pub fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// The real server's API, as its administrator.
pub fn api(server: &Server, dir: &Path) -> anyhow::Result<Api> {
    let path = data_dir(dir).join("admin-token");
    let token = fs::read_to_string(&path)
        .with_context(|| format!("cannot read the admin token {}", path.display()))?;
    Api::connect(server.address, token.trim())
}

/// Adds the webhook and the step of the measurement; gives the path to post to.
pub fn set_up(
    api: &mut Api,
    component: &[u8],
    settings: &serde_json::Value,
) -> anyhow::Result<String> {
    let path = api.add_webhook(settings)?;
    let condition = api.add_step("small", component)?;
    eprintln!(
        "step `small`: {} bytes, condition {condition}",
        component.len()
    );
    Ok(path)
}

/// The step: the component or script that was asked for, or `tests/guests/small`, built.
pub fn component(options: &Options) -> anyhow::Result<Vec<u8>> {
    let Some(path) = &options.step else {
        return guest("small");
    };
    let bytes =
        fs::read(path).with_context(|| format!("cannot read the step {}", path.display()))?;
    if path.extension().is_some_and(|ending| ending == "js") {
        let text = String::from_utf8(bytes).context("the script is no UTF-8")?;
        return Ok(script(&text));
    }
    Ok(bytes)
}

/// A script as the API takes it.
pub fn script(text: &str) -> Vec<u8> {
    let package = serde_json::json!({"entry": "step.js", "modules": {"step.js": text}});
    package.to_string().into_bytes()
}

/// A guest of `tests/guests`, built.
pub fn guest(name: &str) -> anyhow::Result<Vec<u8>> {
    let guests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/guests"));
    let target = guests.join("target");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--target",
            "wasm32-wasip2",
            "-p",
            name,
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(guests)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run cargo in {}", guests.display()))?;
    if !status.success() {
        bail!("building the step in {} failed: {status}", guests.display());
    }
    let path = target.join(format!("wasm32-wasip2/release/{name}.wasm"));
    fs::read(&path).with_context(|| format!("cannot read the step {}", path.display()))
}

/// Reads the address off the first line that gives one, and goes on reading: a server whose pipe
/// is full would stand still.
fn read_lines(stdout: std::process::ChildStdout) -> anyhow::Result<mpsc::Receiver<SocketAddr>> {
    let (found, address) = mpsc::channel();
    std::thread::Builder::new()
        .name("stdout".into())
        .spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let address = line.trim().strip_prefix("listening on http://");
                if let Some(address) = address.and_then(|text| text.parse().ok()) {
                    // A second one has no receiver.
                    let _ = found.send(address);
                }
            }
        })?;
    Ok(address)
}
