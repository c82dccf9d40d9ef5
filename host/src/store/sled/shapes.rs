//! The shapes of stored values, with that of a whole task, which only this store keeps as one value.

pub(super) mod record;

pub(super) use super::super::shapes::{
    Kind, SealedConfig, SealedConnector, Shape, StoredValue, check_version, journal, kind, parts,
    read,
};
