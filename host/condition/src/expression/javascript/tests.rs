//! What the script engine is not asked about: bounds, refusals and their places. That what is taken
//! means what it means in a script is tested beside the script engine.

use serde_json::json;

use crate::Pattern;

fn compile(source: &str, flags: &str) -> Result<Pattern, String> {
    Pattern::parse(&json!({"a": {"$regex": source, "$flags": flags}}))
        .map_err(|error| error.to_string())
}

fn found(source: &str, flags: &str, text: &str) -> bool {
    compile(source, flags).unwrap().matches(&json!({"a": text}))
}

#[test]
fn a_scripts_expression_means_what_it_means_there() {
    for (source, flags, text, expected) in [
        // The first six had another answer once.
        (r"^\d{5}$", "", "\u{661}\u{662}\u{663}\u{664}\u{665}", false),
        (r"^\<b\>", "", "<b>hi", true),
        (r"\<w", "", "word", false),
        ("[a&&b]", "", "a", true),
        ("[]]", "", "]", false),
        ("k", "i", "\u{212A}", false),
        ("k", "iu", "\u{212A}", true),
        ("\u{17F}", "i", "s", false),
        ("^.$", "", "\u{1F600}", false),
        ("^.$", "u", "\u{1F600}", true),
        ("^..$", "", "\u{1F600}", true),
        (r"^\ud83d", "", "\u{1F600}", true),
        (r"^\ud83d", "u", "\u{1F600}", false),
        ("[\u{1F600}]", "", "\u{1F601}", true),
        ("a.b", "", "a\u{2028}b", false),
        ("a.b", "s", "a\u{2028}b", true),
        ("^b$", "m", "a\rb\u{2029}c", true),
        ("^$", "m", "a\n\nb", true),
        ("^$", "m", "a\nb", false),
        (r"\B", "", "aéa", false),
        (r"a\b", "iu", "a\u{17F}", false),
        (r"a\b", "i", "a\u{17F}", true),
        (r"^\s$", "", "\u{FEFF}", true),
        ("a{,2}", "", "a{,2}", true),
        (r"\cJ", "", "\n", true),
        ("^a{1,99999999999}$", "", "aaa", true),
        (r"[\w-.]", "", "-", true),
        ("[^]", "", "\n", true),
        (r"\u{2}", "", "uu", true),
        (r"(?<year>\d+)", "dg", "2026", true),
        (r"[\p{L}--[a-z]]", "v", "a", false),
        (r"[\p{L}--[a-z]]", "v", "A", true),
    ] {
        assert_eq!(
            found(source, flags, text),
            expected,
            "/{source}/{flags} on {text:?}"
        );
    }
}

#[test]
fn what_cannot_be_said_is_refused_with_its_place_and_what_would_be_right() {
    for (source, flags, expected) in [
        (
            "ab(?=c)",
            "",
            "at `/a/$regex`: bad regular expression at character 3: look-ahead and look-behind do not exist here, for matching takes linear time; say the parts in conditions of their own, with `$and` and `$not`",
        ),
        (
            "(?<!a)b",
            "",
            "character 1: look-ahead and look-behind do not exist here",
        ),
        (
            r"(a)\1",
            "",
            "character 4: a backreference does not exist here",
        ),
        (
            r"(?<n>a)\k<n>",
            "",
            "character 8: a backreference does not exist here",
        ),
        (
            r"\2(a)(b)",
            "u",
            "character 1: a backreference does not exist here",
        ),
        (
            "😀a^b",
            "m",
            "character 3: with the flag `m`, `^` can only be the first thing",
        ),
        (
            "(?:^a)+",
            "m",
            "with the flag `m`, `^` can only be the first thing",
        ),
        (
            "a$b",
            "m",
            "character 2: with the flag `m`, `$` can only be the last thing",
        ),
        (
            r"[\q{ab}]",
            "v",
            "strings in a class do not exist here; write the alternatives as a group",
        ),
        (
            r"\p{Nothing}",
            "u",
            "character 1: this is no property that is known here",
        ),
        (
            r"\p{Greek}",
            "u",
            "some that are: `\\p{L}`, `\\p{Lu}`, `\\p{Alphabetic}`, `\\p{Script=Greek}`",
        ),
        (
            "(?:\\p{L}{100}){50}",
            "u",
            "too large when compiled; use smaller repeats",
        ),
        (
            "a",
            "y",
            "at `/a/$flags`: the flag `y` has no meaning here; begin the expression with ^",
        ),
        (
            "a",
            "x",
            "at `/a/$flags`: `x` is not a flag; the flags are JavaScript's `d g i m s u v`",
        ),
        ("a", "ii", "the flag `i` is there twice"),
        ("a", "uv", "the flags `u` and `v` exclude each other"),
        ("(a", "", "character 1: unclosed group"),
        ("a)", "", "character 2: unmatched `)`"),
        ("[a", "", "character 1: unclosed class"),
        ("a**", "", "character 3: nothing to repeat"),
        ("{1}", "", "character 1: nothing to repeat"),
        ("[b-a]", "", "the ends of a range are out of order"),
        ("a{2,1}", "", "the numbers of a repeat are out of order"),
        ("\\", "", "a backslash ends the expression"),
        (r"\-", "u", "this escape has no meaning with the flag `u`"),
        ("]", "u", "unmatched `]`"),
        ("a{", "u", "a repeat is `{n}`"),
        ("(?<1>a)", "", "a group's name is an identifier"),
        ("(?x:a)", "", "`(?` begins no group"),
        ("(?-:a)", "", "`(?` begins no group"),
        (
            "[(]",
            "v",
            "with the flag `v`, write `\\(` for `(` in a class",
        ),
        ("[a&&b--c]", "v", "after `&&` only more of `&&` can stand"),
    ] {
        let error = compile(source, flags).expect_err(source);
        assert!(error.contains(expected), "/{source}/{flags}: {error}");
    }
}

