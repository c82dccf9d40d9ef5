//! What an operator decides about a server: a plain value with a default for everything. Where the
//! decisions come from (flags, environment) is the command line's business.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::limits;
use crate::domain::step::RetryPolicy;

/// Everything that an operator may decide when a server starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// What webhook URLs begin with, e.g. `https://hooks.example.com`, if a proxy stands before the
    /// server; `None` for `http://` and the address listened on.
    pub public_url: Option<String>,
    /// The directory that holds everything the server keeps.
    pub data_dir: PathBuf,
    /// Destinations that steps may reach although they are not public: networks or host patterns.
    pub egress_allow: Vec<String>,
    /// Runs under way at once, over all tasks. Each holds one instance of the sandbox's pool.
    pub concurrency: usize,
    /// Compiled components kept in memory; each costs 0.4 to 0.9 MB.
    pub components: usize,
    /// Connections open at once; more wait in the system's queue.
    pub connections: usize,
    /// The longest webhook body, in bytes.
    pub body_bytes: usize,
    /// Bytes of request bodies held at once, over all connections; beyond it requests get 503.
    pub bodies_bytes: usize,
    /// How long a connection may stay without a whole request head: idle, or slow.
    pub head_timeout: Duration,
    /// How long a webhook's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a client may leave a response unread before its connection is dropped.
    pub write_timeout: Duration,
    /// How long a shutdown waits for requests and runs that are under way.
    pub grace: Duration,
    /// What to log: a level, or directives such as `info,stepwell::engine=debug`.
    pub log: String,
    /// Whether log lines are JSON.
    pub log_json: bool,
}

impl Settings {
    /// The defaults, for this data directory.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
            public_url: None,
            data_dir,
            egress_allow: Vec::new(),
            // More than the cores there are, because most runs wait for an upstream; below what the
            // sandbox's pool can hold of instances (vm.max_map_count).
            concurrency: 1000,
            components: 256,
            connections: 10_000,
            body_bytes: limits::BODY_BYTES,
            bodies_bytes: 256 * 1024 * 1024,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            log: "info".into(),
            log_json: false,
        }
    }
}

/// The text of `serve --print-config`: each setting with its value, then the bounds that this
/// version keeps and that no setting moves.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            listen,
            public_url,
            data_dir,
            egress_allow,
            concurrency,
            components,
            connections,
            body_bytes,
            bodies_bytes,
            head_timeout,
            body_timeout,
            write_timeout,
            grace,
            log,
            log_json,
        } = self;
        writeln!(f, "# settings")?;
        line(f, "listen", format_args!("\"{listen}\""), "")?;
        match public_url {
            Some(url) => line(f, "public-url", format_args!("{url:?}"), "")?,
            None => line(f, "# public-url", format_args!("\"http://{listen}\""), "")?,
        }
        line(f, "data-dir", format_args!("{data_dir:?}"), "")?;
        line(
            f,
            "egress-allow",
            format_args!("{egress_allow:?}"),
            "beside public addresses",
        )?;
        line(f, "concurrency", concurrency, "runs at once")?;
        line(
            f,
            "components",
            components,
            "compiled components kept in memory",
        )?;
        line(f, "connections", connections, "open at once")?;
        line(f, "body-bytes", body_bytes, "of one webhook body")?;
        line(f, "bodies-bytes", bodies_bytes, "of all bodies at once")?;
        for (name, time, note) in [
            ("head-timeout", head_timeout, "idle, or slow to send a head"),
            ("body-timeout", body_timeout, "slow to send a webhook body"),
            ("write-timeout", write_timeout, "slow to read a response"),
            (
                "grace",
                grace,
                "that a shutdown waits for what is under way",
            ),
        ] {
            line(f, name, format_args!("\"{time:?}\""), note)?;
        }
        line(f, "log", format_args!("{log:?}"), "")?;
        line(
            f,
            "log-format",
            if *log_json { "\"json\"" } else { "\"text\"" },
            "",
        )?;
        writeln!(
            f,
            "\n# limits and retry policy of a step that `step add` names none for"
        )?;
        let (retry, longest) = (RetryPolicy::default(), RetryPolicy::MOST);
        let step = limits::StepLimits::default();
        let most = limits::StepLimits::MOST;
        for (name, value, most) in [
            ("step.fuel", step.fuel, most.fuel),
            ("step.memory", step.memory, most.memory),
            ("step.timeout-ms", step.timeout_ms, most.timeout_ms),
            (
                "step.retry.attempts",
                retry.attempts.into(),
                longest.attempts.into(),
            ),
            ("step.retry.first-ms", retry.first_ms, longest.first_ms),
            (
                "step.retry.factor",
                retry.factor.into(),
                longest.factor.into(),
            ),
            ("step.retry.cap-ms", retry.cap_ms, longest.cap_ms),
        ] {
            line(f, name, value, format_args!("at most {most}"))?;
        }
        writeln!(f, "\n# bounds of this version")?;
        for (name, value, note) in fixed() {
            line(f, name, value, note)?;
        }
        Ok(())
    }
}

