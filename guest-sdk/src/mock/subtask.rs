//! `task.subtask`, by the server's rules.

use serde_json::Value;

use super::document::{self, VIA};
use super::host::{state, text};
use super::outcome::SubtaskCall;

/// Subtasks of one run.
const MOST: usize = 100;

const OTHER_VIA: &str = "the subtask's data has a `$via`, which says how a task came in, and only the server writes it; leave it out";

pub(crate) fn task_subtask(
    name: &str,
    data: &str,
    into: Option<&str>,
    wait: bool,
) -> Result<String, String> {
    text("a subtask's name", name)?;
    let data: Value = serde_json::from_str(data)
        .map_err(|error| format!("the subtask's data is not JSON: {error}"))?;
    if !data.is_object() {
        return Err("the subtask's data must be an object".to_owned());
    }
    if let Some(into) = into {
        document::get(&data, into).map_err(|error| format!("`into`: {error}"))?;
        if into.is_empty() {
            return Err(
                "`into` is the whole document; name a place in it, such as `/result`".to_owned(),
            );
        }
        if into == "/$via" || into.starts_with("/$via/") {
            return Err(
                "`into` is in `$via`, which is the server's; name another place".to_owned(),
            );
        }
    }
    state(|state| {
        if let Some(via) = data.get(VIA)
            && Some(via) != state.data.get(VIA)
        {
            return Err(OTHER_VIA.to_owned());
        }
        let number = state.subtasks.len();
        if number >= MOST {
            return Err(format!("a run makes at most {MOST} subtasks"));
        }
        let id = format!("00000000-0000-7000-8000-{number:012}");
        state.subtasks.push(SubtaskCall {
            id: id.clone(),
            name: name.to_owned(),
            data,
            into: into.map(str::to_owned),
            wait,
        });
        Ok(id)
    })
}
