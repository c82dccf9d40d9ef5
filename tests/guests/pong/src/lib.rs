//! One of two steps that feed each other for ever: the run limit must end it.

use stepwell_sdk::prelude::*;

#[step(condition = { ball: "pong", count: Number })]
fn pong() -> Result {
    let count: u64 = data::require("/count")?;
    data::set("/count", count + 1)?;
    data::set("/ball", "ping")?;
    Ok(())
}
