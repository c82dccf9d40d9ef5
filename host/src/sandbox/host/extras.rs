//! `stepwell:step/task-extras`: what a run may say of its task beside `task`.

use crate::domain::limits;
use crate::domain::reply::HttpReply;
use crate::domain::run::LogLevel;
use crate::sandbox::bindings::stepwell::step::task_extras::{Host, Reply};
use crate::sandbox::state::RunState;

impl Host for RunState {
    fn timeout(&mut self, milliseconds: u64) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(0)?;
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
        self.work.charge(0)?;
        self.task.complete_on_expire = true;
        Ok(())
    }

    fn visualize(&mut self, visual: String) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(visual.len())?;
        if visual.len() > limits::LOG_BYTES {
            // It has no room, whatever it is.
            return Ok(self.logs.visual(&visual));
        }
        Ok(match serde_json::from_str::<serde_json::Value>(&visual) {
            Ok(value) if value.is_object() => self.logs.visual(&visual),
            Ok(_) => Err("what is to be drawn must be an object".into()),
            Err(error) => Err(format!("what is to be drawn is not JSON: {error}")),
        })
    }

    async fn respond(&mut self, reply: Reply) -> wasmtime::Result<Result<bool, String>> {
        let Reply {
            status,
            headers,
            body,
        } = reply;
        let bytes = headers.iter().map(|(name, value)| name.len() + value.len());
        self.work.charge(bytes.sum::<usize>() + body.len())?;
        if self.task.subtasks.depth > 0 {
            return Ok(Err(
                "no sender waits for a subtask: reply in a run of the task that the request made"
                    .into(),
            ));
        }
        let reply = match HttpReply::of_step(status, headers, body) {
            Ok(reply) => reply,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let is_the_one = self.calls.answerer.respond(reply).await?;
        if is_the_one {
            self.logs
                .push(LogLevel::Audit, &format!("replied {status} to the sender"));
        }
        Ok(Ok(is_the_one))
    }
}
