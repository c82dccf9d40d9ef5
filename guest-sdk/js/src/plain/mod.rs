//! Plain data between its JSON text and the engine's values, without the detours of the bindings:
//! a document of a mebibyte is read, compared, copied and written for some fuel a byte. What has
//! behaviour of its own (an accessor, `toJSON`, a class of the engine's) is left to the slow ways.
//!
//! This folder and [`crate::raw`] are the places that work on the engine's values directly, and so are `unsafe`. Two
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
pub mod unread;
mod write;

pub use clone::clone;
pub use numbers::{Key, Numbers};
pub use parse::{Lazily, parse};
pub use same::{first_difference, is_same_member, same_elements, same_rest};
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

/// A string of a text, which is UTF-8.
pub fn string<'js>(
    ctx: &rquickjs::Ctx<'js>,
    text: &[u8],
) -> rquickjs::Result<rquickjs::Value<'js>> {
    let made = crate::raw::utf8::string(ctx, text);
    if shape::tag(made) == rquickjs::qjs::JS_TAG_EXCEPTION {
        return Err(rquickjs::Error::Exception);
    }
    // SAFETY: a new string, which is owned.
    Ok(unsafe { rquickjs::Value::from_raw(ctx.clone(), made) })
}

/// Whether a JSON string is this text.
pub fn is_text(json: &str, text: &str) -> bool {
    match text::matches(json.as_bytes(), 1, text.as_bytes()) {
        Ok(found) => found == Some(json.len()),
        Err(_) => crate::json::unquote(json) == text,
    }
}
