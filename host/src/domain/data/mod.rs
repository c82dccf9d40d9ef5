//! A task's data: a JSON document addressed by RFC 6901 pointers, and the difference of two.

mod change;
mod check;
mod document;
mod draft;
mod edit;
mod pointer;

pub use change::{Change, apply, diff, undo};
pub use check::{RESERVED, Unfit, check};
pub use document::Document;
pub use draft::{Draft, Written};
pub use edit::{Edit, EditError, VIA, edited};
pub use pointer::{Pointer, PointerError, kind};
