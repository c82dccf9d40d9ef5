//! Recurses without end: the stack limit must end it.

use std::hint::black_box;

use stepwell_sdk::step;

#[step(condition = {})]
fn recurse() {
    black_box(deeper(0));
}

#[allow(unconditional_recursion)]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    deeper(depth + 1) + frame[0]
}
