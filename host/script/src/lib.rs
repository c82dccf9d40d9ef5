//! Steps that are JavaScript or TypeScript files.
//!
//! A [`Package`] is such a step on the wire and in the store: the texts of its modules, and which of
//! them is the entry. Bytes are taken to be hostile.
//!
//! ```
//! use stepwell_script::Package;
//!
//! let json = r#"{"entry":"hello.js","modules":{"hello.js":"export const condition = {}; …"}}"#;
//! let package = Package::parse(json.as_bytes())?;
//! assert_eq!(package.to_json(), json);
//! # Ok::<(), stepwell_script::PackageError>(())
//! ```

#![forbid(unsafe_code)]

mod package;

pub use package::{MODULE_BYTES, MODULES, NAME_BYTES, PACKAGE_BYTES, Package, PackageError};
