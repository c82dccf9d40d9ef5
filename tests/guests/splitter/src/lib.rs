//! Makes a subtask of each item of `/split`, waits for all, and has their results at `/results`. If the
//! data name a `url`, it is asked first; an answer that is not 2xx fails the run, to be tried again when
//! the service says.

use stepwell_sdk::prelude::*;

#[step(condition = { split: Array, "$via": { "type": "webhook" } })]
async fn splitter() -> Result {
    if let Some(url) = data::get::<String>("/url")? {
        let response = connectors::fetch(Request::post(url)).await?;
        let after = response.retry_after();
        response.require_ok().retry_after(after)?;
    }
    let into: String = data::get("/into")?.unwrap_or_else(|| "/results/-".to_owned());
    data::set("/results", json!([]))?;
    for item in data::require::<Vec<Value>>("/split")? {
        task::subtask("part", item)
            .result_into(&into)
            .wait()
            .create()?;
    }
    Ok(())
}
