//! Changes the data and ends the process, as far as it has one, with the status in `/status`.

use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn exit() -> Result {
    data::set("/changed", true)?;
    let status: Option<i32> = data::get("/status")?;
    std::process::exit(status.unwrap_or(0));
}
