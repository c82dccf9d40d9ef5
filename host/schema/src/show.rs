//! Short texts for people. Of a value that does not fit nothing is shown but its kind, and the names on the way to it.

use serde_json::Value;
pub(crate) use stepwell_condition::shared::kind;
use stepwell_condition::shared::shorten;

use crate::SHOWN;
use crate::node::{Bound, Least, TYPES, Types};

/// A text, cut to [`SHOWN`] characters.
pub(crate) fn cut(text: &str) -> String {
    shorten(text, SHOWN)
}

pub(crate) fn types(types: Types) -> String {
    let named = TYPES.iter().enumerate();
    let named = named.filter(|(bit, _)| types.0 & (1 << bit) != 0);
    let named: Vec<String> = named
        .map(|(_, name)| match *name {
            "null" => "null".to_owned(),
            name if name.starts_with(['a', 'i', 'o']) => format!("an {name}"),
            name => format!("a {name}"),
        })
        .collect();
    named.join(" or ")
}

/// Values that are allowed, the first ones.
pub(crate) fn values(values: &[Value]) -> String {
    let mut shown = String::new();
    for (number, value) in values.iter().enumerate() {
        if shown.len() > SHOWN {
            return format!("{}, and {} more", cut(&shown), values.len() - number);
        }
        if number > 0 {
            shown.push_str(", ");
        }
        shown.push_str(&value.to_string());
    }
    cut(&shown)
}

pub(crate) fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut shown = String::new();
    for name in names {
        if shown.chars().count() > SHOWN {
            break;
        }
        if !shown.is_empty() {
            shown.push_str(", ");
        }
        shown.push_str(&format!("`{name}`"));
    }
    cut(&shown)
}

/// A bound's keyword, and what it says.
pub(crate) fn bound(bound: Bound) -> (&'static str, &'static str) {
    match bound {
        Bound::Minimum => ("minimum", "at least"),
        Bound::Maximum => ("maximum", "at most"),
        Bound::ExclusiveMinimum => ("exclusiveMinimum", "greater than"),
        Bound::ExclusiveMaximum => ("exclusiveMaximum", "less than"),
    }
}

/// How many there must be of what, and how many there are.
pub(crate) fn count(least: Least, wanted: u64, of: &str, there: u64) -> String {
    let least = match least {
        Least::Least => "at least",
        Least::Most => "at most",
    };
    format!("must have {least} {wanted} {of}, and has {there}")
}
