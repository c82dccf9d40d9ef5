//! Carries attacks out on a new server, beside an honest tenant.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use stepwell_api::{TaskCounts, Webhook, Workspace};
use tokio::runtime::Handle;

use super::attacker::{self, Sent, Tenant};
use super::attacks::{self, Attack};
use super::figures::{back, between, longest_gap, quantile, ratio};
use super::honest::Honest;
use super::http::Connection;
use super::memory_limit::MemoryLimit;
use super::server::Server;
use super::upstream::Upstream;
use super::{Options, half_open, process};

/// How long the honest tenant is alone before the attack, of which the first second is not counted.
const ALONE: Duration = Duration::from_secs(4);
const WARM: Duration = Duration::from_secs(1);
/// How long it is watched after the attack.
const AFTER: Duration = Duration::from_secs(8);
/// How often the server's memory is read.
const WATCH: Duration = Duration::from_millis(50);
/// How often its descriptors are counted, which takes the harness a millisecond where there are thousands.
const COUNT: Duration = Duration::from_millis(500);
/// The part of the time after the attack that has a figure of its own.
const SOON: Duration = Duration::from_secs(1);

/// What [`measure`] gives.
pub const COLUMNS: [&str; 22] = [
    "attack",
    "idle p50 ms",
    "p99",
    "attacked p50 ms",
    "p99",
    "p50 ratio",
    "p99 ratio",
    "p99 in 1 s after",
    "back in s",
    "done",
    "lost",
    "refused",
    "gap s",
    "restart s",
    "posts",
    "refused",
    "left",
    "RSS MiB",
    "after",
    "fds",
    "CPU s",
    "÷ harness",
];

