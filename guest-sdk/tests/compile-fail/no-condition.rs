use stepwell_sdk::prelude::*;

#[step]
fn step() {}

fn main() {}
