//! JSON Schema for payloads: a schema is compiled once, and values are checked against it within a
//! [`Budget`](stepwell_condition::Budget). Schema and value are both hostile: a tenant sets the one, and a
//! stranger sends the other.
//!
//! ```
//! use serde_json::json;
//! use stepwell_condition::Budget;
//! use stepwell_schema::Schema;
//!
//! let schema = Schema::compile(&json!({
//!     "type": "object",
//!     "required": ["email"],
//!     "properties": {"email": {"type": "string", "pattern": "@"}},
//! }))?;
//! let check = |value| schema.check(&value, &mut Budget::default());
//! assert_eq!(check(json!({"email": "ada@example.com"})), Ok(vec![]));
//! let violations = check(json!({"email": 7})).unwrap();
//! assert_eq!(violations[0].instance, "/email");
//! assert_eq!(violations[0].schema, "/properties/email/type");
//! assert_eq!(violations[0].message, "must be a string, and is a number");
//! # Ok::<(), stepwell_schema::SchemaError>(())
//! ```
//!
//! # Why not a library
//!
//! The validators of this language that Rust has cannot be interrupted or metered, and twenty lines of schema take
//! exponential time on a small value (`allOf` of two `$ref`s to the next level, thirty levels deep). Here each look at a
//! value is paid for, so that such a check ends as [`Spent`](stepwell_condition::Spent). They also bring a backtracking
//! engine for expressions, or a client for HTTP. A validator of the second kind is used by the tests, as an oracle.
//!
//! # The language
//!
//! Drafts 2020-12, 2019-09, 7, 6 and 4, as `$schema` at the root says; 2020-12 without it. All keywords that assert
//! something are checked. As the specification allows, `format` and `content…` are notes that are not checked.
//! `pattern` is ECMA-262 without look-around and back-references, which take no linear time. `$ref` and `$dynamicRef`
//! lead to places in the same schema: nothing is ever fetched. What is not known is ignored, as the specification
//! demands, unless the keyword is known and its value of a wrong kind.
//!
//! # Bounds
//!
//! A schema has at most [`DEPTH`] levels, [`SCHEMAS`] subschemas and [`PATTERNS`] expressions. At most [`VIOLATIONS`] are
//! told, each within [`SHOWN`] characters a part.

mod check;
mod compile;
mod compiler;
mod cycle;
mod draft;
mod error;
mod keywords;
mod node;
mod parts;
mod read;
mod reference;
mod seen;
mod show;
mod unique;

pub use check::Violation;
pub use draft::Draft;
pub use error::SchemaError;

use node::{Node, NodeId};
use serde_json::Value;
use stepwell_condition::{Budget, Spent};

/// The deepest nesting of a schema.
pub const DEPTH: usize = 64;
/// Subschemas of a schema, itself included. Those of large APIs have some hundred.
pub const SCHEMAS: usize = 4_096;
/// Expressions of a schema (`pattern`, `patternProperties`).
pub const PATTERNS: usize = 100;
/// Bytes of memory that all its expressions may take when compiled. Most take less than 4 KiB each.
pub const PATTERN_BYTES: usize = 2 * 1024 * 1024;
/// Violations that are told; there may be more.
pub const VIOLATIONS: usize = 5;
/// Characters of a pointer or of what would be right that are shown; the rest is cut.
pub const SHOWN: usize = 200;

/// A compiled schema. Immutable, and shared between threads freely.
#[derive(Debug)]
pub struct Schema {
    nodes: Vec<Node>,
    root: NodeId,
    draft: Draft,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// A keyword's value is of a wrong kind, a `$ref` leads nowhere or outside the schema or in a circle, `$schema` names
    /// no draft that is known, or a bound is passed.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        compile::compile(schema)
    }

    /// What of the value does not fit: nothing, or up to [`VIOLATIONS`] violations.
    ///
    /// # Errors
    /// The budget is spent before that is known; also if the value leads deeper into the schema than a check goes, or if a
    /// text is longer than a pattern is tried on.
    pub fn check(&self, value: &Value, budget: &mut Budget) -> Result<Vec<Violation>, Spent> {
        check::check(self, value, budget)
    }

    /// The draft by which it is read.
    pub fn draft(&self) -> Draft {
        self.draft
    }

    /// Bytes that it takes in memory, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.nodes.iter().map(Node::bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
