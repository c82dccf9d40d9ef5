//! Bytes that cross from JavaScript.

use rquickjs::{ArrayBuffer, Ctx, Error, FromJs, Result, TypedArray, Value};

/// The bytes of a `Uint8Array` or `ArrayBuffer`, or of a string as UTF-8; a copy.
pub struct Bytes(pub Vec<u8>);

impl<'js> FromJs<'js> for Bytes {
    // Memory of the engine is read directly, as elsewhere only in `plain`.
    #[allow(unsafe_code)]
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        if let Some(text) = crate::fault::text(&value) {
            return Ok(Self(text.into_bytes()));
        }
        if let Ok(array) = TypedArray::<u8>::from_value(value.clone()) {
            // SAFETY: the slice is copied before any JavaScript can run.
            let bytes = unsafe { array.as_bytes() };
            return Ok(Self(bytes.unwrap_or_default().to_vec()));
        }
        if let Some(buffer) = ArrayBuffer::from_value(value.clone()) {
            // SAFETY: as above.
            let bytes = unsafe { buffer.as_bytes() };
            return Ok(Self(bytes.unwrap_or_default().to_vec()));
        }
        Err(Error::new_from_js(value.type_name(), "bytes"))
    }
}
