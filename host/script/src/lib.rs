//! Steps that are JavaScript or TypeScript files.
//!
//! A [`Package`] is such a step on the wire and in the store: the texts of its modules, and which of
//! them is the entry. Reading one needs nothing but this crate without its default feature; bytes are
//! taken to be hostile.
//!
//! ```
//! use stepwell_script::Package;
//!
//! let json = r#"{"entry":"hello.js","modules":{"hello.js":"export const condition = {}; …"}}"#;
//! let package = Package::parse(json.as_bytes())?;
//! assert_eq!(package.to_json(), json);
//! # Ok::<(), stepwell_script::PackageError>(())
//! ```
//!
//! # From a file to packages
//!
//! The feature `author` adds `prepare`, which reads a step file and what it imports.
//!
#![cfg_attr(feature = "author", doc = "```")]
#![cfg_attr(not(feature = "author"), doc = "```ignore")]
//! use std::collections::BTreeMap;
//! use stepwell_script::{name_of, prepare};
//!
//! let files = BTreeMap::from([
//!     ("greet.ts".into(), "\
//! import { upper } from './text';
//! export const condition = { name: String };
//! export const content = (): void => { data.greeting = upper(data.name as string); };
//! ".into()),
//!     ("text.ts".into(), "export const upper = (text: string) => text.toUpperCase();".into()),
//! ]);
//! let scripts = prepare("greet.ts", &files)?;
//! assert_eq!(name_of("greet.ts", scripts[0].part, scripts[0].parts), "greet");
//! assert_eq!(scripts[0].package.modules["text.js"], "export const upper = (text        ) => text.toUpperCase();");
//!
//! let files = BTreeMap::from([("a.js".into(), "import fs from 'fs';\nexport const condition = {};".into())]);
//! assert_eq!(
//!     prepare("a.js", &files).unwrap_err().to_string(),
//!     "a.js:2:14: this step has no `content`; add `export const content = async () => { … }`\n\
//!      export const condition = {};\n             ^"
//! );
//! # Ok::<(), stepwell_script::ScriptError>(())
//! ```
//!
//! **Every line and column stays**, so that an engine's messages fit the author's file. TypeScript is
//! overwritten with spaces where it is about types; what would need generated code (enums, namespaces
//! with values, parameter properties, `import x = require()`, decorators, JSX, and `<T>value`) is
//! refused. As `tsc` has it, an import of which no value is used is none.
//!
//! **A file may hold several steps**, each beginning with its `export const condition`. What stands
//! before the first belongs to all of them, and so do functions; what else another step declares is
//! not to be had, and using it is refused.
//!
//! **Modules** are the files that are reached by literal specifiers in `import`, `export … from`,
//! `import()` and `require()`: relative, within the folder, with or without `.js`, `.ts`, `.mjs`,
//! `.mts`, or a folder with an `index`; JSON by its full name. All of `lib/` comes along if `lib` is
//! used as a global. In a package a file is named by its path, with `.js` for `.ts` unless it is
//! imported as `.ts`. CommonJS is taken as it is.

#![forbid(unsafe_code)]

mod package;

#[cfg(feature = "author")]
mod blank;
#[cfg(feature = "author")]
mod error;
#[cfg(feature = "author")]
mod files;
#[cfg(feature = "author")]
mod graph;
#[cfg(feature = "author")]
mod module;
#[cfg(feature = "author")]
mod nesting;
#[cfg(feature = "author")]
mod outline;
#[cfg(feature = "author")]
mod prepare;
#[cfg(feature = "author")]
mod split;
#[cfg(feature = "author")]
mod strip;
#[cfg(feature = "author")]
mod syntax;

pub use package::{MODULE_BYTES, MODULES, NAME_BYTES, PACKAGE_BYTES, Package, PackageError};

#[cfg(feature = "author")]
pub use error::{Place, ScriptError};
#[cfg(feature = "author")]
pub use files::{Files, Folder};
#[cfg(feature = "author")]
pub use prepare::{Script, is_step_source, name_of, part_name, prepare, step_name};

#[cfg(all(test, feature = "author"))]
mod tests;
