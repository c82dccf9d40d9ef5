//! Conditions: a pattern's text is compiled and matched.

use serde_json::Value;
use stepwell_condition::{Budget, Index, Pattern};

/// Takes the JSON of a pattern and, after a line feed, that of the data that it is matched with. `true` if
/// the pattern compiles.
///
/// # Panics
/// If the explanation or the index disagree with the match, or if the match depends on a member that
/// [`Pattern::roots`] does not name.
pub fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (pattern, data) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(pattern) = serde_json::from_str(pattern) else {
        return false;
    };
    let Ok(pattern) = Pattern::parse(&pattern) else {
        return false;
    };
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let Ok(matches) = pattern.matches_within(&data, &mut Budget::default()) else {
        return true;
    };
    if let Ok(mismatch) = pattern.mismatch(&data, &mut Budget::default()) {
        assert_eq!(mismatch.is_none(), matches, "{mismatch:?}");
    }
    let mut index = Index::new();
    index.insert(7, &pattern);
    let mut found = Vec::new();
    index.candidates(&data, &mut found);
    assert!(!matches || found == [7], "the index passes over a match");
    index.remove(7);
    assert!(index.is_empty());
    if let Value::Object(members) = &data {
        let roots = pattern.roots();
        let mut seen = members.clone();
        seen.retain(|name, _| roots.contains(&name.as_str()));
        let seen = Value::Object(seen);
        assert_eq!(
            pattern.matches(&seen),
            matches,
            "of other members than {roots:?}"
        );
        assert_eq!(pattern.observed(&seen), pattern.observed(&data));
    }
    true
}
