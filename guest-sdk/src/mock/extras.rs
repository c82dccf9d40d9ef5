//! A task's time, its reply, what is to be drawn, and files.

use std::time::Duration;

use serde_json::Value;

use super::host::state;
use super::outcome::SentReply;

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

pub(crate) fn task_respond(
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
) -> Result<bool, String> {
    let is_one = matches!(status, 200..=299 | 301..=303 | 307 | 308 | 400..=599);
    if !is_one {
        return Err(format!("{status} is no status of a reply"));
    }
    let reply = SentReply {
        status,
        headers,
        body,
    };
    Ok(state(|state| {
        let first = state.replied.get_or_insert_with(|| reply.clone());
        *first == reply
    }))
}

pub(crate) fn blob_size(digest: &str) -> Result<Option<u64>, String> {
    Ok(state(|state| {
        state.files.get(digest).map(|file| file.len() as u64)
    }))
}

pub(crate) fn blob_read(digest: &str, offset: u64, length: u32) -> Result<Vec<u8>, String> {
    let file = state(|state| state.files.get(digest).cloned());
    let none = || format!("the task has no file with the digest {digest}");
    let file = file.ok_or_else(none)?;
    let from = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(file.len());
    let to = from.saturating_add(length as usize).min(file.len());
    Ok(file[from..to].to_vec())
}
