//! Plain data between its JSON text and the engine's values, without the detours of the bindings:
//! a document of a mebibyte is read, compared, copied and written for some fuel a byte. What has
//! behaviour of its own (an accessor, `toJSON`, a class of the engine's) is left to the slow ways.
//!
//! This folder is the one place that works on the engine's values directly, and so is `unsafe`. Two
//! rules make it sound: a value that is owned here is freed or given away once; and while values of
//! others are looked at, no JavaScript runs.

#![allow(unsafe_code)]

mod cache;
mod clone;
mod kinds;
mod number;
mod numbers;
mod parse;
mod same;
mod shape;
mod text;
mod write;

pub use clone::clone;
pub use numbers::{Key, Numbers};
pub use parse::{Lazily, parse};
pub use same::{differs, is_same_member, same_elements};
pub use shape::Shapes;
pub use write::{Halves, Style, Unwritten, write};

/// The address of an object, which is its own while it lives.
pub fn address(object: &rquickjs::Value<'_>) -> usize {
    shape::address(object.as_raw())
}

/// Whether a value was made by `JSON.rawJSON`.
pub fn is_raw(shapes: Shapes, value: &rquickjs::Value<'_>) -> bool {
    // SAFETY: an object that lives.
    value.is_object() && unsafe { rquickjs::qjs::JS_GetClassID(value.as_raw()) } == shapes.raw
}
