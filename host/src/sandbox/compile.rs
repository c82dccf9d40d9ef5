//! Compilation, in a child process of bounded time and address space: a component that makes the
//! compiler eat the machine, or crashes it, harms only that child.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use wasmtime::Engine;

use super::engine;
use super::error::ComponentError;
use crate::domain::blocking::spawn_blocking;
use crate::domain::limits;

/// Exit code of a child that found the component invalid.
const REFUSED: i32 = 3;
/// How often a child's memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes of a child's complaint that are read.
const COMPLAINT_BYTES: u64 = 8 * 1024;

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process, on a thread of its own. For tests and benchmarks.
    InProcess,
    /// By this executable (`stepwell`), called as `compile-component INPUT OUTPUT`.
    Child(PathBuf),
}

impl Compiler {
    /// Compiles a component to wasmtime's serialised form. A child process may take `memory` bytes.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        memory: u64,
    ) -> Result<Vec<u8>, ComponentError> {
        match self {
            Self::InProcess => {
                let (engine, bytes) = (engine.clone(), bytes.to_vec());
                spawn_blocking(move || {
                    engine
                        .precompile_component(&bytes)
                        .map_err(|error| ComponentError::NotAComponent(format!("{error:#}")))
                })
                .await
                .map_err(|error| ComponentError::Host(error.to_string()))?
            }
            Self::Child(executable) => in_child(executable, bytes, memory).await,
        }
    }
}

async fn in_child(
    executable: &PathBuf,
    bytes: &[u8],
    memory: u64,
) -> Result<Vec<u8>, ComponentError> {
    let host = |error: std::io::Error| ComponentError::Host(error.to_string());
    let folder = tempfile::tempdir().map_err(host)?;
    let (input, output) = (
        folder.path().join("in.wasm"),
        folder.path().join("out.cwasm"),
    );
    tokio::fs::write(&input, bytes).await.map_err(host)?;
    let mut child = Command::new(executable)
        .arg("compile-component")
        .args([&input, &output])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(host)?;
    let stderr = child.stderr.take();
    let watched = outgrows(child.id(), memory);
    let finished = tokio::time::timeout(Duration::from_secs(limits::COMPILE_WAIT_SECONDS), async {
        let mut complaint = Vec::new();
        if let Some(stderr) = stderr {
            stderr
                .take(COMPLAINT_BYTES)
                .read_to_end(&mut complaint)
                .await?;
        }
        let status = child.wait().await?;
        Ok::<_, std::io::Error>((status, complaint))
    });
    let finished = tokio::select! {
        finished = finished => finished,
        // The child is killed when it is dropped.
        () = watched => return Err(ComponentError::Compile(format!(
            "it takes more than {} MiB of memory; make it smaller, e.g. with fewer functions",
            memory >> 20
        ))),
    };
    let Ok(finished) = finished else {
        return Err(ComponentError::Compile(format!(
            "it took longer than {} s; make it smaller, or try again when the server has less to do",
            limits::COMPILE_WAIT_SECONDS
        )));
    };
    let (status, complaint) = finished.map_err(host)?;
    let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
    match status.code() {
        Some(0) => tokio::fs::read(&output).await.map_err(host),
        Some(REFUSED) => Err(ComponentError::NotAComponent(complaint)),
        _ => Err(ComponentError::Compile(format!(
            "the compiler stopped ({status}); it may use {} GiB of memory and {} s of processor time{}{complaint}",
            limits::COMPILE_BYTES >> 30,
            limits::COMPILE_SECONDS,
            if complaint.is_empty() { "" } else { ": " },
        ))),
    }
}

/// Resolves when a process has more than `memory` bytes resident.
async fn outgrows(process: Option<u32>, memory: u64) {
    let Some(process) = process else {
        return std::future::pending().await;
    };
    let file = format!("/proc/{process}/statm");
    let page = rustix::param::page_size() as u64;
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let text = tokio::fs::read_to_string(&file).await.unwrap_or_default();
        let pages = text.split_whitespace().nth(1);
        let pages: u64 = pages.and_then(|pages| pages.parse().ok()).unwrap_or(0);
        if pages.saturating_mul(page) > memory {
            return;
        }
    }
}

/// The work of the child process: compiles the component in file `input` into file `output`. Returns the
/// process's exit code; the component's error is on standard error.
pub fn compile_child(input: &std::path::Path, output: &std::path::Path) -> u8 {
    bound_this_process();
    let compiled = std::fs::read(input)
        .map_err(|error| (1, error.to_string()))
        .and_then(|bytes| {
            let engine = engine::unpooled().map_err(|error| (1, error.to_string()))?;
            engine
                .precompile_component(&bytes)
                .map_err(|error| (REFUSED as u8, format!("{error:#}")))
        })
        .and_then(|code| std::fs::write(output, code).map_err(|error| (1, error.to_string())));
    match compiled {
        Ok(()) => 0,
        Err((code, message)) => {
            // A closed standard error leaves no place for the message.
            let _ = writeln!(std::io::stderr(), "{message}");
            code
        }
    }
}

fn bound_this_process() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let bound = |most| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    // If the kernel needs memory it takes this process, and runs this one when no other has to.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = rustix::process::nice(10);
    // The parent's timeout holds where a limit cannot be set.
    let _ = setrlimit(Resource::As, bound(limits::COMPILE_BYTES));
    let _ = setrlimit(Resource::Cpu, bound(limits::COMPILE_SECONDS));
    let _ = setrlimit(Resource::Core, bound(0));
}
