//! A task's data: a JSON document that is read and changed without being parsed whole.

use serde_json::Value;
use stepwell::domain::data::{Document, Pointer, apply, diff, undo};

/// Takes the text of a document and, after line feeds, an RFC 6901 pointer and the JSON of a value that is
/// set there. `true` if the text is that of an object.
///
/// # Panics
/// If the document differs from what `serde_json` makes of the text, before or after a change, or if a
/// difference does not lead from one to the other and back.
pub fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut lines = text.splitn(3, '\n');
    let text = lines.next().unwrap_or_default();
    let pointer = Pointer::parse(lines.next().unwrap_or_default());
    let value = serde_json::from_str(lines.next().unwrap_or_default()).ok();
    let parsed = serde_json::from_str::<Value>(text)
        .ok()
        .filter(Value::is_object);
    let Ok(mut document) = Document::parse(text.into()) else {
        assert_eq!(parsed, None, "an object that is refused");
        return false;
    };
    let Some(before) = parsed else {
        // Within members only the syntax is looked at: a value may be deeper than `serde_json` goes, and a
        // text may have the half of a surrogate pair.
        return true;
    };
    assert_eq!(document.to_value(), before);
    if let Ok(pointer) = &pointer
        && let Some(value) = value
    {
        let mut after = before.clone();
        if pointer.set(&mut after, value).is_ok() {
            let changes = diff(&before, &after);
            let mut forth = before.clone();
            apply(&mut forth, &changes).expect("a difference that applies");
            assert_eq!(forth, after);
            undo(&mut forth, changes).expect("a difference that is undone");
            assert_eq!(forth, before);
        }
        if let Some(name) = pointer.first() {
            let member = after.get(name).cloned();
            document.put(vec![(name.to_owned(), member)]);
            assert_eq!(document.to_value(), after);
            assert_eq!(
                serde_json::from_str::<Value>(document.text()).ok(),
                Some(after)
            );
        }
    }
    document.parse_members(|_| true);
    assert_eq!(document.seen(), &document.to_value());
    true
}
