//! Never returns from `run`: fuel must end it.

use std::hint::black_box;

use stepwell_sdk::step;

#[step(condition = {})]
fn endless_loop() {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}
