//! A task's time, and what is to be drawn.

use std::time::Duration;

use serde_json::Value;

use super::host::state;

pub(crate) fn task_timeout(milliseconds: u64) -> Result<(), String> {
    if milliseconds == 0 {
        return Err("a task has 1 millisecond to ten years, not 0".to_owned());
    }
    state(|state| state.timeout = Some(Duration::from_millis(milliseconds)));
    Ok(())
}

pub(crate) fn task_complete_on_expire() {
    state(|state| state.complete_on_expire = true);
}

pub(crate) fn task_visualize(json: &str) -> Result<(), String> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| format!("what is to be drawn is not JSON: {error}"))?;
    if !value.is_object() {
        return Err("what is to be drawn must be an object".to_owned());
    }
    state(|state| state.visuals.push(value));
    Ok(())
}
