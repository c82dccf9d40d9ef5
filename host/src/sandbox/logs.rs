//! The log lines of a run, limited, with a mark where they were cut.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::panic::LastWords;
use super::work::Work;
use crate::domain::limits;
use crate::domain::run::{Config, LogLevel, LogLine};

/// A run's log lines. Shared by `console` and the guest's standard streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    /// The config whose values are masked.
    config: Arc<Config>,
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
    /// The lines of standard output and standard error that have not ended with a line feed.
    partial: [Vec<u8>; 2],
    errors: LastWords,
}

impl Logs {
    /// The log of a run with this config, whose values are masked in it.
    pub(super) fn new(config: Arc<Config>) -> Self {
        let lines = Lines {
            config,
            ..Lines::default()
        };
        Self(Arc::new(Mutex::new(lines)))
    }

    /// Adds a line; beyond the limits it only counts it.
    pub(super) fn push(&self, level: LogLevel, text: &str) {
        self.0.lock().push(level, text);
    }

    /// Keeps something to be drawn as a line of its own, whole.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn visual(&self, json: &str) -> Result<(), String> {
        let mut lines = self.0.lock();
        let left = limits::LOG_BYTES.saturating_sub(lines.bytes);
        if json.len() > left || lines.lines.len() >= limits::LOG_LINES {
            return Err(format!(
                "what is to be drawn has {} bytes, and the log of this run has room for {left}: a run keeps {} lines and {} KiB",
                json.len(),
                limits::LOG_LINES,
                limits::LOG_BYTES / 1024
            ));
        }
        lines.push(LogLevel::Visual, json);
        Ok(())
    }

    /// A stream whose lines are logged at `level`.
    pub(super) fn stream(&self, level: LogLevel, work: &Work) -> LogStream {
        LogStream {
            logs: self.clone(),
            level,
            work: work.clone(),
        }
    }

    /// Why a guest that trapped did so, as far as it said it on standard error.
    pub(super) fn explain(&self, trap: &str) -> String {
        let mut lines = self.0.lock();
        lines.finish(LogLevel::Error);
        lines.errors.explain(trap)
    }

    /// All lines, unfinished ones included, with a mark at the end if some were dropped.
    pub(super) fn take(&self) -> Vec<LogLine> {
        let mut lines = self.0.lock();
        lines.finish(LogLevel::Log);
        lines.finish(LogLevel::Error);
        if lines.dropped > 0 {
            let text = format!(
                "… {} more lines were dropped: a run keeps {} lines and {} KiB",
                lines.dropped,
                limits::LOG_LINES,
                limits::LOG_BYTES / 1024
            );
            lines.lines.push(LogLine {
                level: LogLevel::Warn,
                text,
            });
        }
        std::mem::take(&mut lines.lines)
    }
}

impl Lines {
    /// Ends the line that a stream has begun.
    fn finish(&mut self, level: LogLevel) {
        let rest = std::mem::take(self.partial_of(level));
        if !rest.is_empty() {
            self.push(level, &String::from_utf8_lossy(&rest));
        }
    }

    fn push(&mut self, level: LogLevel, text: &str) {
        let left = limits::LOG_BYTES.saturating_sub(self.bytes);
        let is_kept = left > 0 && self.lines.len() < limits::LOG_LINES;
        if !is_kept && level != LogLevel::Error {
            self.dropped += 1;
            return;
        }
        // A value that begins in the kept part is masked whole.
        let most = limits::LOG_BYTES + limits::CONFIG_BYTES;
        let whole = text.len();
        let config = self.config.clone();
        let text = config.masked(&text[..text.floor_char_boundary(most)]);
        if level == LogLevel::Error && !self.errors.hear(&text) {
            return;
        }
        if !is_kept {
            self.dropped += 1;
            return;
        }
        let text = if text.len() > left {
            format!(
                "{} … (cut: the line had {whole} bytes)",
                &text[..text.floor_char_boundary(left)],
            )
        } else {
            text.into_owned()
        };
        self.bytes += text.len();
        self.lines.push(LogLine { level, text });
    }

