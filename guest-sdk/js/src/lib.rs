//! The script engine: QuickJS behind Stepwell's world `script-engine`. It owns what a JavaScript
//! step sees and how it is driven, and knows its host only as the trait [`Host`]: in WebAssembly
//! that is the component's imports, in tests a mock.

mod absent;
mod compiled;
mod document;
mod engine;
mod event_loop;
mod fault;
#[cfg(any(target_family = "wasm", target_os = "linux"))]
mod heap;
mod host;
#[cfg(target_family = "wasm")]
mod image;
mod json;
mod lanes;
mod modules;
mod natives;
mod plain;
mod prelude;
mod raw;
mod reader;
mod run;
mod scan;
mod script;
mod text;
#[cfg(target_family = "wasm")]
mod wasm;
mod writeback;

pub use compiled::Extent;
pub use engine::Engine;
pub use host::{CallId, Failure, Host, Level, Module, Outcome, Redirect, Request, Response};
