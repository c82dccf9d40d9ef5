//! Lets its task wait for `/parkMs` milliseconds, once; then the task is done.

use std::time::Duration;

use stepwell_sdk::prelude::*;

#[step(condition = { parkMs: Number })]
fn parks() -> Result {
    task::park(Duration::from_millis(data::require("/parkMs")?))?;
    Ok(())
}
