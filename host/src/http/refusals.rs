//! How many refused attempts are written to the audit log.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// Refused attempts of this minute, by the log in which they are.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<(u64, HashMap<Option<WorkspaceName>, u32>)>);

impl Refusals {
    /// Counts one; false if there were enough.
    pub(super) fn take(&self, log: &Option<WorkspaceName>, minute: u64) -> bool {
        let mut counted = self.0.lock();
        if counted.0 != minute {
            *counted = (minute, HashMap::new());
        }
        let count = counted.1.entry(log.clone()).or_default();
        *count += 1;
        *count <= limits::AUDIT_REFUSED_A_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_takes_so_many_in_a_minute() {
        let refusals = Refusals::default();
        let (own, other) = (Some("own".parse().unwrap()), None);
        for _ in 0..limits::AUDIT_REFUSED_A_MINUTE {
            assert!(refusals.take(&own, 7));
        }
        assert!(!refusals.take(&own, 7));
        assert!(refusals.take(&other, 7) && refusals.take(&own, 8));
    }
}
