//! Begins `/calls` calls to `/url` and keeps every one: the handle and call limits must hold.

use stepwell_sdk::prelude::*;

#[step(condition = { calls: Number, url: String })]
fn many_handles() -> Result {
    let calls: usize = data::require("/calls")?;
    let url: String = data::require("/url")?;
    let kept: Vec<_> = (0..calls)
        .map(|_| connectors::fetch(Request::get(&url)))
        .collect();
    data::set("/kept", kept.len())?;
    Ok(())
}
