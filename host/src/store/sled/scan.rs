//! Reads the file of the tree without sled: every message that has its checksum, and where others are
//! missing. sled 0.34 passes over what it cannot read while it opens a file, and then has an older tree; so
//! this looks first.
//!
//! The file is a row of segments of [`message::SEGMENT`] bytes, in any order. A segment begins with its position in
//! sled's log (LSN); then there are messages: CRC-32, kind, length, segment's number, page, and the body. A
//! page is its last node and the links behind it. sled's `pagecache/logger.rs`, `serialization.rs` and
//! `node.rs` define it.

pub(super) mod before_open;
pub(super) mod generation;
mod message;
pub(super) mod pages;
pub(super) mod segments;
#[cfg(test)]
mod tests;
