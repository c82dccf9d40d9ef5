//! Stepwell's condition language: JSON patterns over a task's data, what they observe of it, and an
//! index over many of them. The manual for step authors, with every operator, is
//! `docs/conditions.md`. This crate knows nothing of tasks, steps or stores; it is given
//! [`serde_json::Value`]s, all of which it takes to be hostile.
//!
//! # Patterns
//!
//! A pattern is partial: members that it does not name are free.
//!
//! ```
//! use serde_json::json;
//! use stepwell_condition::Pattern;
//!
//! let pattern = Pattern::parse(&json!({
//!     "$via": {"name": "Contact Form"},
//!     "email": {"$type": "string", "$regex": "@example\\.com$"},
//!     "visits": {"$gte": 1, "$lt": 10},
//!     "tags": ["vip"],
//!     "address.country": {"$in": ["AT", "DE"]},
//!     "unsubscribed": null,
//! }))?;
//! assert!(pattern.matches(&json!({
//!     "$via": {"type": "webhook", "name": "Contact Form"},
//!     "email": "ada@example.com",
//!     "visits": 3,
//!     "tags": ["new", "vip"],
//!     "address": {"country": "AT", "city": "Graz"},
//! })));
//! # Ok::<(), stepwell_condition::PatternError>(())
//! ```
//!
//! Plain values, `$type` and `$regex` look at the value itself. The operators that MongoDB defines
//! (`$eq $ne $gt $gte $lt $lte $in $nin $all $mod`) also look at the elements of an array, as they do
//! there. Numbers are compared by value and exactly, whatever their text.
//!
//! ```
//! # use serde_json::json;
//! # use stepwell_condition::Pattern;
//! # let matches = |pattern, data| Pattern::parse(&pattern).map(|pattern| pattern.matches(&data));
//! assert!(!matches(json!({"tag": "vip"}), json!({"tag": ["vip"]}))?);
//! assert!(matches(json!({"tag": {"$eq": "vip"}}), json!({"tag": ["vip"]}))?);
//! assert!(matches(json!({"total": 1}), json!({"total": 1.0}))?);
//! // A comparison never matches what is missing; what only says no, does.
//! assert!(!matches(json!({"retryAttempt": {"$lt": 3}}), json!({}))?);
//! assert!(matches(json!({"status": {"$ne": "done"}}), json!({}))?);
//! # Ok::<(), stepwell_condition::PatternError>(())
//! ```
//!
//! A regular expression is text with MongoDB's `$options`, or JavaScript's with `$flags`, and has the
//! answer that it has there.
//!
//! ```
//! # use serde_json::json;
//! # use stepwell_condition::Pattern;
//! # let matches = |pattern, data| Pattern::parse(&pattern).map(|pattern| pattern.matches(&data));
//! // Without the flag `u` a letter is a UTF-16 code unit.
//! assert!(matches(json!({"a": {"$regex": "^..$", "$flags": ""}}), json!({"a": "😀"}))?);
//! assert!(!matches(json!({"a": {"$regex": "^..$", "$flags": "u"}}), json!({"a": "😀"}))?);
//! # Ok::<(), stepwell_condition::PatternError>(())
//! ```
//!
//! What is wrong is refused, with an RFC 6901 pointer to the fault:
//!
//! ```
//! # use serde_json::json;
//! # use stepwell_condition::Pattern;
//! let error = Pattern::parse(&json!({"total": {"$gtt": 100}})).unwrap_err();
//! assert_eq!(error.pointer, "/total/$gtt");
//! assert_eq!(error.message, "`$gtt` is not an operator; did you mean `$gt`?");
//! ```
//!
//! # What is observed
//!
//! A step runs again when what its condition observed has changed. [`Pattern::observed`] is a digest
//! of just that.
//!
//! ```
//! # use serde_json::json;
//! # use stepwell_condition::Pattern;
//! let pattern = Pattern::parse(&json!({"order": {"$type": "object"}, "attempt": {"$lt": 3}}))?;
//! let seen = pattern.observed(&json!({"order": {"id": 1}, "attempt": 0}));
//! assert_eq!(seen, pattern.observed(&json!({"order": {"id": 2}, "attempt": 0, "note": "x"})));
//! assert_ne!(seen, pattern.observed(&json!({"order": {"id": 1}, "attempt": 1})));
//! # Ok::<(), stepwell_condition::PatternError>(())
//! ```
//!
//! # Bounds
//!
//! A pattern has at most [`DEPTH`] levels, [`NODES`] values, [`TEXT_BYTES`] of text and [`REGEXES`]
//! expressions, each of [`REGEX_BYTES`] and tried on strings of [`REGEX_TEXT_BYTES`]. Matching ends without an answer when its [`Budget`] is spent.

mod eval;
mod explain;
mod expression;
mod hash;
mod index;
mod items;
mod memory;
mod node;
mod number;
mod observe;
mod parse;
pub mod shared;

