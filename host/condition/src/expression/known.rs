//! Expressions that are compiled already: one that stands in many patterns is there once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::{Dialect, Fault};
use crate::node::Expression;

/// The text of an expression, its letters, and whether these are flags.
type Text = (Box<str>, Box<str>, bool);

#[derive(Default)]
struct Known {
    expressions: HashMap<Text, Weak<Expression>>,
    /// How many there may be before those that are gone are removed.
    room: usize,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

fn known() -> MutexGuard<'static, Known> {
    // Whatever panicked, each entry is whole.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The expression as it is compiled already, or else as `compile` compiles it.
pub(super) fn find_or(
    source: &str,
    dialect: Dialect<'_>,
    compile: impl FnOnce() -> Result<Expression, Fault>,
) -> Result<Arc<Expression>, Fault> {
    let text: Text = match dialect {
        Dialect::Options(letters) => (source.into(), letters.into(), false),
        Dialect::Flags(letters) => (source.into(), letters.into(), true),
    };
    if let Some(known) = known().expressions.get(&text).and_then(Weak::upgrade) {
        return Ok(known);
    }
    // Two that compile the same at once have one each; so a long compilation holds up no other.
    let compiled = Arc::new(compile()?);
    let mut known = known();
    if known.expressions.len() >= known.room {
        known
            .expressions
            .retain(|_, known| known.strong_count() > 0);
        known.room = 64 + 2 * known.expressions.len();
    }
    known.expressions.insert(text, Arc::downgrade(&compiled));
    Ok(compiled)
}
