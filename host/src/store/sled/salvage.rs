//! Reads a store that no server has open to its last byte, and makes a sound store of what can be read of a
//! damaged one.
//!
//! The tree's file is read without sled ([`super::scan`]), so that all is found that is there. Of the tree, only
//! these are nowhere else: tasks that have come to rest and are not done, those that were open for long, and keys
//! of deliveries. The rest is an index, or stands in the copy of the catalog, in the archive and in the log.

mod bodies;
mod catalog;
mod check;
mod files;
mod read;
mod repair;
mod replay;
mod report;
mod tasks;
mod trial;
mod write;

pub use self::check::check;
pub use self::repair::{finish, is_cut_short, repair, repair_unopened};
pub use self::report::{Damage, Repaired, Report};
