use stepwell_sdk::prelude::*;

#[step(condition = {})]
async fn step() -> std::result::Result<(), String> {
    Ok(())
}

fn main() {}
