//! The manual, `docs/conditions.md`, is right: every example in it is tried.

use std::path::Path;

use super::{parsed, pattern};
use crate::Pattern;

#[test]
fn every_example_of_the_manual_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conditions.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut condition = None;
    let mut tried = 0;
    for block in text.split("```json ").skip(1) {
        let (block, _) = block.split_once("\n```").unwrap();
        let (label, lines) = block.split_once('\n').unwrap();
        for line in lines.lines() {
            tried += 1;
            match label {
                "condition" => condition = Some(pattern(&parsed(line))),
                "refused" => assert!(Pattern::parse(&parsed(line)).is_err(), "{line}"),
                "matches" => assert!(condition.as_ref().unwrap().matches(&parsed(line)), "{line}"),
                "differs" => assert!(
                    !condition.as_ref().unwrap().matches(&parsed(line)),
                    "{line}"
                ),
                other => panic!("{other}"),
            }
        }
    }
    assert!(tried > 25, "{tried}");
    assert!(!text.contains("```json\n"), "every example says what it is");
}
