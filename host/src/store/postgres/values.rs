//! Values of columns: ids, times, states and digests.

use std::error::Error;

use sha2::{Digest, Sha256};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::domain::clock::Millis;
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::StoreError;
use crate::store::codec::damaged;

/// 16 bytes in a column of type `uuid`: an id, or a key of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uuid(pub [u8; 16]);

impl From<TaskId> for Uuid {
    fn from(id: TaskId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<Uuid> for TaskId {
    fn from(Uuid(bytes): Uuid) -> Self {
        Self::from_bytes(bytes)
    }
}

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }
}

/// A time as a column has it. [`Millis::MAX`], which stands for never, stays the greatest.
pub(super) fn time(at: Millis) -> i64 {
    match i64::try_from(at) {
        Ok(at) => at.min(i64::MAX - 1),
        Err(_) if at == Millis::MAX => i64::MAX,
        Err(_) => i64::MAX - 1,
    }
}

/// The time that a column has.
pub(super) fn millis(at: i64) -> Millis {
    match at {
        i64::MAX => Millis::MAX,
        at => u64::try_from(at).unwrap_or(0),
    }
}

/// A count as a column has it.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count that a column has.
pub(super) fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged("a number", "it is negative"))
}

/// The number of a state. Never renumbered.
pub(super) fn state_number(state: TaskState) -> i16 {
    match state {
        TaskState::Ready => 0,
        TaskState::Waiting => 1,
        TaskState::Done => 2,
        TaskState::Unmatched => 3,
        TaskState::Error => 4,
        TaskState::Ignored => 5,
        TaskState::Cancelled => 6,
    }
}

/// The kinds of terms by which tasks are found. Never renumbered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Term {
    Webhook = 1,
    Name = 2,
    Tag = 3,
}

/// The digest of a term. Two texts may have the same; then the head decides.
pub(super) fn digest(term: Term, text: &str) -> i64 {
    let hash = Sha256::new()
        .chain_update([term as u8])
        .chain_update(text.as_bytes())
        .finalize();
    let first = hash.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}
