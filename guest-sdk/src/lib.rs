//! Write Stepwell steps in Rust.
//!
//! A step is a function with a condition. When the data of a task matches the condition, the server
//! runs the function on that task, in a sandbox of its own:
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { "$via": { "name": "Contact Form" }, email: String })]
//! fn contact_form() -> Result {
//!     let email: String = data::require("/email")?;
//!     console::log!("a message from {email}");
//!     data::set("/priority", "normal")?;
//!     Ok(())
//! }
//! # let outcome = stepwell_sdk::mock::Mock::new()
//! #     .webhook("Contact Form").data(json!({"email": "ada@example.com"})).run(contact_form);
//! # assert_eq!(outcome.data["priority"], "normal");
//! ```
//!
//! The crate is a library of the types `cdylib` and `rlib`, built for `wasm32-wasip2`; it holds one
//! step. What a step can do is in [`data`], [`task`], [`blobs`], [`connectors`], [`console`] and [`time`];
//! how it fails is in [`Failure`]; how it is tested without a server is in
#![cfg_attr(not(target_family = "wasm"), doc = "[`mock`].")]
#![cfg_attr(target_family = "wasm", doc = "`mock`.")]

// The macro names this crate by its full path, and so do our own tests.
extern crate self as stepwell_sdk;

pub mod blobs;
pub mod connectors;
pub mod console;
pub mod data;
mod executor;
mod failure;
mod join;
#[cfg(any(target_family = "wasm", test))]
mod stdio;
pub mod task;
pub mod time;

#[cfg(target_family = "wasm")]
#[path = "host_wasm.rs"]
mod host;
#[cfg(not(target_family = "wasm"))]
pub mod mock;
#[cfg(not(target_family = "wasm"))]
use mock::host;

pub use executor::block_on;
pub use failure::{ErrorExt, Failure, OptionExt, ResultExt};
pub use join::{JoinAll, join_all};
pub use serde;
pub use serde_json::{self, Value, json};

/// Makes a function the step of its crate.
///
/// The function takes nothing, is `fn` or `async fn`, and returns `()` or `Result<(), E>` with any
/// `E` that becomes a [`Failure`]: every standard error does.
///
/// The condition is a JSON pattern. Keys are string literals or identifiers; values are literals,
/// `null`, objects, arrays, and the type names `String`, `Number`, `Boolean`, `Object` and `Array`.
/// An object whose keys begin with `$` is an operator. A condition that the server would refuse
/// does not compile, and the compiler points at the key.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[step(condition = {
///     webhookData: Object,
///     "$or": [{ retryAttempt: null }, { retryAttempt: { "$lt": 3 } }],
/// })]
/// async fn deliver() -> Result {
///     Ok(())
/// }
/// # assert!(stepwell_sdk::mock::Mock::new().data(json!({"webhookData": {}})).matches(deliver));
/// ```
pub use stepwell_sdk_macros::step;

/// What most steps return: nothing, or a [`Failure`].
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// What a step usually needs: `use stepwell_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::connectors::{self, Request, Response};
    pub use crate::{
        ErrorExt, Failure, OptionExt, Result, ResultExt, Value, blobs, console, data, join_all,
        json, step, task, time,
    };
}

/// For the code that [`step`] writes; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::executor::finish_async;
    pub use crate::failure::{Ending, finish};
    #[cfg(target_family = "wasm")]
    pub use crate::host::{bindings::*, ran};
    #[cfg(not(target_family = "wasm"))]
    pub use crate::mock::host::enter;
}
