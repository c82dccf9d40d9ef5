//! Grows the task's data by `/megabytes` strings of 1 MiB: past the limit a write must be refused
//! or the run must fail, and the data stays as it was.

use stepwell_sdk::prelude::*;

#[step(condition = { megabytes: Number })]
fn huge_data() -> Result {
    let megabytes: usize = data::require("/megabytes")?;
    let chunk = "x".repeat(1024 * 1024);
    data::set("/chunks", json!([]))?;
    for _ in 0..megabytes {
        data::set("/chunks/-", &chunk)?;
    }
    Ok(())
}
