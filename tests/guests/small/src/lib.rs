//! One read and one write: the step that the load harness runs on each task.

use stepwell_sdk::prelude::*;

#[step(condition = { email: String })]
fn small() -> Result {
    let email: String = data::require("/email")?;
    data::set("/contact", email.to_lowercase())?;
    Ok(())
}
