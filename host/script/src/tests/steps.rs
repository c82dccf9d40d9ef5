//! Steps as their authors write them, and their names.

use super::prepared;
use crate::{is_step_source, name_of};

#[test]
fn steps_as_they_are_written() {
    let three = include_str!("files/three-steps.js");
    let scripts = prepared(&[("leads.js", three)]).unwrap();
    assert_eq!(scripts.len(), 3);
    for (index, script) in scripts.iter().enumerate() {
        assert_eq!((script.part, script.parts), (index + 1, 3));
        let text = &script.package.modules["leads.js"];
        assert_eq!(text.lines().count(), three.lines().count());
        assert_eq!(text.matches("export const condition").count(), 1);
        let same = |(a, b): (char, char)| a == b || b == ' ';
        assert!(
            three.chars().zip(text.chars()).all(same)
                && three.chars().count() == text.chars().count()
        );
    }
    let retry = include_str!("files/helper-below.js");
    assert_eq!(
        prepared(&[("retry.js", retry)]).unwrap()[0].package.modules["retry.js"],
        retry
    );
}

#[test]
fn steps_are_named_by_their_files() {
    assert_eq!(name_of("contact-form.js", 1, 1), "contact-form");
    assert_eq!(
        name_of("steps/Contact_Form new.mts", 1, 1),
        "contact-form-new"
    );
    assert_eq!(name_of("leads.js", 2, 3), "leads-2");
    assert_eq!(name_of("leads.v2.js", 3, 3), "leads.v2-3");
}

#[test]
fn what_exports_a_condition_is_a_step() {
    let steps = [
        "export const condition = {};",
        "// c\nexport const condition = {}; export const condition = {};",
        "export const condition: Pattern = {};",
        "const condition = {}; export { condition };",
        "export { a as condition } from './a.js';",
        "export function condition() {}",
        "exports.condition = {};",
        "module.exports = { condition, content };",
        // A syntax error, which is reported to its author.
        "export const condition = {;",
        "export const condition: = {};",
    ];
    for text in steps {
        assert!(is_step_source(text), "{text}");
    }
    let others = [
        "",
        "const condition = {};",
        "// export const condition = {}",
        "const text = `\nexport const condition = {}`;",
        "export const content = 1;",
        "export type condition = {};",
        "module.exports = { slug };",
        "const = 1;",
    ];
    for text in others {
        assert!(!is_step_source(text), "{text}");
    }
}
