//! How the files that the process may have open are shared out: each connection is one.

use crate::machine;
use crate::settings::Settings;

/// Connector calls in flight at once, if the limit of open files allows for them.
const CALLS: u64 = 4_096;
/// Files that are kept for the store, the listener, look-ups of names and compilations.
const KEPT: u64 = 512;

/// Raises the limit of open files as far as it goes, and lowers the settings to what it allows for. Returns how many
/// connector calls may be in flight.
pub(super) fn share(settings: &mut Settings) -> u64 {
    let limit = machine::raise_file_limit();
    let shared = limit.saturating_sub(KEPT.min(limit / 2));
    // A call takes one, and up to as many connections are kept for later ones.
    let calls = (shared / 4).clamp(1, CALLS);
    let most = usize::try_from(shared - 2 * calls)
        .unwrap_or(usize::MAX)
        .max(1);
    if settings.connections > most {
        tracing::warn!(
            limit,
            connections = most,
            "the limit of open files is low: fewer connections are taken at once than --connections says; raise it (ulimit -n)"
        );
        settings.connections = most;
    }
    calls
}
