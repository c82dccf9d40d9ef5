use stepwell_sdk::prelude::*;

#[step(condition = { items: [{ name: { "$regex": "(unclosed" } }] })]
fn step() {}

fn main() {}
