//! What the attack harness's figures rest on, tested apart from it: a benchmark has no test runner.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "figures.rs"]
mod figures;

use std::time::Duration;

use figures::{IN_A_ROW, Sample, back, between, longest_gap, quantile};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn quantiles_are_of_what_was_measured() {
    let times: Vec<Duration> = (1..=101).rev().map(ms).collect();
    assert_eq!(quantile(&times, 0.5), Some(ms(51)));
    assert_eq!(quantile(&times, 0.99), Some(ms(100)));
    assert_eq!(quantile(&[], 0.5), None);
    let samples = [(0, Some(ms(1))), (10, None), (20, Some(ms(2)))];
    let samples = samples.map(|(sent, took)| Sample {
        sent: ms(sent),
        took,
    });
    assert_eq!(between(&samples, ms(5), ms(21), ms(99)), [ms(99), ms(2)]);
}

/// Tasks one every 10 ms, which took as long as `took` says of each.
fn row(count: usize, took: impl Fn(usize) -> Option<u64>) -> Vec<Sample> {
    let sample = |place: usize| Sample {
        sent: ms(place as u64 * 10),
        took: took(place).map(ms),
    };
    (0..count).map(sample).collect()
}

#[test]
fn a_tenant_is_back_with_the_first_of_many_tasks_that_are_as_before() {
    let idle: Vec<Duration> = (0..100).map(|_| ms(4)).collect();
    let at_once = row(IN_A_ROW + 5, |_| Some(5));
    assert_eq!(back(&at_once, ms(50), &idle), Some(ms(0)));
    let slow_at_first = row(100, |place| Some(if place < 30 { 500 } else { 4 }));
    assert_eq!(back(&slow_at_first, ms(100), &idle), Some(ms(200)));
    let one_outlier = row(60, |place| Some(if place == 15 { 9 } else { 4 }));
    assert_eq!(back(&one_outlier, ms(0), &idle), Some(ms(160)));
    let one_lost = row(60, |place| (place != 25).then_some(4));
    assert_eq!(back(&one_lost, ms(100), &idle), Some(ms(160)));
    for never in [row(100, |_| Some(7)), row(IN_A_ROW - 1, |_| Some(4))] {
        assert_eq!(back(&never, ms(0), &idle), None);
    }
}

#[test]
fn the_longest_gap_is_between_two_ends() {
    let samples = row(10, |place| (place != 4).then_some(1));
    assert_eq!(longest_gap(&samples, ms(0), ms(91)), ms(20));
    assert_eq!(longest_gap(&samples, ms(0), ms(200)), ms(109));
    assert_eq!(longest_gap(&[], ms(5), ms(9)), ms(4));
}
