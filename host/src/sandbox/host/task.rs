//! `stepwell:step/task`: what a run may know and say of its task.

use serde_json::Value;

use crate::domain::data::{Pointer, check, kind};
use crate::domain::ids::TaskId;
use crate::domain::limits;
use crate::domain::subtask::{self, NewSubtask};
use crate::sandbox::bindings::stepwell::step::task::Host;
use crate::sandbox::state::{Closing, RunState, Subtasks};

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

    fn retry_after(&mut self, milliseconds: u64) -> wasmtime::Result<()> {
        self.task.retry_after = Some(milliseconds.min(limits::RETRY_AFTER_MS));
        Ok(())
    }

    fn subtask(
        &mut self,
        name: String,
        data: String,
        into: Option<String>,
        wait: bool,
    ) -> wasmtime::Result<Result<String, String>> {
        let asked = self.task.subtasks.ask(name, data, into, wait);
        Ok(asked.map(|id| id.to_string()))
    }

    fn redo(&mut self) -> wasmtime::Result<()> {
        self.task.redo = true;
        Ok(())
    }
}

impl Subtasks {
    /// Takes down a subtask; the error says why there can be none.
    fn ask(
        &mut self,
        name: String,
        data: String,
        into: Option<String>,
        wait: bool,
    ) -> Result<TaskId, String> {
        fits("a subtask's name", &name)?;
        if self.depth >= limits::SUBTASK_DEPTH {
            return Err(format!(
                "there are at most {} generations of subtasks, and this task is the last of them",
                limits::SUBTASK_DEPTH
            ));
        }
        let number = self.asked.len() as u32;
        if number >= limits::SUBTASKS_PER_RUN {
            return Err(format!(
                "a run makes at most {} subtasks",
                limits::SUBTASKS_PER_RUN
            ));
        }
        if self.before + number >= limits::SUBTASKS_PER_TASK {
            return Err(format!(
                "a task makes at most {} subtasks, and this one has made them",
                limits::SUBTASKS_PER_TASK
            ));
        }
        self.bytes += data.len();
        if self.bytes > limits::SUBTASK_BYTES {
            return Err(format!(
                "the data of a run's subtasks have at most {} bytes together",
                limits::SUBTASK_BYTES
            ));
        }
        let value: Value = serde_json::from_str(&data)
            .map_err(|error| format!("the subtask's data is not JSON: {error}"))?;
        if !value.is_object() {
            return Err(format!(
                "the subtask's data must be an object, and this is {}",
                kind(&value)
            ));
        }
        check(&value, 0).map_err(|unfit| format!("the subtask's data cannot be kept: {unfit}"))?;
        if let Some(into) = &into {
            place(into)?;
        }
        let id = subtask::id(self.parent, &self.seed, self.clock, number);
        self.asked.push(NewSubtask {
            id,
            name,
            data,
            into,
            wait,
        });
        Ok(id)
    }
}

/// Whether a subtask's result may go there.
fn place(into: &str) -> Result<(), String> {
    if into.len() > limits::POINTER_BYTES {
        return Err(format!(
            "`into` has at most {} bytes, and this has {}",
            limits::POINTER_BYTES,
            into.len()
        ));
    }
    let pointer = Pointer::parse(into).map_err(|error| format!("`into`: {error}"))?;
    match pointer.first() {
        None => Err("`into` is the whole document; name a place in it, such as `/result`".into()),
        Some("$via") => {
            Err("`into` is in `$via`, which is the server's; name another place".into())
        }
        Some(_) => Ok(()),
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
