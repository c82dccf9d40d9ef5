use stepwell_sdk::prelude::*;

#[step(condition = { a: 1 })]
fn first() {}

#[step(condition = { b: 1 })]
fn second() {}

fn main() {}
