//! `stepwell serve`: flags to settings, signals to a graceful end.

mod audit;
mod connections;
mod document;
mod network;
mod store;
mod uploads;
mod weight;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use stepwell_api::report::Listening;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::context;
use super::global::Global;
use crate::app::App;
use crate::domain::blocking::BLOCKING_THREADS;
use crate::domain::ids::WorkspaceName;
use crate::settings::Settings;
use crate::telemetry;
use crate::terminal::output::{Output, printable};
use crate::terminal::units::{parse_duration, parse_many, parse_size};
use audit::AuditArgs;
use connections::ConnectionArgs;
use network::NetworkArgs;
use store::StoreArgs;
use uploads::UploadArgs;
use weight::parse_weight;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one JSON document a line.
    Json,
}

/// The options of `serve`. An option that is not given has the default that `--print-config` shows.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stepwell serve
  stepwell serve --listen 0.0.0.0:7400 --public-url https://hooks.example.com --data-dir /var/lib/stepwell
  stepwell serve --egress-allow 10.0.0.0/8 --egress-allow '*.corp.example'
  stepwell serve --print-config

Prints `listening on http://…` (with TLS https://…) on stdout once it is ready; logs go to stderr. SIGTERM and Ctrl-C end it
when what is under way is done, a second one at once; nothing that was accepted is lost either way.")]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:7400]
    #[arg(long, env = "STEPWELL_LISTEN", value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    network: NetworkArgs,
    /// The prefix of webhook URLs, if senders reach the server by another name
    #[arg(long, env = "STEPWELL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Directory of compiled components, if not in the data directory; servers of one user may share it
    #[arg(long, env = "STEPWELL_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<String>,
    /// Let steps reach a private network or host, e.g. 127.0.0.1/32 or *.corp.example; repeatable
    #[arg(
        long,
        env = "STEPWELL_EGRESS_ALLOW",
        value_name = "RULE",
        value_delimiter = ','
    )]
    egress_allow: Vec<String>,
    /// Delete config values and connectors that the vault key does not open, and make a new key if it is lost
    #[arg(long)]
    discard_secrets: bool,
    /// Runs under way at once, over all tasks
    #[arg(long, value_name = "N", value_parser = parse_many)]
    concurrency: Option<usize>,
    /// A workspace's share of the processors beside others, which have weight 1, e.g. acme=3; repeatable
    #[arg(long, value_name = "WORKSPACE=N", value_parser = parse_weight)]
    cpu_weight: Vec<(WorkspaceName, u32)>,
    /// Compiled components kept in memory
    #[arg(long, value_name = "N", value_parser = parse_many)]
    components: Option<usize>,
    #[command(flatten)]
    connections: ConnectionArgs,
    /// Wrong tokens that an address may send in a minute before its answers are delayed
    #[arg(long, value_name = "N", value_parser = parse_many)]
    auth_failures: Option<usize>,
    #[command(flatten)]
    audit: AuditArgs,
    /// The longest webhook body, e.g. 1MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    body_bytes: Option<u64>,
    /// Request bodies held at once, over all connections, e.g. 256MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    bodies_bytes: Option<u64>,
    #[command(flatten)]
    uploads: UploadArgs,
    /// Memory for all runs, their calls and request bodies, e.g. 2GiB [default: half of the memory limit]
    #[arg(long, env = "STEPWELL_MEMORY", value_name = "SIZE", value_parser = parse_memory)]
    memory: Option<u64>,
    /// How long a connection may be idle or take to send a request's head, e.g. 30s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    head_timeout: Option<Duration>,
    /// How long a webhook's body may take to arrive
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    body_timeout: Option<Duration>,
    /// How long a client may leave a response unread
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    write_timeout: Option<Duration>,
    /// How long a shutdown waits for what is under way
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    grace: Option<Duration>,
    /// What to log: a level, or directives such as info,stepwell::engine=debug
    #[arg(long, env = "STEPWELL_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look
    #[arg(long, env = "STEPWELL_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Print every setting and bound with its value, and exit
    #[arg(long)]
    print_config: bool,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "it must be an address and a port, e.g. 127.0.0.1:7400, 0.0.0.0:80 or [::1]:7400".into()
    })
}

