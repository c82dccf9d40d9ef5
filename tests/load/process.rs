//! What Linux says of a process and of the machine: CPU time, resident memory. It only reads
//! `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Clock ticks a second in `/proc`: `USER_HZ`, 100 on every architecture Rust's std supports on
/// Linux except Alpha and IA-64.
const TICKS: u64 = 100;

/// CPU time, user and system, of the process and its threads, ended ones included. Resolution
/// 10 ms: measure over seconds.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path)?;
    process_ticks(&text)
        .map(ticks)
        .ok_or_else(|| malformed(&path))
}

/// The same of a process, of its children that run, and of all children that have ended.
pub fn family_cpu_time(pid: u32) -> io::Result<Duration> {
    let mut sum = 0;
    for entry in fs::read_dir("/proc")? {
        // Others come and go.
        let Ok(text) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        sum += family_ticks(&text, pid).unwrap_or(0);
    }
    Ok(ticks(sum))
}

/// The ticks of a line of `/proc/PID/stat` if it is the process `parent`, with its children that have ended, or its child.
pub fn family_ticks(stat: &str, parent: u32) -> Option<u64> {
    let pid: u32 = stat.split(' ').next()?.parse().ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let own = field(11)? + field(12)?;
    if pid == parent {
        return Some(own + field(13)? + field(14)?);
    }
    (field(1)? == u64::from(parent)).then_some(own)
}

/// CPU time that the whole machine has spent on anything, time stolen by the hypervisor included.
pub fn machine_cpu_time() -> io::Result<Duration> {
    let path = "/proc/stat";
    let text = fs::read_to_string(path)?;
    machine_ticks(&text)
        .map(ticks)
        .ok_or_else(|| malformed(path))
}

/// Resident memory now, in bytes.
pub fn resident(pid: u32) -> io::Result<u64> {
    status_field(pid, "VmRSS:")
}

/// The most resident memory since the process began, in bytes.
pub fn peak_resident(pid: u32) -> io::Result<u64> {
    status_field(pid, "VmHWM:")
}

fn status_field(pid: u32, field: &str) -> io::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path)?;
    kibibytes(&text, field)
        .map(|kib| kib * 1024)
        .ok_or_else(|| malformed(&path))
}

/// `utime` + `stime`, fields 14 and 15 of proc_pid_stat(5). The command before them may hold
/// spaces and parentheses, so the count begins behind the last `)`.
pub fn process_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The machine's busy ticks: of proc_stat(5)'s `cpu` line all of user, nice, system, irq, softirq
/// and steal; idle and iowait are left out, and guest time is in user already.
pub fn machine_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .map_while(|field| field.parse().ok())
        .collect();
    match fields.as_slice() {
        [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] => {
            Some(user + nice + system + irq + softirq + steal)
        }
        _ => None,
    }
}

/// A field of proc_pid_status(5) that is given in kB.
pub fn kibibytes(status: &str, field: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / TICKS)
}

fn malformed(path: &str) -> io::Error {
    io::Error::other(format!("{path} is not as proc(5) describes it"))
}
