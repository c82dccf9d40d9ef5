//! `application/x-www-form-urlencoded` (WHATWG URL, 5.1), in bodies and queries.

use bytes::Bytes;
use url::form_urlencoded;

use super::error::DecodeError;
use super::fields::Fields;
use crate::ingest::body;

/// The document of a form. A JSON object or array that is called a form is what it is: no form begins with a brace, as
/// senders of forms encode it, and `curl -d` calls everything a form.
///
/// # Errors
/// See [`Fields::add`].
pub(super) fn document(body: &Bytes) -> Result<Bytes, DecodeError> {
    if body::is_container(body) {
        return Ok(body.clone());
    }
    query(body, None)
}

/// The document of a form or query, without the field `secret`.
///
/// # Errors
/// See [`Fields::add`].
pub(super) fn query(encoded: &[u8], secret: Option<&str>) -> Result<Bytes, DecodeError> {
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(encoded) {
        if Some(&*name) == secret {
            continue;
        }
        fields.add(&name, value.into_owned())?;
    }
    Ok(fields.into_json().into())
}
