//! What a server has logged.

use std::io::Read;
use std::path::Path;
use std::process::ChildStderr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{PATIENCE, Server};

/// What the process that was started last has logged until now.
#[derive(Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes in what a process logs until it ends. Then all of it is in the data directory, too.
    pub(super) fn collect(&mut self, mut stderr: ChildStderr, data_dir: &Path) -> JoinHandle<()> {
        self.0 = Arc::default();
        let collected = self.0.clone();
        let log = data_dir.join("server.log");
        let part = data_dir.with_extension("log");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                collected.lock().extend_from_slice(&bytes[..count]);
            }
            // It is renamed when it is complete: a reader of the directory finds no half of it.
            let _ = std::fs::write(&part, &*collected.lock());
            // The directory may be gone.
            let _ = std::fs::rename(&part, log).or_else(|_| std::fs::remove_file(&part));
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

impl Server {
    /// Waits until the process that runs has logged this text.
    pub async fn has_logged(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log.text().contains(text) {
            assert!(Instant::now() < until, "no `{text}`: {}", self.log.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the process that was ended last has logged; it is written when the process has ended.
    pub async fn log(&self) -> String {
        let log = self.data_dir().join("server.log");
        let until = Instant::now() + PATIENCE;
        while !log.exists() {
            assert!(Instant::now() < until, "nothing is logged");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::fs::read_to_string(log).unwrap()
    }
}
