use stepwell_sdk::prelude::*;

#[step(condition = { "a/b": { status: { "$in": "completed" } } })]
fn step() {}

fn main() {}
