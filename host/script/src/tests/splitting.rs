//! Several steps in one file.

use super::{prepared, refused};

/// The texts of a file's steps, less the ends of lines.
fn parts(text: &str) -> Vec<String> {
    let scripts = prepared(&[("a.js", text)]).unwrap_or_else(|error| panic!("{error}"));
    let texts = scripts.iter().map(|script| &script.package.modules["a.js"]);
    texts
        .map(|text| {
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect()
}

#[test]
fn what_stands_before_the_first_belongs_to_all() {
    let text = "// top\nconst shared = 1;\nexport const condition = { a: 1 };\nexport const content = () => shared;\n\
                const own = 'é';\nexport const condition = { b: 1 };\nexport const content = () => 2;";
    assert_eq!(
        parts(text),
        [
            "// top\nconst shared = 1;\nexport const condition = { a: 1 };\nexport const content = () => shared;\n\
             const own = 'é';\n\n",
            "// top\nconst shared = 1;\n\n\n\nexport const condition = { b: 1 };\nexport const content = () => 2;",
        ]
    );
}

#[test]
fn functions_are_hoisted_out_of_any_step() {
    let text = "export const condition = {}; export const content = () => help();\n\
                export const condition = {}; export const content = () => help() + own();\n\
                function own() { return 1 }\n\
                async function help() { return own() }";
    assert_eq!(
        parts(text),
        [
            "export const condition = {}; export const content = () => help();\n\n\
             function own() { return 1 }\nasync function help() { return own() }",
            "\nexport const condition = {}; export const content = () => help() + own();\n\
             function own() { return 1 }\nasync function help() { return own() }",
        ]
    );
}

#[test]
fn a_steps_own_name_wins() {
    let text = "export const condition = {}; export const content = () => help();\nfunction help() { return 1 }\n\
                export const condition = {}; export const content = () => help();\nconst help = () => 2;\n\
                export const condition = {}; export const content = () => help();\nfunction help() { return 3 }";
    let helps: Vec<String> = parts(text)
        .iter()
        .map(|part| part.split("help() {").nth(1).unwrap_or("").into())
        .collect();
    assert!(
        helps[0].starts_with(" return 1") && helps[2].starts_with(" return 3"),
        "{helps:?}"
    );
    assert_eq!(helps[1], "");
}

#[test]
fn a_content_has_many_forms() {
    let forms = [
        "export function content() {}",
        "export async function content() {}",
        "async function content() {}\nexport { content };",
        "const run = () => {};\nexport { run as content };",
        "export { content } from './b.js';",
        "export let content = () => {};",
    ];
    for form in forms {
        let text = format!("export const condition = {{}};\n{form}");
        prepared(&[("a.js", &text), ("b.js", "export const content = 1")])
            .unwrap_or_else(|error| panic!("{error}"));
        let twice = format!("{text}\n{}\n", text.replace("run", "run2"));
        let scripts = prepared(&[("a.js", &twice), ("b.js", "export const content = 1")]);
        assert_eq!(scripts.map(|scripts| scripts.len()), Ok(2), "{twice}");
    }
}

#[test]
fn typescript_is_split_too() {
    let text = "type A = 1;\nexport const condition: A = {};\nexport const content = (): A => f();\n\
                export const condition = {} satisfies A;\nexport const content = () => {};\nfunction f(): A { return 1 }";
    let scripts = prepared(&[("a.ts", text)]).unwrap();
    assert_eq!(scripts[0].package.entry, "a.js");
    assert!(
        scripts[0]
            .package
            .entry_text()
            .ends_with("function f()    { return 1 }")
    );
}

#[test]
fn refusals() {
    let rows = [
        ("", "a.js: a step file exports `condition` and `content`"),
        (
            "const condition = {};",
            "a.js: a step file exports `condition` and `content`",
        ),
        (
            "\nexport const content = () => {};",
            "a.js:2:14: this step has no `condition`; add `export const condition = { … }`",
        ),
        (
            "export const condition = {};",
            "a.js:1:14: this step has no `content`; add `export const content = async () => { … }`",
        ),
        (
            "export const content = 1, condition = {};\nexport const condition = {};",
            "a.js:2:14: this step has no `content`; add `export const content = async () => { … }`",
        ),
        (
            "export const condition = {}; export const content = 1;\nexport function content() {}",
            "a.js:2:17: a second `content` of one step; each step begins with its `export const condition`, and has one \
             `content`",
        ),
        (
            "export const condition = () => ({});",
            "a.js:1:14: `condition` is an object of patterns, not a function",
        ),
        (
            "export async function condition() {}",
            "a.js:1:23: `condition` is an object of patterns, not a function",
        ),
        (
            "export const condition = {}; export const content = () => x;\n\
             export const condition = {}; export const content = 1; const x = 1;",
            "a.js:1:59: `x` is declared by one step of this file and used by another; declare it above the first \
             `export const condition`",
        ),
        (
            "export const condition = {}; export const content = () => f();\n\
             export const condition = {}; export const content = 1; const x = 1;\n\
             function f() { return g() } function g() { return x }",
            "a.js:3:51: `x` is declared by one step of this file and used by another; declare it above the first \
             `export const condition`",
        ),
    ];
    for (text, message) in rows {
        assert_eq!(refused(&[("a.js", text)]), message, "{text}");
    }
}
