//! A link of a chain: `{"link": 1}` becomes `{"link": 2}`.

use stepwell_sdk::prelude::*;

#[step(condition = { link: 1 })]
fn chain_a() -> Result {
    console::log!("link 1");
    data::set("/link", 2)?;
    Ok(())
}
