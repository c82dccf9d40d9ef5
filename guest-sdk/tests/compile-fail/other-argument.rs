use stepwell_sdk::prelude::*;

#[step(name = "contact")]
fn step() {}

fn main() {}