/// The bounds that are not settings: name, value, what it bounds.
fn fixed() -> [(&'static str, u64, &'static str); 27] {
    [
        ("json-depth", limits::JSON_DEPTH as u64, "of a webhook body"),
        ("data-depth", limits::DATA_DEPTH as u64, "of a task's data"),
        ("data-bytes", limits::DATA_BYTES as u64, "of a task's data"),
        (
            "component-bytes",
            limits::COMPONENT_BYTES as u64,
            "of a component",
        ),
        (
            "condition-bytes",
            limits::CONDITION_BYTES as u64,
            "of a condition",
        ),
        (
            "compile-seconds",
            limits::COMPILE_SECONDS,
            "of processor time, of one compilation",
        ),
        ("compile-bytes", limits::COMPILE_BYTES, "of one compilation"),
        ("runs-per-task", limits::RUNS_PER_TASK.into(), ""),
        ("log-bytes", limits::LOG_BYTES as u64, "kept of one run"),
        ("log-lines", limits::LOG_LINES as u64, "kept of one run"),
        (
            "calls-per-run",
            limits::CALLS_PER_RUN.into(),
            "connector calls",
        ),
        ("calls-at-once", limits::CALLS_AT_ONCE as u64, "of one run"),
        (
            "request-bytes",
            limits::REQUEST_BYTES as u64,
            "of one connector call",
        ),
        (
            "response-bytes",
            limits::RESPONSE_BYTES as u64,
            "of one connector call",
        ),
        (
            "hostcall-bytes",
            limits::HOSTCALL_BYTES as u64,
            "from guest to host in one call",
        ),
        (
            "text-bytes",
            limits::TEXT_BYTES as u64,
            "of a name, tag or failure message",
        ),
        ("tags", limits::TAGS as u64, "of a task"),
        ("workspaces", limits::WORKSPACES as u64, "of this server"),
        ("webhooks", limits::WEBHOOKS as u64, "of a workspace"),
        ("steps", limits::STEPS as u64, "of a workspace"),
        (
            "step-versions",
            limits::STEP_VERSIONS as u64,
            "kept of a step",
        ),
        (
            "notice-attempts",
            limits::NOTICE_ATTEMPTS.into(),
            "of a failure notice",
        ),
        (
            "notice-timeout-ms",
            limits::NOTICE_TIMEOUT_MS,
            "of one of them",
        ),
        (
            "notices-at-once",
            limits::NOTICES_AT_ONCE as u64,
            "of this server",
        ),
        (
            "notices-of-workspace",
            limits::NOTICES_OF_WORKSPACE as u64,
            "of them",
        ),
        ("config-keys", limits::CONFIG_KEYS as u64, "of a workspace"),
        (
            "config-bytes",
            limits::CONFIG_BYTES as u64,
            "of a config value",
        ),
    ]
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: impl fmt::Display,
    note: impl fmt::Display,
) -> fmt::Result {
    let note = note.to_string();
    if note.is_empty() {
        writeln!(f, "{name} = {value}")
    } else {
        writeln!(f, "{:<40} # {note}", format!("{name} = {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_config_shows_every_setting_once() {
        let mut settings = Settings::new("/var/lib/stepwell".into());
        settings.egress_allow = vec!["10.0.0.0/8".into()];
        settings.grace = Duration::from_millis(1500);
        let text = settings.to_string();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, _)| name.trim_start_matches("# "))
            .collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert_eq!(names.len(), 15 + 7 + 27, "{text}");
        for part in [
            "listen = \"127.0.0.1:7400\"\n",
            "# public-url = \"http://127.0.0.1:7400\"",
            "egress-allow = [\"10.0.0.0/8\"]",
            "grace = \"1.5s\"",
            "body-bytes = 1048576",
            "log-format = \"text\"",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