    fn partial_of(&mut self, level: LogLevel) -> &mut Vec<u8> {
        &mut self.partial[usize::from(level == LogLevel::Error)]
    }

    fn write(&mut self, level: LogLevel, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // The last piece has no line feed behind it.
        let rest = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            let mut line = std::mem::take(self.partial_of(level));
            line.extend_from_slice(piece);
            self.push(level, &String::from_utf8_lossy(&line));
        }
        let partial = self.partial_of(level);
        let room = limits::LOG_BYTES.saturating_sub(partial.len());
        partial.extend_from_slice(&rest[..rest.len().min(room)]);
    }
}

/// A guest's standard output or standard error.
#[derive(Clone)]
pub(super) struct LogStream {
    logs: Logs,
    level: LogLevel,
    work: Work,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this, and the linker has no WASI 0.3.
        Box::new(tokio::io::sink())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.work.charge(bytes.len()).map_err(StreamError::Trap)?;
        self.logs.0.lock().write(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(logs: &Logs) -> Vec<String> {
        logs.take().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn streams_are_cut_into_lines() {
        let logs = Logs::default();
        let mut out = logs.stream(LogLevel::Log, &Work::new(u64::MAX));
        out.write(Bytes::from_static(b"one\ntw")).unwrap();
        logs.push(LogLevel::Warn, "between");
        out.write(Bytes::from_static(b"o\n\nrest")).unwrap();
        assert_eq!(texts(&logs), ["one", "between", "two", "", "rest"]);
    }

    #[test]
    fn values_of_the_config_are_masked_in_lines_and_where_they_are_cut() {
        let values = [("TOKEN".to_owned(), "s3cret-token".to_owned())];
        let logs = Logs::new(Arc::new(std::collections::BTreeMap::from(values).into()));
        let mut out = logs.stream(LogLevel::Log, &Work::new(u64::MAX));
        out.write(Bytes::from_static(b"token s3cret-")).unwrap();
        out.write(Bytes::from_static(b"token\n")).unwrap();
        logs.push(LogLevel::Error, "thread 'main' panicked at src/lib.rs:1:1:");
        logs.push(LogLevel::Error, "no s3cret-token");
        assert_eq!(
            logs.explain("unreachable"),
            "panicked at src/lib.rs:1:1: no ***"
        );
        let long = format!("{}s3cret-token", "x".repeat(limits::LOG_BYTES - 200));
        logs.push(LogLevel::Log, &long);
        let lines = texts(&logs);
        assert_eq!(
            (lines[0].as_str(), lines[2].as_str()),
            ("token ***", "no ***")
        );
        assert!(!lines.concat().contains("s3cret"), "{}", lines[3].len());
    }

    #[test]
    fn floods_are_cut_with_a_mark() {
        let logs = Logs::default();
        for _ in 0..limits::LOG_LINES + 5 {
            logs.push(LogLevel::Log, "x");
        }
        let lines = texts(&logs);
        assert_eq!(lines.len(), limits::LOG_LINES + 1);
        assert!(lines[limits::LOG_LINES].starts_with("… 5 more lines were dropped"));

        let logs = Logs::default();
        logs.push(LogLevel::Log, &"é".repeat(limits::LOG_BYTES));
        logs.push(LogLevel::Log, "never seen");
        let lines = texts(&logs);
        assert!(lines[0].ends_with(&format!(
            "(cut: the line had {} bytes)",
            2 * limits::LOG_BYTES
        )));
        assert!(lines[1].starts_with("… 1 more lines were dropped"));

        let logs = Logs::default();
        let mut out = logs.stream(LogLevel::Error, &Work::new(u64::MAX));
        for _ in 0..100 {
            out.write(Bytes::from(vec![b'x'; 60_000])).unwrap();
        }
        assert!(texts(&logs)[0].len() <= limits::LOG_BYTES);
    }
}
