use stepwell_sdk::prelude::*;

#[step(condition = ["email"])]
fn step() {}

fn main() {}
