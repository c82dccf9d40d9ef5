//! A link of a chain: `{"link": 2}` becomes `{"link": 3}`.

use stepwell_sdk::prelude::*;

#[step(condition = { link: 2 })]
fn chain_b() -> Result {
    console::log!("link 2");
    data::set("/link", 3)?;
    Ok(())
}
