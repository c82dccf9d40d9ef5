//! Changes the data and panics with a message that names a value of the data.

use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn panics() -> Result {
    data::set("/changed", true)?;
    let why: Option<String> = data::get("/why")?;
    panic!(
        "the guest gives up: {}",
        why.as_deref().unwrap_or("no reason")
    );
}
