//! `stepwell:step/console`: lines for the timeline.

use crate::domain::run::LogLevel;
use crate::sandbox::bindings::stepwell::step::console::{Host, Level};
use crate::sandbox::state::RunState;

impl Host for RunState {
    fn write(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.work.charge(text.len())?;
        let level = match level {
            Level::Log => LogLevel::Log,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
            Level::Audit => LogLevel::Audit,
        };
        self.logs.push(level, &text);
        Ok(())
    }
}
