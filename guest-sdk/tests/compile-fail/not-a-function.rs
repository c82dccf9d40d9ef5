use stepwell_sdk::prelude::*;

#[step(condition = {})]
struct Step;

fn main() {}
