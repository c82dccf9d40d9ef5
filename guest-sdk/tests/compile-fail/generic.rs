use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn step<T: Default>() {}

fn main() {}
