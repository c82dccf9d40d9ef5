//! A step that does nothing: what a run costs by itself.

use stepwell_sdk::step;

#[step(condition = {})]
fn noop() {}