pub use eval::{Budget, Spent};
pub use explain::{Mismatch, SHOWN_CHARS};
pub use expression::{REGEX_BYTES, REGEX_TEXT_BYTES};
pub use index::Index;
pub use memory::Memory;
pub use parse::nearest;
pub use parse::{DEPTH, NODES, PatternError, REGEXES, TEXT_BYTES};

use node::Node;
use observe::View;
use serde_json::Value;

/// A parsed condition. Immutable, and shared between threads freely.
#[derive(Debug)]
pub struct Pattern {
    root: Node,
    view: View,
    leaves: usize,
}

impl Pattern {
    /// Parses a condition: a JSON object as the [language](crate) defines it.
    ///
    /// Refused is what the language does not know, an operand of the wrong kind, a regular expression
    /// that does not compile, and a pattern beyond [`DEPTH`], [`NODES`], [`TEXT_BYTES`] or
    /// [`REGEXES`].
    pub fn parse(value: &Value) -> Result<Self, PatternError> {
        let root = parse::parse(value)?;
        let view = View::of(&root);
        let leaves = match &root {
            Node::Object(members) if members.is_empty() => 0,
            root => root.leaves(),
        };
        Ok(Self { root, view, leaves })
    }

    /// Whether the data matches. What takes more than [`Budget::UNITS`] to find out does not.
    pub fn matches(&self, data: &Value) -> bool {
        let matches = self.matches_within(data, &mut Budget::default());
        matches.unwrap_or(false)
    }

    /// Whether the data matches.
    ///
    /// # Errors
    /// The budget is spent before that is known.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use stepwell_condition::{Budget, Pattern, Spent};
    /// let pattern = Pattern::parse(&json!({"items": [{"a": 0}]}))?;
    /// let data = json!({"items": vec![json!({}); 1_000]});
    /// assert_eq!(pattern.matches_within(&data, &mut Budget::new(10_000)), Ok(false));
    /// assert_eq!(pattern.matches_within(&data, &mut Budget::new(1_000)), Err(Spent));
    /// # Ok::<(), stepwell_condition::PatternError>(())
    /// ```
    pub fn matches_within(&self, data: &Value, budget: &mut Budget) -> Result<bool, Spent> {
        eval::matches(&self.root, Some(data), budget)
    }

    /// The first leaf of the condition, in the order in which it is written, that the data fails, with
    /// what is found there. `None` if the data matches.
    ///
    /// # Errors
    /// The budget is spent before that is known.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use stepwell_condition::{Budget, Pattern};
    /// let pattern = Pattern::parse(&json!({"$via": {"name": "Orders"}, "total": {"$gt": 100}}))?;
    /// let data = json!({"$via": {"type": "webhook", "name": "Orders"}, "total": 99.5});
    /// let mismatch = pattern.mismatch(&data, &mut Budget::default()).unwrap().unwrap();
    /// assert_eq!(mismatch.pointer, "/total");
    /// assert_eq!(mismatch.expected, r#"{"$gt":100}"#);
    /// assert_eq!(mismatch.found.as_deref(), Some("99.5"));
    /// # Ok::<(), stepwell_condition::PatternError>(())
    /// ```
    pub fn mismatch(&self, data: &Value, budget: &mut Budget) -> Result<Option<Mismatch>, Spent> {
        explain::mismatch(&self.root, data, budget)
    }

    /// The texts one of which must stand at the path of members, as far as plain values, `$eq` and `$in`
    /// say so: what the condition names there.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use stepwell_condition::Pattern;
    /// let pattern = Pattern::parse(&json!({"$via": {"name": {"$in": ["Orders", "Shop"]}}}))?;
    /// assert_eq!(pattern.texts_at(&["$via", "name"]), ["Orders", "Shop"]);
    /// # Ok::<(), stepwell_condition::PatternError>(())
    /// ```
    pub fn texts_at(&self, path: &[&str]) -> Vec<&str> {
        let mut texts = Vec::new();
        self.root.texts_at(path, &mut texts);
        texts
    }

    /// The members of the data's root that this condition looks at; whatever the others are, it is
    /// the same to it.
    pub fn roots(&self) -> Vec<&str> {
        let mut roots = Vec::new();
        self.root.roots(&mut roots);
        roots
    }

    /// A digest of all that this condition observes in the data. Equal as long as nothing that the
    /// condition looks at changes; the same in every release and on every machine.
    pub fn observed(&self, data: &Value) -> u64 {
        // More than any document takes.
        let digest = self.observed_within(data, &mut Budget::new(u64::MAX));
        digest.unwrap_or_default()
    }

    /// The same within a budget.
    ///
    /// # Errors
    /// The budget is spent.
    pub fn observed_within(&self, data: &Value, budget: &mut Budget) -> Result<u64, Spent> {
        self.view.digest(data, budget)
    }

    /// How much memory it takes, about, with its place in an [`Index`].
    pub fn memory(&self) -> Memory {
        Memory::of(&self.root)
    }

    /// How many constraints the condition has: each plain value and each operator is one, `$and`
    /// is their sum, `$or` counts as its least branch, `{}` at the root is none.
    pub fn leaves(&self) -> usize {
        self.leaves
    }
}

#[cfg(test)]
mod tests;
