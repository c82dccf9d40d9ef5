use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn step() -> Option<String> {
    None
}

fn main() {}
