//! What another language over JSON needs of this one: linear-time expressions, exact numbers, and equality, all of them
//! within a [`Budget`]; and how values and texts are named in messages.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use crate::eval::{self, Budget, Spent};
use crate::expression::{self, Dialect, Fault};
use crate::node::Expression;
use crate::number;
pub use crate::parse::{kind, shorten};

/// A regular expression of ECMA-262, found in a text in time in proportion to its length.
///
/// ```
/// use stepwell_condition::Budget;
/// use stepwell_condition::shared::Regex;
///
/// let regex = Regex::compile("^(a+)+$")?;
/// assert_eq!(regex.is_found_in(&"a".repeat(1_000), &mut Budget::default()), Ok(true));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Regex(Arc<Expression>);

impl Regex {
    /// Compiles an expression of at most [`REGEX_BYTES`](crate::REGEX_BYTES): by the rules of the flag `u`, or else by those
    /// of no flag, under which more escapes are allowed.
    ///
    /// # Errors
    /// What is wrong with it, by the rules of `u`.
    pub fn compile(source: &str) -> Result<Self, String> {
        let compile = |flags| expression::compile(source, Dialect::Flags(flags));
        let compiled = compile("u").or_else(|fault| compile("").map_err(|_| fault));
        compiled.map(Self).map_err(|fault| match fault {
            Fault::Expression(message) | Fault::Letters(message) => message,
        })
    }

    /// Whether it is found in the text.
    ///
    /// # Errors
    /// The budget is spent, or the text is longer than such an expression is tried on
    /// ([`REGEX_TEXT_BYTES`](crate::REGEX_TEXT_BYTES)).
    pub fn is_found_in(&self, text: &str, budget: &mut Budget) -> Result<bool, Spent> {
        if text.len() > self.0.longest {
            return Err(Spent);
        }
        budget.spend(self.0.cost(text.len()))?;
        Ok(self.0.is_found_in(text))
    }

    /// The expression as it is written.
    pub fn as_str(&self) -> &str {
        &self.0.source
    }

    /// Bytes that it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// Whether two values are the same: numbers by value, members in any order.
///
/// # Errors
/// The budget is spent.
pub fn equal(one: &Value, other: &Value, budget: &mut Budget) -> Result<bool, Spent> {
    eval::whole(one, other, budget)
}

/// How two JSON numbers stand to each other by value, whatever their texts. Exact as long as at most one has an exponent
/// of more than 18 digits.
pub fn compare(one: &str, other: &str) -> Ordering {
    number::compare(one, other)
}

/// Writes the canonical form of a JSON number: the same bytes for the same value, and no form is the beginning of another.
pub fn canonical(number: &str, write: &mut impl FnMut(&[u8])) {
    number::canonical(number, write);
}

/// Whether a JSON number has no fraction: `1`, `1.0` and `1e300` have none.
pub fn is_integer(number: &str) -> bool {
    number::is_integer(number)
}

/// Whether a JSON number is a multiple of another one, exactly. None if the divisor is 0, or has more than 18 digits
/// beside the zeros at its ends, or an exponent of either is beyond all bounds.
///
/// ```
/// use stepwell_condition::shared::is_multiple;
///
/// assert_eq!(is_multiple("0.3", "0.1"), Some(true));
/// assert_eq!(is_multiple("1e300", "7"), Some(false));
/// assert_eq!(is_multiple("1", "0"), None);
/// ```
pub fn is_multiple(number: &str, divisor: &str) -> Option<bool> {
    number::is_multiple(number, divisor)
}
