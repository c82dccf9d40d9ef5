//! Calls the host in a loop without an end: `"how"` says which function. The host's work for a call costs the guest
//! next to no fuel.

use std::hint::black_box;

use stepwell_sdk::__private::stepwell::step::data as host;
use stepwell_sdk::prelude::*;

#[step(condition = { how: String })]
fn host_loop() -> Result {
    match data::require::<String>("/how")?.as_str() {
        "get" => loop {
            drop(black_box(host::get("")));
        },
        "set" => loop {
            drop(black_box(host::set("/a", "1")));
        },
        "log" => loop {
            console::log!("again");
        },
        _ => loop {
            black_box(core::arch::wasm32::memory_grow(0, 0));
        },
    }
}