fn parse_memory(text: &str) -> Result<u64, String> {
    let size = parse_size(text).map_err(|error| error.to_string())?;
    if size < Settings::LEAST_MEMORY {
        let least = Settings::LEAST_MEMORY >> 20;
        return Err(format!("it must be at least {least}MiB"));
    }
    Ok(size)
}

impl ServeArgs {
    fn settings(&self, global: &Global) -> Result<Settings> {
        let mut settings = Settings::new(context::data_dir(global.data_dir.as_deref())?);
        let bytes =
            |size: Option<u64>| size.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        set(&mut settings.listen, self.listen);
        settings.public_url = self.public_url.clone().filter(|url| !url.is_empty());
        self.network.set(&mut settings);
        self.store.set(&mut settings).map_err(anyhow::Error::msg)?;
        let cache_dir = self.cache_dir.as_ref().filter(|dir| !dir.is_empty());
        settings.cache_dir = cache_dir.map(PathBuf::from);
        // The variable, set and empty, gives one empty rule.
        settings.egress_allow = self
            .egress_allow
            .iter()
            .filter(|rule| !rule.is_empty())
            .cloned()
            .collect();
        settings.discard_secrets = self.discard_secrets;
        set(&mut settings.concurrency, self.concurrency);
        settings.cpu_weights.clone_from(&self.cpu_weight);
        set(&mut settings.components, self.components);
        self.connections.set(&mut settings)?;
        set(&mut settings.auth_failures, self.auth_failures);
        self.audit.set(&mut settings.audit);
        set(&mut settings.body_bytes, bytes(self.body_bytes));
        set(&mut settings.bodies_bytes, bytes(self.bodies_bytes));
        self.uploads.set(&mut settings.uploads);
        set(&mut settings.memory, self.memory);
        set(&mut settings.head_timeout, self.head_timeout);
        set(&mut settings.body_timeout, self.body_timeout);
        set(&mut settings.write_timeout, self.write_timeout);
        set(&mut settings.grace, self.grace);
        let log = self.log.clone().filter(|log| !log.trim().is_empty());
        set(&mut settings.log, log);
        set(
            &mut settings.log_json,
            self.log_format.map(|format| format == LogFormat::Json),
        );
        Ok(settings)
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

/// Runs the server until a signal ends it.
pub fn run(global: &Global, args: &ServeArgs, output: Output) -> Result<()> {
    let settings = args.settings(global)?;
    let filter = telemetry::Filter::parse(&settings.log)?;
    App::check(&settings)?;
    for target in &filter.unknown {
        output.note(&format!(
            "warning: nothing of the server logs as `{}`; its parts are stepwell::engine, stepwell::http and so on",
            printable(target)
        ));
    }
    if args.print_config {
        let printed = if output.json {
            output.report(&document::document(&settings))
        } else {
            Ok(output.line(settings.to_string().trim_end())?)
        };
        return printed;
    }
    telemetry::init(settings.log_json, filter)?;
    let scheme = settings.scheme();
    block_on(async {
        let mut signals = Signals::new()?;
        let app = App::start(settings).await?;
        let url = format!("{scheme}://{}", app.address());
        if output.json {
            output.line(&serde_json::to_string(&Listening { listening: url })?)?;
        } else {
            output.line(&format!("listening on {url}"))?;
        }
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let ends = async {
            signals.next().await;
            let _ = stop.send(());
            signals.next().await;
        };
        tokio::select! {
            () = app.run_until(async { drop(stopped.await) }) => Ok(()),
            // A second signal ends the process at once; the store recovers from that.
            () = ends => {
                output.note("ended at once; what was under way will be run again");
                Ok(())
            }
        }
    })
}

/// Runs a server's future on a thread for each core. What is still on a thread of its own when the
/// future has ended does not hold up the process.
pub fn block_on(server: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let result = runtime.block_on(server);
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// SIGINT and SIGTERM, caught from the moment this exists.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes over both signals.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Resolves when either comes.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::settings::{ProxyHeader, TlsFiles};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        global: Global,
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn settings(line: &str) -> Settings {
        let line = Line::parse_from(format!("serve --data-dir /d {line}").split_whitespace());
        line.serve.settings(&line.global).unwrap()
    }

    #[test]
    fn flags_become_settings_and_the_rest_stays() {
        assert_eq!(settings(""), Settings::new("/d".into()));
        let given = settings(
            "--listen [::1]:80 --public-url https://h --tls-cert /c.pem --tls-key /k.pem --trusted-proxy 10.0.0.0/8,fd00::1 --proxy-header forwarded --egress-allow 10.0.0.0/8 --egress-allow *.corp --concurrency 7 \
             --cpu-weight acme=3 --cpu-weight other=2 \
             --store postgres://h/d --files-dir /f --cache-dir /c --components 8 --connections 9 --connections-per-address 5 --auth-failures 5 --audit-entries 5000 --audit-refused 2000 --audit-days 30 --body-bytes 2MiB --bodies-bytes 64MiB --upload-bytes 3GiB --files-bytes 4GiB --memory 1GiB --head-timeout 1s --body-timeout 2s \
             --write-timeout 3s --grace 500ms --discard-secrets --log debug --log-format json",
        );
        let mut expected = Settings::new("/d".into());
        expected.listen = "[::1]:80".parse().unwrap();
        expected.public_url = Some("https://h".into());
        expected.tls = Some(TlsFiles {
            certificate: "/c.pem".into(),
            key: "/k.pem".into(),
        });
        expected.proxies.trusted = vec!["10.0.0.0/8".parse().unwrap(), "fd00::1".parse().unwrap()];
        expected.proxies.header = ProxyHeader::Forwarded;
        expected.egress_allow = vec!["10.0.0.0/8".into(), "*.corp".into()];
        expected.discard_secrets = true;
        expected.concurrency = 7;
        expected.cpu_weights = vec![("acme".parse().unwrap(), 3), ("other".parse().unwrap(), 2)];
        expected.cache_dir = Some("/c".into());
        expected.store = Some("postgres://h/d".parse().unwrap());
        expected.files_dir = Some("/f".into());
        (expected.components, expected.connections) = (8, 9);
        expected.connections_per_address = Some(5);
        expected.auth_failures = 5;
        expected.audit.done = 5_000;
        (expected.audit.refused, expected.audit.days) = (2_000, 30);
        expected.body_bytes = 2 << 20;
        expected.bodies_bytes = 64 << 20;
        let uploads = &mut expected.uploads;
        (uploads.request_bytes, uploads.workspace_bytes) = (3 << 30, 4 << 30);
        expected.memory = 1 << 30;
        let seconds = Duration::from_secs;
        (expected.head_timeout, expected.body_timeout) = (seconds(1), seconds(2));
        expected.write_timeout = seconds(3);
        expected.grace = Duration::from_millis(500);
        (expected.log, expected.log_json) = ("debug".into(), true);
        assert_eq!(given, expected);
    }

    #[test]
    fn a_wrong_flag_says_what_would_be_right() {
        for (line, hint) in [
            ("--listen localhost", "127.0.0.1:7400"),
            ("--concurrency 0", "at least 1"),
            ("--connections-per-address 0", "at least 1"),
            ("--cpu-weight acme", "e.g. acme=3"),
            ("--cpu-weight acme=0", "from 1 to 1000"),
            ("--cpu-weight ACME!=2", "ACME!"),
            ("--body-bytes 1M", "64MiB"),
            ("--memory 1MiB", "at least 192MiB"),
            ("--log-format yaml", "json"),
            ("--tls-cert /c.pem", "--tls-key"),
            ("--trusted-proxy proxy.example", "10.0.0.0/8"),
            ("--proxy-header x-real-ip", "x-forwarded-for"),
        ] {
            let error = Line::try_parse_from(format!("serve {line}").split(' '))
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(hint), "{line}: {error}");
        }
    }
}
