//! `stepwell:step/task-extras`: what a run may say of its task beside `task`.

use crate::domain::limits;
use crate::sandbox::bindings::stepwell::step::task_extras::Host;
use crate::sandbox::state::RunState;

impl Host for RunState {
    fn timeout(&mut self, milliseconds: u64) -> wasmtime::Result<Result<(), String>> {
        if !(1..=limits::PARK_MS).contains(&milliseconds) {
            return Ok(Err(format!(
                "a task has 1 to {} milliseconds (ten years), not {milliseconds}",
                limits::PARK_MS
            )));
        }
        self.task.timeout = Some(milliseconds);
        Ok(Ok(()))
    }

    fn complete_on_expire(&mut self) -> wasmtime::Result<()> {
        self.task.complete_on_expire = true;
        Ok(())
    }

    fn visualize(&mut self, visual: String) -> wasmtime::Result<Result<(), String>> {
        Ok(match serde_json::from_str::<serde_json::Value>(&visual) {
            Ok(value) if value.is_object() => self.logs.visual(&visual),
            Ok(_) => Err("what is to be drawn must be an object".into()),
            Err(error) => Err(format!("what is to be drawn is not JSON: {error}")),
        })
    }
}
