//! Which node of the database this one is.

/// The number of the node that a copy of the store has taken everything over as: see `moved`.
pub(super) const MOVED: i64 = i64::MAX;

/// A node that has entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entered {
    /// Its number.
    pub(super) id: i64,
    /// When that was, by the database's clock: microseconds since 1970. A copy of the database may give out the number again.
    pub(super) started: i64,
}
