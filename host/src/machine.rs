//! What the machine, or the control group that the process is in, has of memory and files.

use std::fs;
use std::path::Path;

use rustix::param::page_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Memory that is taken to be there where nothing tells, in bytes.
const UNKNOWN: u64 = 1024 * 1024 * 1024;

/// Open files that the kernel's table is made for at the start: 8 bytes each.
const FILES: u64 = 16_384;

/// Bytes of memory that the process may use: the least limit of its control groups (version 2 or 1), or what
/// the machine has.
pub fn memory() -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let limit = limit_of(&groups, Path::new("/sys/fs/cgroup"));
    let total = total_of(&machine).unwrap_or(UNKNOWN);
    limit.map_or(total, |limit| limit.min(total))
}

/// The least memory limit of the groups in a `/proc/PID/cgroup`, and of the groups that they are in.
fn limit_of(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, kinds, path) = (parts.next(), parts.next(), parts.next());
        let (folder, file) = match kinds {
            Some("") => (root.to_owned(), "memory.max"),
            Some(kinds) if kinds.split(',').any(|kind| kind == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let path = Path::new(path.unwrap_or_default().trim_start_matches('/'));
        // In a container the path may be one of the host's that is not to be seen here.
        let places = path.ancestors().map(|part| folder.join(part).join(file));
        let texts = places.filter_map(|place| fs::read_to_string(place).ok());
        texts.filter_map(|text| text.trim().parse().ok()).collect()
    });
    limits.min()
}

/// `MemTotal` of a `/proc/meminfo`, in bytes.
fn total_of(text: &str) -> Option<u64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Bytes of memory that the process has now, with pages of files that it has mapped. 0 where nothing tells.
pub fn resident() -> u64 {
    // Its second number is in pages; see proc_pid_statm(5).
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0, |pages: u64| pages.saturating_mul(page_size() as u64))
}

/// Lets the process have as many files open as it may, and gives how many that is. Each connection is one.
pub fn raise_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    make_table(limit.min(FILES));
    limit
}

/// Has the kernel make the process's table of open files for so many of them. Else it doubles the table as more are
/// opened, and whichever thread opens one then waits for all processors to let go of the old table: 10 to 30 ms.
fn make_table(files: u64) {
    let Some(last) = files
        .checked_sub(1)
        .and_then(|last| i32::try_from(last).ok())
    else {
        return;
    };
    // The copy is closed at once; the table keeps its size.
    if let Err(error) = rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), last) {
        tracing::debug!(%error, "the table of open files grows as it is used");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_on_the_way_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        assert_eq!(limit_of("0::/a/b\n", root), None);
        write("memory.max", "max\n");
        write("a/memory.max", "1000\n");
        write("a/b/memory.max", "2000\n");
        assert_eq!(limit_of("0::/a/b\n", root), Some(1000));
        assert_eq!(limit_of("0::/elsewhere\n", root), None);
        // Version 1, in a container that sees its own group as the root.
        write("memory/memory.limit_in_bytes", "500\n");
        let groups = "4:cpu,memory:/docker/1\n3:cpuset:/x\n";
        assert_eq!(limit_of(groups, root), Some(500));
        assert!(memory() > 0);
    }

    #[test]
    fn the_machines_memory_is_read() {
        let text = "MemTotal:       24684016 kB\nMemFree: 1 kB\n";
        assert_eq!(total_of(text), Some(24_684_016 * 1024));
        assert_eq!(total_of(""), None);
        let limit = raise_file_limit();
        assert!(limit > 0);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        let size: u64 = size.unwrap().trim().parse().unwrap();
        assert!(size >= limit.min(FILES), "{size} of {limit}");
    }
}
