//! Which node of the database this one is.

/// The number of the node that a copy of the store has taken everything over as: see `moved`.
pub(super) const MOVED: i64 = i64::MAX;

/// The identity of a node in its database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct NodeIdentity {
    /// Its number among the nodes of the database.
    pub(super) id: i64,
    /// When it entered, by the database's clock: microseconds since 1970. A copy of the database may give out the number again.
    pub(super) started: i64,
}
