//! Fails, to be tried again, until the URL in the data answers with 2xx. Its changes and its line
//! before the failure show what is kept of a failed run.

use stepwell_sdk::prelude::*;

#[step(condition = { url: String })]
async fn fail_retry() -> Result {
    data::set("/changed", true)?;
    let url: String = data::require("/url")?;
    let response = connectors::fetch(Request::get(url)).await?;
    console::log!("the upstream says {}", response.status);
    data::set("/status", response.require_ok()?.status)?;
    Ok(())
}
