use stepwell_sdk::prelude::*;

#[step(condition = { total: { "$gt": 1, currency: "EUR" } })]
fn step() {}

fn main() {}