/// Adds a workspace with a webhook and a step; gives the webhook's path.
fn tenant(api: &mut Connection, name: &str, step: &[u8]) -> anyhow::Result<String> {
    let workspace = serde_json::json!({ "name": name }).to_string();
    api.call::<Workspace>("POST", "/api/v1/workspaces", workspace.as_bytes())?;
    let below = format!("/api/v1/workspaces/{name}");
    let (status, answer) = api.send("PUT", &format!("{below}/steps/step"), step)?;
    // One that is refused is an attack all the same.
    if status >= 300 && status != 422 {
        anyhow::bail!(
            "the step of {name} was answered {status}: {}",
            String::from_utf8_lossy(answer)
        );
    }
    let path = format!("{below}/webhooks");
    let webhook: Webhook = api.call("POST", &path, br#"{"name":"w"}"#)?;
    Ok(url::Url::parse(&webhook.url)?.path().to_owned())
}

/// Carries attacks out at the same time on a new server, each by a tenant of its own.
pub fn measure(
    options: &Options,
    directory: &Path,
    (upstream, attackers): (Upstream, &Handle),
    (name, attacks): (&str, &[&Attack]),
) -> anyhow::Result<Vec<String>> {
    let default = Path::new(env!("CARGO_BIN_EXE_stepwell"));
    let binary = options.server.as_deref().unwrap_or(default);
    // Building a guest may take minutes, and connections are closed that are idle for so long.
    let hostile = attacks.iter().map(|attack| {
        let step = attacks::component(&attack.step, upstream)?;
        Ok((*attack, Arc::<[u8]>::from(step)))
    });
    let hostile: Vec<_> = hostile.collect::<anyhow::Result<_>>()?;
    let mut arguments = options.serve_arg.clone();
    if attacks.iter().any(|attack| attack.half_open > 0) {
        arguments.extend(half_open::tls());
    }
    let limit = options.memory_limit.map(|mib| MemoryLimit::new(mib << 20));
    let mut server = Server::start(binary, directory, &arguments, limit.transpose()?)?;
    let mut api = server.api();
    let one_line = attacks::Step::Script(
        "export const condition = { name: String }; export const content = () => { data.hello = data.name; };",
    );
    let path = tenant(
        &mut api,
        "honest",
        &attacks::component(&one_line, upstream)?,
    )?;
    let mut tenants = Vec::new();
    for (attack, step) in hostile {
        let workspace = format!("attacker-{}", attack.name);
        let path = tenant(&mut api, &workspace, &step)?;
        let who = Tenant {
            workspace,
            path,
            step,
        };
        tenants.push((attack, who));
    }

    let begun = Instant::now();
    let honest = Honest::start(&server, "honest", &path, begun);
    std::thread::sleep(ALONE);
    let length = Duration::from_secs(options.seconds);
    let until = Instant::now() + length;
    let sent = Arc::<Sent>::default();
    let before = processor_time(server.pid());
    for (attack, tenant) in &tenants {
        attacker::start(attack, &server, tenant, (attackers, until, &sent));
    }
    let (mut memory, mut memory_after, mut descriptors) = (0, 0, 0);
    let mut counted = begun;
    let (mut ended, mut restarted) = (None, None);
    while begun.elapsed() < ALONE + length + AFTER && server.is_alive() {
        memory_after = process::resident(server.pid()).unwrap_or(0);
        memory = memory.max(memory_after);
        if counted.elapsed() >= COUNT {
            descriptors = descriptors.max(Server::descriptors(server.pid()));
            counted = Instant::now();
        }
        if options.kill && restarted.is_none() && begun.elapsed() >= ALONE + length / 2 {
            restarted = Some(server.kill()?);
        }
        if ended.is_none() && Instant::now() >= until {
            let after = processor_time(server.pid());
            // The other connection was closed, as it was idle.
            let mut api = server.api();
            let open = tenants
                .iter()
                .map(|(_, tenant)| open_tasks(&mut api, &tenant.workspace));
            ended = Some((open.sum::<Option<u64>>(), after));
        }
        std::thread::sleep(WATCH);
    }
    let is_alive = server.is_alive();
    if !is_alive {
        eprintln!("{name}: THE SERVER ENDED");
    }
    let done = honest.stop()?;
    server.end();

    let samples = &done.samples;
    let lost = samples
        .iter()
        .filter(|sample| sample.took.is_none())
        .count();
    let end = ALONE + length;
    let idle = between(samples, WARM, ALONE, end + AFTER);
    let under = between(samples, ALONE, end, end + AFTER);
    let soon = between(samples, end, end + SOON, end + AFTER);
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
    let value =
        |times: &[Duration], at| number(quantile(times, at).map(|time| time.as_secs_f64() * 1e3));
    let worse = |at| number(ratio(quantile(&under, at), quantile(&idle, at)));
    let seconds = |time: Duration| number(Some(time.as_secs_f64()));
    let (left, after) = ended.unzip();
    // A server that was started again begins to count anew.
    let used = before
        .zip(after.flatten())
        .filter(|_| !options.kill)
        .map(|(before, after)| [0, 1].map(|of| after[of].saturating_sub(before[of])));
    Ok(vec![
        name.to_owned(),
        value(&idle, 0.5),
        value(&idle, 0.99),
        value(&under, 0.5),
        value(&under, 0.99),
        worse(0.5),
        worse(0.99),
        value(&soon, 0.99),
        match back(samples, end, &idle) {
            Some(time) => seconds(time),
            None => format!("> {}", AFTER.as_secs()),
        },
        (under.len()).to_string(),
        lost.to_string(),
        done.refused.to_string(),
        seconds(longest_gap(samples, ALONE, end)),
        restarted.map_or_else(|| "-".into(), seconds),
        sent.accepted.load(Ordering::Relaxed).to_string(),
        sent.refused.load(Ordering::Relaxed).to_string(),
        left.flatten()
            .map_or_else(|| "-".into(), |left| left.to_string()),
        match is_alive {
            true => (memory >> 20).to_string(),
            false => format!("{} DEAD", memory >> 20),
        },
        (memory_after >> 20).to_string(),
        descriptors.to_string(),
        number(used.map(|[server, _]| server.as_secs_f64())),
        number(used.and_then(|[server, harness]| ratio(Some(server), Some(harness)))),
    ])
}

/// A workspace's tasks that have not ended.
fn open_tasks(api: &mut Connection, workspace: &str) -> Option<u64> {
    let path = format!("/api/v1/workspaces/{workspace}/tasks/count");
    let TaskCounts { counts, .. } = api.call("GET", &path, b"").ok()?;
    Some(counts.ready + counts.waiting)
}

/// Processor time of the server, and of the harness: the honest tenant, attackers and upstream.
fn processor_time(server: u32) -> Option<[Duration; 2]> {
    let server = process::cpu_time(server).ok()?;
    let harness = process::cpu_time(std::process::id()).ok()?;
    Some([server, harness])
}
