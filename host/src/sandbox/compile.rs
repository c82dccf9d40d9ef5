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
use crate::domain::limits;

/// Exit code of a child that found the component invalid.
const REFUSED: i32 = 3;
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
    /// Compiles a component to wasmtime's serialised form.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
    ) -> Result<Vec<u8>, ComponentError> {
        match self {
            Self::InProcess => {
                let (engine, bytes) = (engine.clone(), bytes.to_vec());
                tokio::task::spawn_blocking(move || {
                    engine
                        .precompile_component(&bytes)
                        .map_err(|error| ComponentError::NotAComponent(format!("{error:#}")))
                })
                .await
                .map_err(|error| ComponentError::Host(error.to_string()))?
            }
            Self::Child(executable) => in_child(executable, bytes).await,
        }
    }
}

async fn in_child(executable: &PathBuf, bytes: &[u8]) -> Result<Vec<u8>, ComponentError> {
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
    })
    .await;
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

/// What the child does: compiles the component in file `input` into file `output`. Returns the
/// process's exit code; what is wrong with the component is on standard error.
pub fn compile_child(input: &std::path::Path, output: &std::path::Path) -> u8 {
    bound_this_process();
    let compiled = std::fs::read(input)
        .map_err(|error| (1, error.to_string()))
        .and_then(|bytes| {
            let engine = engine::compiling().map_err(|error| (1, error.to_string()))?;
            engine
                .precompile_component(&bytes)
                .map_err(|error| (REFUSED as u8, format!("{error:#}")))
        })
        .and_then(|code| std::fs::write(output, code).map_err(|error| (1, error.to_string())));
    match compiled {
        Ok(()) => 0,
        Err((code, message)) => {
            // Nobody is left to tell if standard error is closed.
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
    // The parent's timeout holds where a limit cannot be set.
    let _ = setrlimit(Resource::As, bound(limits::COMPILE_BYTES));
    let _ = setrlimit(Resource::Cpu, bound(limits::COMPILE_SECONDS));
    let _ = setrlimit(Resource::Core, bound(0));
}
