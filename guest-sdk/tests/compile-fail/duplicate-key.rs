use stepwell_sdk::prelude::*;

#[step(condition = { email: String, "email": null })]
fn step() {}

fn main() {}
