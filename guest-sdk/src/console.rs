//! Lines on the task's timeline, with the syntax of [`format!`]. They are kept of a failed run too.
//! Of one run 1,000 lines and 64 KiB are kept; a mark says where more was dropped.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { items: Array })]
//! fn count() -> Result {
//!     let items: Vec<Value> = data::require("/items")?;
//!     console::log!("{} items", items.len());
//!     if items.is_empty() {
//!         console::warn!("an order without items");
//!     }
//!     Ok(())
//! }
//! # let outcome = stepwell_sdk::mock::Mock::new().data(json!({"items": []})).run(count);
//! # assert_eq!(outcome.logs, ["0 items", "an order without items"]);
//! ```

use std::fmt;

use crate::host;

#[doc(inline)]
pub use crate::__console_audit as audit;
#[doc(inline)]
pub use crate::__console_error as error;
#[doc(inline)]
pub use crate::__console_log as log;
#[doc(inline)]
pub use crate::__console_warn as warn;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `console::log!`, and what is printed to standard output.
    Log,
    /// `console::warn!`: something looks wrong.
    Warn,
    /// `console::error!`: something is wrong.
    Error,
    /// For the record: what was done on whose behalf.
    Audit,
}

/// Writes a line; the macros call it.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    match line.as_str() {
        Some(text) => host::console_write(level, text),
        None => host::console_write(level, &line.to_string()),
    }
}

/// Writes an ordinary line.
#[macro_export]
#[doc(hidden)]
macro_rules! __console_log {
    ($($argument:tt)*) => {
        $crate::console::write($crate::console::Level::Log, ::core::format_args!($($argument)*))
    };
}

/// Writes a line about something that looks wrong.
#[macro_export]
#[doc(hidden)]
macro_rules! __console_warn {
    ($($argument:tt)*) => {
        $crate::console::write($crate::console::Level::Warn, ::core::format_args!($($argument)*))
    };
}

/// Writes a line about something that is wrong.
#[macro_export]
#[doc(hidden)]
macro_rules! __console_error {
    ($($argument:tt)*) => {
        $crate::console::write($crate::console::Level::Error, ::core::format_args!($($argument)*))
    };
}

/// Writes a line for the record.
#[macro_export]
#[doc(hidden)]
macro_rules! __console_audit {
    ($($argument:tt)*) => {
        $crate::console::write($crate::console::Level::Audit, ::core::format_args!($($argument)*))
    };
}
