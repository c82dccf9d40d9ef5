use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn step(data: Value) {}

fn main() {}
