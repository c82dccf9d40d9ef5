//! How urgent the harness's own threads are. Attackers, their upstreams and the honest tenant have machines of their own;
//! here all of them share the server's processors.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use tokio::runtime::{Builder, Handle};

/// Lets every thread of the server go before this one at once, also where that is woken while this one computes
/// (`SCHED_IDLE`; nice 19 where util-linux's `chrt` is missing).
pub fn last() {
    // Where it is not allowed, the attack takes more.
    let _ = rustix::process::nice(19);
    change(["--idle", "--pid", "0"]);
}

/// Lets this thread go before all others when it is woken (`SCHED_FIFO`), where that is allowed: the time in which an
/// answer waits for its reader is not the server's.
pub fn first() {
    change(["--fifo", "--pid", "1"]);
}

/// There is no safe function for it.
fn change(policy: [&str; 3]) {
    let Ok(thread) = fs::read_link("/proc/thread-self") else {
        return;
    };
    let Some(id) = thread.file_name() else { return };
    let mut chrt = Command::new("chrt");
    chrt.args(policy).arg(id);
    let quiet = chrt.stdout(Stdio::null()).stderr(Stdio::null());
    let _ = quiet.status();
}

/// A runtime of one thread that is [`last`], for the rest of the process. `name` has 15 letters at most.
pub fn runtime(name: &str) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        last();
        runtime.block_on(std::future::pending::<()>());
    })?;
    Ok(handle)
}
