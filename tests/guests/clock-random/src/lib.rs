//! Writes down all that could differ between two runs on the same data: clocks, the order of a hash
//! map, random bytes. Two runs with the same clock and seed must write the same.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stepwell_sdk::prelude::*;

#[step(condition = { "$or": [{ url: String }, { url: null }] })]
fn clock_random() -> Result {
    let started = Instant::now();
    data::set("/before", observe())?;
    let mut turns = 0u64;
    for turn in 0..100_000u64 {
        turns = std::hint::black_box(turns ^ turn);
    }
    // Time stands still inside a run, so this is zero until a call was answered.
    data::set("/elapsedNanos", started.elapsed().as_nanos() as u64)?;
    if let Some(url) = data::get::<String>("/url")? {
        let response = connectors::fetch(Request::get(url)).wait()?;
        data::set("/status", response.status)?;
        data::set("/after", observe())?;
        data::set(
            "/elapsedNanosAfterCall",
            started.elapsed().as_nanos() as u64,
        )?;
    }
    Ok(())
}

fn observe() -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let map: HashMap<u32, ()> = (0..20).map(|key| (key, ())).collect();
    json!({
        "millis": now.as_millis() as u64,
        "nanos": now.subsec_nanos(),
        "order": map.keys().collect::<Vec<_>>(),
        // A hasher's keys are drawn from `wasi:random`; text, because JSON readers round u64.
        "random": (0..4).map(|n| RandomState::new().hash_one(n).to_string()).collect::<Vec<_>>(),
    })
}
