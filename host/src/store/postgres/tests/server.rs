//! A PostgreSQL server of a test's own: a new database cluster in a temporary folder, reached by a socket in it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const MISSING: &str = "these tests need PostgreSQL 13 or newer: install Debian's package `postgresql`, or put \
    `initdb` and `postgres` in PATH";

/// A server that runs until this is dropped.
pub struct PostgresServer {
    folder: tempfile::TempDir,
    user: Option<(u32, u32)>,
    /// Of the socket, too.
    port: u16,
    child: Option<Child>,
}

/// Where a program of PostgreSQL is.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian keeps them out of PATH, one folder a version.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name));
    let mut found = found.filter(|path| path.is_file());
    found
        .next()
        .unwrap_or_else(|| panic!("`{name}` was not found: {MISSING}"))
}

/// PostgreSQL does not run as root: the user to run it as then.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let id = |wanted: &str| {
        let line = users.lines().find(|line| line.starts_with(wanted))?;
        let mut fields = line.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        Some((uid, fields.next()?.parse().ok()?))
    };
    let user = id("postgres:").or_else(|| id("nobody:"));
    Some(
        user.expect("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`"),
    )
}

/// Copies a folder with the owners and rights of its files.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).output();
    let copied = copied.unwrap();
    assert!(copied.status.success(), "cp: {copied:?}");
}

impl PostgresServer {
    /// A new server with nothing in it.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// One with these settings, each as `name=value`.
    pub fn with(settings: &[&str]) -> Self {
        let mut server = Self::made(settings, 5432);
        server.resume();
        server
    }

    /// One that is reached by a port of this machine, too.
    pub fn on_port() -> Self {
        let mut server = Self::listening(&[]);
        server.resume();
        server
    }

    /// The same with this certificate and its key: users of the network need TLS and a password.
    pub fn with_tls(certificate: &Path, key: &Path) -> Self {
        let mut server = Self::listening(&["ssl=on", "password_encryption=scram-sha-256"]);
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        server.put("data/pg_hba.conf", rules.as_bytes());
        server.put("data/server.crt", &fs::read(certificate).unwrap());
        server.put("data/server.key", &fs::read(key).unwrap());
        server.resume();
        server
    }

    fn listening(settings: &[&str]) -> Self {
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let port = port.unwrap().port();
        let own = format!("port={port}");
        let all = [&["listen_addresses=127.0.0.1", &own], settings].concat();
        Self::made(&all, port)
    }

    /// Writes a file that only the server reads.
    fn put(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }

    fn made(settings: &[&str], port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = unprivileged();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let server = Self {
            folder,
            user,
            port,
            child: None,
        };
        let data = server.folder.path().join("data");
        copy(&server.template(), &data);
        let mut lines =
            String::from("\nlisten_addresses = ''\nfsync = off\nmax_connections = 60\n");
        for setting in settings {
            let (name, value) = setting.split_once('=').unwrap();
            lines.push_str(&format!("{name} = '{value}'\n"));
        }
        let path = data.join("postgresql.conf");
        let mut config = fs::read_to_string(&path).unwrap();
        config.push_str(&lines);
        fs::write(&path, config).unwrap();
        server
    }

    /// The data folder of a server that was never started. It is made once and kept beside the test program: `initdb` takes two
    /// seconds of a processor, and a copy of what it made a third of that.
    fn template(&self) -> PathBuf {
        let version = self.command("initdb").arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let version = version.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let owner = self.user.map_or(0, |(uid, _)| uid);
        let program = std::env::current_exe().unwrap();
        let template = program.with_file_name(format!("{version}{owner}"));
        if template.is_dir() {
            return template;
        }
        let made = self
            .command("initdb")
            .args(["--username=stepwell", "--auth=trust", "--encoding=UTF8"])
            .args([
                "--no-locale",
                "--no-sync",
                "--wal-segsize=1",
                "--pgdata=data",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {made:?}");
        let data = self.folder.path().join("data");
        let whole = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        copy(&data, &whole.path().join("data"));
        fs::remove_dir_all(data).unwrap();
        // Another test may have done the same meanwhile; then that one counts.
        let _ = fs::rename(whole.path().join("data"), &template);
        template
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// What a store is opened with.
    pub fn url(&self) -> String {
        let socket = self.folder.path().display();
        let port = self.port;
        format!("postgres:///postgres?user=stepwell&host={socket}&port={port}")
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        let name = format!(".s.PGSQL.{}", self.port);
        self.folder.path().join(name)
    }

    /// The port of the network, if it has one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it where it was killed.
    pub fn resume(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let child = self
            .command("postgres")
            .args(["-D", "data", "-k"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let began = Instant::now();
        loop {
            let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
            // Its last line says so.
            if pid.is_ok_and(|text| {
                text.lines()
                    .nth(7)
                    .is_some_and(|line| matches!(line.trim(), "ready" | "standby"))
            }) {
                return;
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL did not start: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes a replica of it that takes no writes, and waits for a primary that is not there.
    pub fn become_standby(&mut self) {
        self.kill();
        self.put("data/standby.signal", b"");
        self.resume();
    }

    /// Takes that back.
    pub fn become_primary(&mut self) {
        self.kill();
        fs::remove_file(self.folder.path().join("data/standby.signal")).unwrap();
        self.resume();
    }

    /// Ends it at once, without a checkpoint, as `pg_ctl stop -m immediate` does: the next start recovers.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let pid = Pid::from_child(&child);
        let _ = kill_process(pid, Signal::QUIT);
        child.wait().unwrap();
        // It says `ready`.
        let _ = fs::remove_file(self.folder.path().join("data/postmaster.pid"));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}
