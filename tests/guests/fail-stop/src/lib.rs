//! Fails for good.

use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn fail_stop() -> Result {
    data::set("/changed", true)?;
    console::error!("this cannot work");
    "not a number".parse::<u32>().stop()?;
    Ok(())
}
