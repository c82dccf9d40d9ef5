//! Takes memory and never gives it back: the memory limit must end it.

use std::hint::black_box;

use stepwell_sdk::step;

#[step(condition = {})]
fn eat_memory() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1u8; 1024 * 1024]));
    }
}
