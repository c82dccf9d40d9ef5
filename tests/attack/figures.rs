//! What is made of the honest tenant's times: quantiles, and when they were as before the attack again.

use std::time::Duration;

/// Tasks in a row that must be as they were before the attack.
pub const IN_A_ROW: usize = 20;

/// One task of the honest tenant.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it was posted, since the measurement began.
    pub sent: Duration,
    /// From the post to when it was seen to be done; none if it never was.
    pub took: Option<Duration>,
}

/// The value at `quantile` (0 to 1) of these times; none of no times.
pub fn quantile(times: &[Duration], quantile: f64) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted
        .get((last as f64 * quantile).round() as usize)
        .copied()
}

/// The times of the tasks that were posted from `begin` until `end`. One that was never done took `lost`.
pub fn between(
    samples: &[Sample],
    begin: Duration,
    end: Duration,
    lost: Duration,
) -> Vec<Duration> {
    let of_it = samples
        .iter()
        .filter(|sample| (begin..end).contains(&sample.sent));
    of_it.map(|sample| sample.took.unwrap_or(lost)).collect()
}

/// `part` ÷ `whole`; none of nothing.
pub fn ratio(part: Option<Duration>, whole: Option<Duration>) -> Option<f64> {
    let (part, whole) = part.zip(whole)?;
    (!whole.is_zero()).then(|| part.as_secs_f64() / whole.as_secs_f64())
}

/// How long after `end` the first of [`IN_A_ROW`] tasks was posted that took at most half as long again as `idle`'s
/// median in their median, and none longer than twice its 99th percentile. None if there were no such tasks.
pub fn back(samples: &[Sample], end: Duration, idle: &[Duration]) -> Option<Duration> {
    let median = quantile(idle, 0.5)?;
    let longest = quantile(idle, 0.99)? * 2;
    let after: Vec<&Sample> = samples.iter().filter(|sample| sample.sent >= end).collect();
    let good = after.windows(IN_A_ROW).find(|row| {
        let times: Vec<Duration> = row.iter().filter_map(|sample| sample.took).collect();
        times.len() == row.len()
            && times.iter().all(|took| *took <= longest)
            && quantile(&times, 0.5).is_some_and(|middle| middle <= median * 3 / 2)
    })?;
    Some(good.first()?.sent - end)
}

/// The longest time from `begin` to `end` in which no task was done.
pub fn longest_gap(samples: &[Sample], begin: Duration, end: Duration) -> Duration {
    let done = samples
        .iter()
        .filter_map(|sample| Some(sample.sent + sample.took?));
    let within = done.filter(|at| (begin..end).contains(at));
    let (mut last, mut longest) = (begin, Duration::ZERO);
    for at in within.chain([end]) {
        longest = longest.max(at.saturating_sub(last));
        last = at;
    }
    longest
}
