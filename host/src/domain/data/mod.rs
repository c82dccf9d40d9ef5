//! A task's data: a JSON document addressed by RFC 6901 pointers, and the difference of two.

mod as_written;
mod change;
mod check;
mod document;
mod draft;
mod edit;
mod memory;
mod pointer;
mod without_via;

pub use change::{Change, apply, diff, undo};
pub use check::{RESERVED, Unfit, VIA, check};
pub use document::Document;
pub use draft::{Draft, DraftWrites, is_same};
pub use edit::{Edit, EditError, edited};
pub use memory::{memory_estimate, value_memory};
pub use pointer::{Pointer, PointerError, kind};
pub use without_via::without_via;
