//! Has the host work in a loop and computes next to nothing itself: `"how"` says through which function,
//! `"times"` how often.

use stepwell_sdk::prelude::*;

#[step(condition = { how: String, times: Number })]
fn host_calls() -> Result {
    let times: u64 = data::require("/times")?;
    let how: String = data::require("/how")?;
    for _ in 0..times {
        match how.as_str() {
            "read" => drop(data::get_json("")?),
            "write" => data::set_json("/written", "1")?,
            "remove" => data::remove("/list/0")?,
            "log" => console::log!("x"),
            "print" => println!("{}", "x".repeat(1024)),
            "config" => drop(task::config("KEY")),
            "tags" => drop(task::tags()),
            // It asks the host, although it asks for nothing.
            _ => drop(core::arch::wasm32::memory_grow(0, 0)),
        }
    }
    data::set("/done", true)?;
    Ok(())
}
