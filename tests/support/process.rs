//! A server's process: how it starts and ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

use super::database::{self, Database};
use super::{PATIENCE, Server, stepwell};

impl Server {
    /// Starts the process (again) on the same data directory.
    pub async fn launch(&mut self) {
        let mut command = match &self.prelude {
            Some(prelude) => {
                let mut shell = Command::new("sh");
                let script = format!("{prelude} && exec \"$0\" \"$@\"");
                shell.args(["-c", &script]).arg(stepwell().get_program());
                shell
            }
            None => {
                // Else each server would compile the JavaScript engine for itself.
                let mut command = stepwell();
                let binary = Path::new(command.get_program());
                let cache = binary.with_file_name("tests-cache");
                command.env("STEPWELL_CACHE_DIR", cache);
                command
            }
        };
        let has_store = self.args.iter().any(|arg| arg == "--store");
        if database::is_postgres() && !has_store && !self.is_on_sled {
            if self.database.is_none() {
                self.database = Some(Database::create().await);
            }
            command.env("STEPWELL_STORE", self.database.as_ref().unwrap().url());
        }
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.dir.path())
            .args(&self.args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, line) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The channel is closed after the first line; the pipe must still be emptied.
                let _ = lines.send(line);
            }
        });
        let stderr = child.stderr.take().unwrap();
        let collected = self.log.collect(stderr, self.dir.path());
        let Ok(line) = line.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            collected.join().unwrap();
            panic!("the server did not start: {}", self.log.text());
        };
        self.url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("unexpected first line: {line}"))
            .to_owned();
        self.token = std::fs::read_to_string(self.dir.path().join("admin-token"))
            .unwrap()
            .trim()
            .to_owned();
        self.child = Some(child);
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks the process to end (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap()
    }

    pub async fn restart(&mut self) {
        self.kill();
        self.launch().await;
    }
}
