//! What holds for any source.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{Package, is_step_source, prepare};

const TOKENS: &[&str] = &[
    "export const condition = {};",
    "export const content = () => {};",
    "export",
    "import",
    "type",
    "interface",
    "A",
    "class",
    "function",
    "async",
    "=>",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    ":",
    "?",
    "!",
    "=",
    ";",
    ",",
    "\n",
    "\r\n",
    " ",
    "as",
    "satisfies",
    "declare",
    "abstract",
    "private",
    "readonly",
    "static",
    "get",
    "'./b'",
    "from",
    "`",
    "${",
    "/",
    "*",
    "//",
    "/*",
    "*/",
    "'é🚨'",
    "\"",
    "\u{2028}",
    "@",
    "enum",
    "namespace",
    "return",
    "this",
    "lib",
    ".",
    "...",
    "|",
    "&",
    "const",
    "let",
    "1",
    "require",
    "of",
    "for",
    "is",
    "extends",
    "implements",
    "default",
    "a",
    "\\",
    "#b",
    "??",
];

fn texts() -> impl Strategy<Value = String> {
    let token = prop::sample::select(TOKENS);
    let spaced = (token, any::<bool>())
        .prop_map(|(token, space)| format!("{token}{}", if space { " " } else { "" }));
    prop::collection::vec(spaced, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_source_panics(text in texts(), other in texts(), typed: bool) {
        let entry = if typed { "a.ts" } else { "a.js" };
        let files = BTreeMap::from([(entry.to_owned(), text.clone()), ("b.ts".to_owned(), other)]);
        is_step_source(&text);
        match prepare(entry, &files) {
            Ok(scripts) => for script in scripts {
                let json = script.package.to_json();
                prop_assert_eq!(Package::parse(json.as_bytes()).unwrap(), script.package);
            },
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = prepare("a.ts", &BTreeMap::from([("a.ts".to_owned(), text)]));
    }
}
