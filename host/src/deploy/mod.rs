//! `stepwell deploy`: a manifest says what a server is to have, and the difference is sent there.
//!
//! In four stages, none of which depends on the next: `manifest` reads and checks the file,
//! all faults at once; `sources` finds and builds the steps; `plan` asks the server what it has (by
//! GET only) and names the differences; `apply` sends them one by one.

pub mod apply;
pub mod document;
pub mod env;
pub mod error;
pub mod import_base;
pub mod manifest;
pub mod plan;
pub mod reader;
pub mod sources;
