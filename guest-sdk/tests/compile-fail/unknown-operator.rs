use stepwell_sdk::prelude::*;

#[step(condition = {
    "$via": { "name": "Contact Form" },
    retryAttempt: { "$below": 3 },
})]
fn step() {}

fn main() {}
