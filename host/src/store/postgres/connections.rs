//! How many connections a node has.

/// Those that write tasks.
pub(super) const LANES: usize = 4;
/// Those for single statements: reads, bodies, recorded deliveries.
pub(super) const READERS: usize = 4;
/// All of a node's: one more renews the lease, one changes the setup, one removes what is over, and one listens to
/// other nodes.
pub(super) const NEEDED: usize = LANES + READERS + 4;
