//! The index finds few, and keeps up with changes.

use serde_json::{Value, json};

use super::pattern;
use crate::{Index, Pattern};

#[test]
fn the_index_keeps_up_with_changes() {
    let mut index = Index::new();
    let mut out = vec![9];
    for id in 0..100 {
        let name = format!("n{}", id % 10);
        let event = format!("e{}", id / 10);
        index.insert(
            id,
            &pattern(&json!({"$via": {"type": "webhook", "name": name}, "event": event})),
        );
    }
    let data = json!({"$via": {"type": "webhook", "name": "n3"}, "event": "e4"});
    index.candidates(&data, &mut out);
    assert!(out.contains(&43) && out.len() <= 16, "{out:?}");
    index.insert(43, &pattern(&json!({"x": 1})));
    index.candidates(&data, &mut out);
    assert!(!out.contains(&43));
    index.candidates(&json!({"x": 1}), &mut out);
    assert_eq!(out, [43]);
    for id in 0..100 {
        index.remove(id);
    }
    assert!(index.is_empty());
    index.candidates(&data, &mut out);
    assert!(out.is_empty());
    assert_eq!(
        format!("{index:?}").matches("Path {").count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn the_index_finds_few() {
    // Each: the step of that number, data for step 4321 of 10,000, most candidates allowed.
    type Shape = (&'static str, fn(u32) -> Value, Value, usize);
    let shapes: [Shape; 8] = [
        (
            "a name each",
            |n| json!({"$via": {"name": format!("n{n}")}}),
            json!({"$via": {"name": "n4321", "type": "webhook"}}),
            1,
        ),
        (
            "type shared",
            |n| json!({"$via": {"type": "webhook", "name": format!("n{n}")}}),
            json!({"$via": {"name": "n4321", "type": "webhook"}}),
            1,
        ),
        (
            "name shared",
            |n| json!({"$via": {"name": "x"}, "event_type": format!("e{n}")}),
            json!({"$via": {"name": "x"}, "event_type": "e4321"}),
            2,
        ),
        (
            "pairs",
            |n| json!({"$via": {"name": format!("n{}", n / 100)}, "event": format!("e{}", n % 100)}),
            json!({"$via": {"name": "n43"}, "event": "e21"}),
            3,
        ),
        (
            "a hundred each",
            |n| json!({"$via": {"type": "webhook", "name": format!("n{}", n / 100)}, "x": {"$gt": n}}),
            json!({"$via": {"name": "n43", "type": "webhook"}, "x": 5}),
            120,
        ),
        (
            "a member each",
            |n| json!({format!("k{n}"): {"$type": "string"}}),
            json!({"k4321": "x", "a": 1}),
            1,
        ),
        (
            "name shared, a member each",
            |n| json!({"$via": {"name": "x"}, format!("k{n}"): {"$type": "string"}}),
            json!({"$via": {"name": "x"}, "k4321": "x"}),
            2,
        ),
        (
            "$in",
            |n| json!({"event": {"$in": [format!("a{n}"), format!("b{n}")]}}),
            json!({"event": "b4321"}),
            1,
        ),
    ];
    for (name, shape, data, most) in shapes {
        let mut index = Index::new();
        let patterns: Vec<Pattern> = (0..10_000).map(|n| pattern(&shape(n))).collect();
        for (id, pattern) in (0..).zip(&patterns) {
            index.insert(id, pattern);
        }
        let mut out = Vec::new();
        index.candidates(&data, &mut out);
        assert!(out.len() <= most, "{name}: {} candidates", out.len());
        assert!(out.contains(&4321), "{name}");
    }
}
