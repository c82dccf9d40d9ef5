//! Changes the data and prints, then runs into an `unreachable` instruction.

use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn trap() -> Result {
    data::set("/changed", true)?;
    console::log!("about to trap");
    #[cfg(target_family = "wasm")]
    std::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    unreachable!("only Wasm has the instruction")
}
