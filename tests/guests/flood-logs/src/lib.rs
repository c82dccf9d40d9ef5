//! Prints what the data says: `lines` lines of `bytes` bytes each, then finishes. `stdout: true`
//! prints through standard output instead of the console.

use stepwell_sdk::prelude::*;

#[step(condition = { lines: Number, bytes: Number })]
fn flood_logs() -> Result {
    let lines: usize = data::require("/lines")?;
    let bytes: usize = data::require("/bytes")?;
    let stdout: Option<bool> = data::get("/stdout")?;
    let line = "x".repeat(bytes);
    for _ in 0..lines {
        if stdout == Some(true) {
            println!("{line}");
        } else {
            console::log!("{line}");
        }
    }
    data::set("/flooded", true)?;
    Ok(())
}
