//! Ends the task as `/how` says: `complete`, `complete-with` (with `/result`), `ignore`, or
//! `fail` after a `complete`, which must not count. Names and tags the task first.

use stepwell_sdk::prelude::*;

#[step(condition = { how: String })]
fn closing() -> Result {
    task::set_name("closed by a step")?;
    task::set_tags(["closed", "test"])?;
    data::set("/id", task::id())?;
    match data::require::<String>("/how")?.as_str() {
        "complete" => task::complete()?,
        "complete-with" => task::complete_with(data::get::<Value>("/result")?)?,
        "ignore" => task::ignore(),
        _ => {
            task::complete()?;
            return Err(Failure::stop("after all, no"));
        }
    }
    Ok(())
}
