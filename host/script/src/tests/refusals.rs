//! Files that are no step.

use super::{STEP, package, prepared, refused};
use crate::MODULE_BYTES;

#[test]
fn the_line_is_shown() {
    let error = prepared(&[(
        "contact-form.ts",
        "const a: string = 1;\r\n\tconst b = = 2;\r\n",
    )])
    .unwrap_err();
    assert_eq!(
        error,
        "contact-form.ts:2:12: Unexpected token\n\tconst b = = 2;\n\t          ^"
    );
}

#[test]
fn syntax_errors_have_places() {
    let rows = [
        ("a.js", "const a = 'x", "a.js:1:11: Unterminated string"),
        (
            "a.ts",
            "interface A {\n  b: = string\n}",
            "a.ts:2:6: Unexpected token",
        ),
        (
            "a.js",
            "é = 1; let a; let a;",
            "a.js:1:19: Identifier `a` has already been declared",
        ),
    ];
    for (name, text, message) in rows {
        assert_eq!(refused(&[(name, &format!("{text}\n{STEP}"))]), message);
    }
    let typed = refused(&[("a.js", "const a = 1;\nlet b: string = 1;")]);
    assert_eq!(typed, "a.js:2:6: this is TypeScript; name the file `.ts`");
    // A column behind blanked text is the source's.
    assert_eq!(
        refused(&[("a.ts", &format!("let a: 'é🚨'; let a; {STEP}"))]),
        "a.ts:1:18: Identifier `a` has already been declared"
    );
}

#[test]
fn files_that_are_not_read() {
    assert_eq!(
        refused(&[("a.tsx", STEP)]),
        "a.tsx: a step file is a `.js`, `.mjs`, `.ts` or `.mts` file"
    );
    assert_eq!(
        refused(&[("../a.js", STEP)]),
        "../a.js: not a file of a step: it has a `.` or `..` segment"
    );
    let none = crate::prepare("a.js", &std::collections::BTreeMap::new()).unwrap_err();
    assert_eq!(none.to_string(), "a.js: there is no such file");
    let large = " ".repeat(MODULE_BYTES + 1);
    assert_eq!(
        refused(&[("a.js", &large)]),
        "a.js: it has 1048577 bytes; a module has at most 1048576"
    );
}

#[test]
fn a_package_has_its_bounds() {
    let text = format!("lib.a; {STEP}");
    let names: Vec<String> = (0..300).map(|n| format!("lib/{n:03}.js")).collect();
    let mut files = vec![("a.js", text.as_str())];
    files.extend(names.iter().map(|name| (name.as_str(), "")));
    assert_eq!(
        refused(&files),
        "a.js: a step has at most 256 modules, those of `lib` included"
    );
}

#[test]
fn marks_and_line_ends_are_kept() {
    let text = format!("\u{feff}// a\r\n{STEP}\r\n");
    assert_eq!(package(&[("a.js", &text)]).entry_text(), &text[3..]);
}

#[test]
fn no_nesting_overflows_the_stack() {
    let units = [
        "(",
        "[",
        "{",
        "!",
        "-",
        "a=>",
        "a?",
        "a?b:",
        "if(a)",
        "if(a);else ",
        "new ",
        "`${",
        "x(",
        "a+",
        "a**",
        ".b",
        "a:",
        "class A{a=",
        "do ",
        "await ",
        "<A>",
        "a as A<",
        "a<b<",
        "(a,",
        "({a:",
        "async (",
        "((a)=>",
        "a:{",
    ];
    for unit in units {
        for name in ["a.js", "a.ts"] {
            for count in [100, 250, 9_000, MODULE_BYTES / unit.len()] {
                let text = format!("x = {}", unit.repeat(count));
                let _ = prepared(&[(name, &text)]);
                let _ = prepared(&[(name, &unit.repeat(count))]);
            }
        }
    }
    let deep = refused(&[("a.js", &format!("x = {}", "[".repeat(300)))]);
    assert_eq!(
        deep,
        "a.js:1:261: more than 256 brackets are open; nest less deeply"
    );
}
