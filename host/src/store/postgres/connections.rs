//! How many connections a node has.

/// Connections that write tasks.
pub(super) const LANES: usize = 4;
/// Connections for single statements: reads, bodies, recorded deliveries.
pub(super) const READERS: usize = 4;
/// All of a node's: one more renews the lease, one changes the setup, one removes expired tasks, one listens to other nodes,
/// and one asks what the database does for a connection that gives no answer.
pub(super) const NEEDED: usize = LANES + READERS + 5;
