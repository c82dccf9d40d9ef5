//! When a failed run is tried again: exponential backoff with full jitter.

use crate::domain::step::RetryPolicy;

/// The delay before the next attempt, in milliseconds, after `failed` attempts (at least 1): a
/// random share of the longest delay, so that many failing tasks do not come back at once.
/// `random` is uniform over all of u64; `asked` is what the run itself asked for, which is taken as it
/// is. `None` if there is no next attempt.
pub(super) fn delay(
    policy: &RetryPolicy,
    failed: u32,
    random: u64,
    asked: Option<u64>,
) -> Option<u64> {
    if failed >= policy.attempts {
        return None;
    }
    let growth = u64::from(policy.factor).saturating_pow(failed.saturating_sub(1));
    let longest = policy.first_ms.saturating_mul(growth).min(policy.cap_ms);
    let share = ((u128::from(random) * (u128::from(longest) + 1)) >> 64) as u64;
    // At least a millisecond, so that the clock has moved when it is tried again.
    Some(asked.unwrap_or(share).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_and_end() {
        let policy = RetryPolicy {
            attempts: 6,
            first_ms: 1_000,
            factor: 2,
            cap_ms: 5_000,
        };
        let longest: Vec<_> = (1..=6)
            .map(|failed| delay(&policy, failed, u64::MAX, None))
            .collect();
        assert_eq!(
            longest,
            [
                Some(1_000),
                Some(2_000),
                Some(4_000),
                Some(5_000),
                Some(5_000),
                None
            ]
        );
        assert_eq!(delay(&policy, 3, u64::MAX / 2, None), Some(2_000));
        assert_eq!(delay(&policy, 1, 0, None), Some(1));
    }

    #[test]
    fn what_the_run_asked_for_takes_the_place_of_the_delay_and_adds_no_attempt() {
        let policy = RetryPolicy::default();
        assert_eq!(delay(&policy, 1, u64::MAX, Some(90_000)), Some(90_000));
        assert_eq!(delay(&policy, 2, u64::MAX, Some(0)), Some(1));
        assert_eq!(delay(&policy, 3, u64::MAX, Some(1)), None);
    }

    #[test]
    fn absurd_policies_do_not_overflow() {
        let policy = RetryPolicy {
            attempts: u32::MAX,
            first_ms: u64::MAX,
            factor: u32::MAX,
            cap_ms: u64::MAX,
        };
        assert_eq!(delay(&policy, 1_000_000, u64::MAX, None), Some(u64::MAX));
    }
}
