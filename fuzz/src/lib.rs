//! The bodies of the fuzz targets. Each is a function `run` that takes any bytes, checks what must hold of
//! them, and says whether the reader accepted them. `tests/fuzz.rs` runs the same functions on `seeds/`.

pub mod condition;
pub mod schema;
pub mod script;
pub mod signature;

#[cfg(feature = "server")]
pub mod body;
#[cfg(feature = "server")]
pub mod document;
#[cfg(feature = "server")]
pub mod form;
#[cfg(feature = "server")]
pub mod lines;
#[cfg(feature = "server")]
pub mod log;
#[cfg(feature = "server")]
pub mod manifest;
#[cfg(feature = "server")]
pub mod multipart;
#[cfg(feature = "server")]
pub mod proxy;
