//! What a server has logged.

use std::time::{Duration, Instant};

use super::{PATIENCE, Server};

impl Server {
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
