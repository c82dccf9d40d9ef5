//! The task's data: a JSON object, read and changed at RFC 6901 pointers.
//!
//! A pointer is `""` (the whole document) or tokens that each begin with `/`: `/customer/email`,
//! `/items/0`; in a token `~1` is `/` and `~0` is `~`. Changes are kept only if the run finishes.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//! use stepwell_sdk::serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! # #[serde(crate = "stepwell_sdk::serde")]
//! struct Order {
//!     total: f64,
//!     coupon: Option<String>,
//! }
//!
//! #[derive(Serialize)]
//! # #[serde(crate = "stepwell_sdk::serde")]
//! struct Discount {
//!     percent: u8,
//! }
//!
//! #[step(condition = { order: Object })]
//! fn discount() -> Result {
//!     let order: Order = data::require("/order")?;
//!     if order.coupon.is_some() && order.total > 100.0 {
//!         data::set("/order/discount", Discount { percent: 5 })?;
//!         data::remove("/order/coupon")?;
//!     }
//!     Ok(())
//! }
//! # let outcome = stepwell_sdk::mock::Mock::new()
//! #     .data(json!({"order": {"total": 120, "coupon": "MAY"}})).run(discount);
//! # assert_eq!(outcome.data, json!({"order": {"total": 120, "discount": {"percent": 5}}}));
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host;

/// Why data could not be read or changed. Each names the pointer.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Nothing is there, or `null`.
    #[error("the data has nothing at `{pointer}`, and the step needs it")]
    Missing {
        /// The RFC 6901 pointer.
        pointer: String,
    },
    /// The value is of another type than the step asked for.
    #[error("the value at `{pointer}` is not what the step expects")]
    Unexpected {
        /// The RFC 6901 pointer.
        pointer: String,
        /// What was expected and what was found.
        #[source]
        source: serde_json::Error,
    },
    /// The value that the step sets has no form in JSON, e.g. a map whose keys are no strings.
    #[error("the value for `{pointer}` cannot be written as JSON")]
    Unwritable {
        /// The RFC 6901 pointer.
        pointer: String,
        /// What is in the way.
        #[source]
        source: serde_json::Error,
    },
    /// The server refused the pointer or the value; the text says why.
    #[error("{0}")]
    Refused(String),
}

/// The value at `pointer`, or `None` if nothing is there. `null` counts as nothing, as it does in a
/// condition.
pub fn get<T: DeserializeOwned>(pointer: &str) -> Result<Option<T>, DataError> {
    match host::data_get(pointer).map_err(DataError::Refused)? {
        Some(json) if json != "null" => parse(pointer, &json).map(Some),
        _ => Ok(None),
    }
}

/// The value at `pointer`; nothing there is an error.
pub fn require<T: DeserializeOwned>(pointer: &str) -> Result<T, DataError> {
    get(pointer)?.ok_or_else(|| DataError::Missing {
        pointer: pointer.to_owned(),
    })
}

/// The whole document. Members that `T` does not name are passed over, and stay as they are.
pub fn read<T: DeserializeOwned>() -> Result<T, DataError> {
    require("")
}

/// Puts a value at `pointer`. Missing objects on the way are made; in an array, `-` or an index
/// equal to its length appends. At `""` it replaces the whole document, which must stay an object.
pub fn set(pointer: &str, value: impl Serialize) -> Result<(), DataError> {
    let json = serde_json::to_string(&value).map_err(|source| DataError::Unwritable {
        pointer: pointer.to_owned(),
        source,
    })?;
    set_json(pointer, &json)
}

/// Removes what is at `pointer`; elements behind it move up. Fine if nothing is there.
pub fn remove(pointer: &str) -> Result<(), DataError> {
    host::data_remove(pointer).map_err(DataError::Refused)
}

/// The JSON text of the value at `pointer`, with the order of keys and the digits of numbers as
/// they came in: for a signature, or for numbers that an `f64` cannot hold.
pub fn get_json(pointer: &str) -> Result<Option<String>, DataError> {
    host::data_get(pointer).map_err(DataError::Refused)
}

/// Like [`set`], for a value that is JSON text already.
pub fn set_json(pointer: &str, json: &str) -> Result<(), DataError> {
    host::data_set(pointer, json).map_err(DataError::Refused)
}

fn parse<T: DeserializeOwned>(pointer: &str, json: &str) -> Result<T, DataError> {
    serde_json::from_str(json).map_err(|source| DataError::Unexpected {
        pointer: pointer.to_owned(),
        source,
    })
}