#[test]
fn flags_and_options_exclude_each_other() {
    let refused = |operand| {
        let error = Pattern::parse(&json!({ "a": operand })).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused(json!({"$regex": "a", "$flags": "i", "$options": "i"})),
        "at `/a/$options`: `$flags` makes the expression JavaScript's, which has no `$options`; leave one out"
    );
    assert_eq!(
        refused(json!({"$regex": "a", "$flags": 1})),
        "at `/a/$flags`: `$flags` takes a string of the letters `dgimsuv`, and this is a number"
    );
    assert_eq!(
        refused(json!({"$flags": "i"})),
        "at `/a/$flags`: `$flags` belongs to `$regex`, and there is none beside it"
    );
    for operator in ["$eq", "$ne"] {
        assert_eq!(
            refused(json!({operator: {"$regex": "a", "$flags": ""}})),
            format!(
                "at `/a/{operator}`: `{operator}` compares with a value, and this is a regular expression; leave `$eq` out, and for `$ne` write `$not`"
            )
        );
    }
    assert_eq!(
        refused(json!({"$in": [{"$regex": "(?=a)", "$flags": ""}]}))
            .split(':')
            .next(),
        Some("at `/a/$in/0/$regex`")
    );
}

/// Hostile expressions: whatever they are, they end soon and need little.
#[test]
fn work_is_bounded() {
    let deep = |open: &str, close: &str| format!("{}a{}", open.repeat(60), close.repeat(60));
    for (source, flags) in [
        (deep("(", ")"), ""),
        (deep("(?:", ")*"), ""),
        (deep("[", "]"), "v"),
        (deep("[^", "]"), "v"),
    ] {
        let error = compile(&source, flags).unwrap_err();
        assert!(error.contains("nested deeper than 50 levels"), "{error}");
    }
    for (source, flags) in [
        (r"\p{L}".repeat(1300), "iu"),
        (r"[^\P{L}]".repeat(900), "iv"),
        (r"\W".repeat(4000), "i"),
        ("k".repeat(8192), "i"),
        ("a{4294967295}".to_owned(), ""),
        ("(?:a{1000}){99999999999999999999}".to_owned(), ""),
        ("(?:){1000000000}".to_owned(), ""),
        ("((a*)*)*".repeat(1000), ""),
        ("[\\ud800-\\udbff]".repeat(480), ""),
        ("(".repeat(8192), ""),
        ("|".repeat(8192), "m"),
        ("^".repeat(8192), "m"),
    ] {
        let begun = std::time::Instant::now();
        let answer = compile(&source, flags).map(drop);
        let took = begun.elapsed();
        assert!(
            took.as_secs() < 3,
            "{} took {took:?}: {answer:?}",
            &source[..10]
        );
    }
}

#[test]
fn conditions_that_are_stored_keep_their_meaning() {
    // As an earlier server stored a script's `/…/i` and a manifest's `$regex`.
    for (stored, text, expected) in [
        (json!({"$regex": "^x\\/Y$", "$options": "i"}), "X/y", true),
        (json!({"$regex": "^a.c$", "$options": "ms"}), "a\nc", true),
        (json!({"$regex": "\\d"}), "7", true),
        (
            json!({"$regex": "^[\\w.+-]+@[\\w-]+\\.[\\w.]+$"}),
            "a.b+c-d@ex-ample.co.uk",
            true,
        ),
        (
            json!({"$regex": "^[^\\s\\d-]+[\\w--\\d]$", "$options": "x"}),
            "ab",
            true,
        ),
        (json!({"$regex": "^[[\\d]&&[^5]]$"}), "5", false),
        // As in MongoDB, ASCII only.
        (json!({"$regex": "^\\d$"}), "\u{663}", false),
        (json!({"$regex": "^\\w$"}), "é", false),
        (json!({"$regex": "^\\W$"}), "é", true),
        (json!({"$regex": "^\\s$"}), "\u{A0}", false),
        (json!({"$regex": "^[\\d]$"}), "\u{663}", false),
        (json!({"$regex": "^[^\\w]$"}), "é", true),
        (json!({"$regex": "^[\\D]$"}), "\u{663}", true),
        (
            json!({"$regex": "^\\w$", "$options": "i"}),
            "\u{212A}",
            false,
        ),
        (json!({"$regex": "é\\b"}), "é", false),
        (json!({"$regex": "é\\B"}), "é", true),
        (
            json!({"$regex": "^ \\d # digit", "$options": "x"}),
            "7",
            true,
        ),
        (json!({"$regex": "^\\p{L}$"}), "é", true),
        (json!({"$regex": "k", "$options": "i"}), "\u{212A}", true),
    ] {
        let pattern = Pattern::parse(&json!({ "a": stored })).unwrap();
        assert_eq!(
            pattern.matches(&json!({"a": text})),
            expected,
            "{stored} on {text:?}"
        );
    }
}
