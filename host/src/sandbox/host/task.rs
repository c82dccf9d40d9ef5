//! `stepwell:step/task`: what a run may know and say of its task.

use serde_json::Value;

use crate::domain::data::{Pointer, VIA, check, is_same, kind, memory_estimate};
use crate::domain::ids::TaskId;
use crate::domain::limits;
use crate::domain::subtask::{self, NewSubtask};
use crate::sandbox::bindings::stepwell::step::task::Host;
use crate::sandbox::state::{Closing, RunState, Subtasks};

impl Host for RunState {
    fn id(&mut self) -> wasmtime::Result<String> {
        self.work.charge(0)?;
        Ok(self.task.id.to_string())
    }

    fn name(&mut self) -> wasmtime::Result<Option<String>> {
        self.work.charge(0)?;
        let name = self.task.new_name.as_ref().or(self.task.name.as_ref());
        Ok(name.cloned())
    }

    fn set_name(&mut self, name: String) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(name.len())?;
        Ok(fits("a task's name", &name).map(|()| self.task.new_name = Some(name)))
    }

    fn tags(&mut self) -> wasmtime::Result<Vec<String>> {
        let tags = self.task.new_tags.as_ref().unwrap_or(&self.task.tags);
        self.work.charge(tags.iter().map(String::len).sum())?;
        Ok(tags.clone())
    }

    fn set_tags(&mut self, tags: Vec<String>) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(tags.iter().map(String::len).sum())?;
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
        let value = self.task.config.get(&key).cloned();
        self.work
            .charge(key.len() + value.as_ref().map_or(0, String::len))?;
        Ok(value)
    }

    fn complete(&mut self, outcome: Option<String>) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(outcome.as_ref().map_or(0, String::len))?;
        if let Some(json) = &outcome {
            if json.len() > limits::RESULT_BYTES {
                return Ok(Err(format!(
                    "a task's result has at most {} bytes, and this has {}; put it into the data, which is the result of a task that is completed without one",
                    limits::RESULT_BYTES,
                    json.len()
                )));
            }
            // Its values are looked at and dropped.
            let estimate = memory_estimate(json);
            self.charge_written(estimate)?;
            let fits = is_result(json);
            self.give_back_written(estimate);
            if fits.is_err() {
                return Ok(fits);
            }
        }
        self.task.closing = Some(Closing::Complete(outcome));
        Ok(Ok(()))
    }

    fn ignore(&mut self) -> wasmtime::Result<()> {
        self.work.charge(0)?;
        self.task.closing = Some(Closing::Ignore);
        Ok(())
    }

    fn park(&mut self, milliseconds: u64) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(0)?;
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
        self.work.charge(0)?;
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
        self.work.charge(name.len() + data.len())?;
        // Its values are looked at and dropped.
        let estimate = memory_estimate(&data);
        self.charge_written(estimate)?;
        let via = self.document.member(VIA);
        let asked = self.task.subtasks.ask(via, (name, data), into, wait);
        self.give_back_written(estimate);
        Ok(asked.map(|id| id.to_string()))
    }

    fn redo(&mut self) -> wasmtime::Result<()> {
        self.work.charge(0)?;
        self.task.redo = true;
        Ok(())
    }
}

impl Subtasks {
    /// Takes down a subtask; the error says why there can be none.
    /// A `$via` in its data is that of the task itself, `via`, or an error: the subtask gets its own.
    fn ask(
        &mut self,
        via: Option<&Value>,
        (name, data): (String, String),
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
        if self.open + number >= limits::SUBTASKS_OPEN {
            return Err(format!(
                "a task has at most {} subtasks that have not ended, and this one has them",
                limits::SUBTASKS_OPEN
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
        if let Some(own) = value.get(VIA)
            && !via.is_some_and(|via| is_same(via, own))
        {
            return Err(format!(
                "the subtask's data has a `{VIA}`, which says how a task came in, and only the server writes it; leave it out"
            ));
        }
        check(&value, 0).map_err(|unfit| format!("the subtask's data cannot be kept: {unfit}"))?;
        if let Some(into) = &into {
            place(into)?;
        }
        if !self.reserved.take() {
            return Err(format!(
                "a task and all subtasks below it make at most {} subtasks, and they have been made",
                limits::DESCENDANTS
            ));
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

/// Whether this may be a task's result.
fn is_result(json: &str) -> Result<(), String> {
    let value = serde_json::from_str::<Value>(json)
        .map_err(|error| format!("the task's result is not JSON: {error}"))?;
    check(&value, 0).map_err(|unfit| format!("the task's result cannot be kept: {unfit}"))
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
        Some(VIA) => Err("`into` is in `$via`, which is the server's; name another place".into()),
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
