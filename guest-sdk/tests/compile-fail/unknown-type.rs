use stepwell_sdk::prelude::*;

#[step(condition = { email: Text })]
fn step() {}

fn main() {}
