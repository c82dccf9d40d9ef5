//! Five reads and five writes: what a small step costs.

use stepwell_sdk::prelude::*;

#[step(condition = { firstName: String })]
fn five_sets() -> Result {
    let first: String = data::require("/firstName")?;
    let last: Option<String> = data::get("/lastName")?;
    let email: Option<String> = data::get("/email")?;
    let company: Option<String> = data::get("/company")?;
    let amount: Option<f64> = data::get("/amount")?;
    data::set("/contact/firstName", first)?;
    data::set("/contact/lastName", last)?;
    data::set("/contact/email", email)?;
    data::set("/contact/company", company)?;
    data::set("/contact/amount", amount)?;
    Ok(())
}
