//! `stepwell:step/task`: what a run may know and say of its task.

use serde_json::Value;

use crate::domain::data::check;
use crate::domain::limits;
use crate::domain::run::Closing;
use crate::sandbox::bindings::stepwell::step::task::Host;
use crate::sandbox::state::RunState;

impl Host for RunState {
    fn id(&mut self) -> wasmtime::Result<String> {
        Ok(self.task.id.to_string())
    }

    fn name(&mut self) -> wasmtime::Result<Option<String>> {
        let name = self.task.new_name.as_ref().or(self.task.name.as_ref());
        Ok(name.cloned())
    }

    fn set_name(&mut self, name: String) -> wasmtime::Result<Result<(), String>> {
        Ok(fits("a task's name", &name).map(|()| self.task.new_name = Some(name)))
    }

    fn tags(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self
            .task
            .new_tags
            .as_ref()
            .unwrap_or(&self.task.tags)
            .clone())
    }

    fn set_tags(&mut self, tags: Vec<String>) -> wasmtime::Result<Result<(), String>> {
        if tags.len() > limits::TAGS {
            return Ok(Err(format!(
                "a task has at most {} tags, and these are {}",
                limits::TAGS,
                tags.len()
            )));
        }
        let wrong = tags.iter().find_map(|tag| fits("a tag", tag).err());
        Ok(match wrong {
            Some(message) => Err(message),
            None => {
                self.task.new_tags = Some(tags);
                Ok(())
            }
        })
    }

    fn config(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.task.config.get(&key).cloned())
    }

    fn complete(&mut self, outcome: Option<String>) -> wasmtime::Result<Result<(), String>> {
        if let Some(json) = &outcome {
            let value = match serde_json::from_str::<Value>(json) {
                Ok(value) => value,
                Err(error) => return Ok(Err(format!("the task's result is not JSON: {error}"))),
            };
            if let Err(unfit) = check(&value, 0) {
                return Ok(Err(format!("the task's result cannot be kept: {unfit}")));
            }
        }
        self.task.closing = Some(Closing::Complete(outcome));
        Ok(Ok(()))
    }

    fn ignore(&mut self) -> wasmtime::Result<()> {
        self.task.closing = Some(Closing::Ignore);
        Ok(())
    }

    fn park(&mut self, milliseconds: u64) -> wasmtime::Result<Result<(), String>> {
        if !(1..=limits::PARK_MS).contains(&milliseconds) {
            return Ok(Err(format!(
                "a task waits 1 to {} milliseconds (ten years), not {milliseconds}",
                limits::PARK_MS
            )));
        }
        self.task.park = Some(milliseconds);
        Ok(Ok(()))
    }

    fn redo(&mut self) -> wasmtime::Result<()> {
        self.task.redo = true;
        Ok(())
    }
}

fn fits(what: &str, text: &str) -> Result<(), String> {
    match text.len() {
        1..=limits::TEXT_BYTES => Ok(()),
        length => Err(format!(
            "{what} has 1 to {} bytes, and this has {length}",
            limits::TEXT_BYTES
        )),
    }
}
