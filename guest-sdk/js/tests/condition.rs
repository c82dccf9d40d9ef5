//! The export `condition` as the pattern language's JSON.

#![allow(missing_docs)]

use crate::common::step;

fn compile(pattern: &str) -> Result<String, String> {
    step(&format!(
        "export const condition = {pattern};\nexport const content = () => {{}};"
    ))
    .condition()
}

#[test]
fn patterns_become_json() {
    for (pattern, json) in [
        ("{}", "{}"),
        (
            "{a: String, b: Number, c: Boolean, d: Object, e: Array}",
            r#"{"a":{"$type":"string"},"b":{"$type":"number"},"c":{"$type":"boolean"},"d":{"$type":"object"},"e":{"$type":"array"}}"#,
        ),
        (
            "{a: /^x\\/y$/giu}",
            r#"{"a":{"$regex":"^x\\/y$","$flags":"giu"}}"#,
        ),
        (
            "{a: /./sm, b: /x/}",
            r#"{"a":{"$regex":".","$flags":"ms"},"b":{"$regex":"x","$flags":""}}"#,
        ),
        (
            "{a: {$regex: /x/i}, b: {$not: /y/}, c: {$in: [/z/]}, d: {$regex: 'x', $options: 'i'}}",
            r#"{"a":{"$regex":"x","$flags":"i"},"b":{"$not":{"$regex":"y","$flags":""}},"c":{"$in":[{"$regex":"z","$flags":""}]},"d":{"$regex":"x","$options":"i"}}"#,
        ),
        (
            r"{a: new RegExp('[\ud83d]\\\ud83d\ud83d\ude00'), b: new RegExp('\n/')}",
            r#"{"a":{"$regex":"[\\ud83d]\\ud83d😀","$flags":""},"b":{"$regex":"\\n\\/","$flags":""}}"#,
        ),
        (
            "{a: null, c: 1.5, d: 'x', e: false, f: 12345678901234567890n}",
            r#"{"a":null,"c":1.5,"d":"x","e":false,"f":12345678901234567890}"#,
        ),
        (
            "{get a() { return 1 }, b: Object.create(null)}",
            r#"{"a":1,"b":{}}"#,
        ),
        (
            "{a: {$in: [String, null, 'x']}, $or: [{b: {$lt: 3}}, {c: {$exists: false}}]}",
            r#"{"a":{"$in":[{"$type":"string"},null,"x"]},"$or":[{"b":{"$lt":3}},{"c":{"$exists":false}}]}"#,
        ),
        (
            "{a: {b: [{c: String}]}}",
            r#"{"a":{"b":[{"c":{"$type":"string"}}]}}"#,
        ),
        (
            "{at: {$gt: new Date(0)}}",
            r#"{"at":{"$gt":"1970-01-01T00:00:00.000Z"}}"#,
        ),
        (
            "{'$via': {name: 'A \"b\"'}, __proto__: null}",
            r#"{"$via":{"name":"A \"b\""}}"#,
        ),
    ] {
        assert_eq!(compile(pattern), Ok(json.to_owned()), "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_is_refused_by_its_place() {
    for (pattern, text) in [
        (
            "() => true",
            "TypeError: `condition` is a function; it must be an object pattern",
        ),
        (
            "'x'",
            "TypeError: `condition` is a string; it must be an object pattern",
        ),
        (
            "[1]",
            "TypeError: `condition` is an array; it must be an object pattern",
        ),
        (
            "String",
            "TypeError: `condition` is a function; it must be an object pattern",
        ),
        (
            "null",
            "TypeError: `condition` is null; it must be an object pattern",
        ),
        (
            "{a: [{'b/c': (x) => x}]}",
            "TypeError: `condition` at `/a/0/b~1c` is a function; write String",
        ),
        (
            "{a: NaN}",
            "TypeError: `condition` at `/a` is NaN, which no data can hold",
        ),
        (
            "{a: {$gt: -Infinity}}",
            "TypeError: `condition` at `/a/$gt` is -Infinity, which no data can hold",
        ),
        (
            "{a: undefined}",
            "TypeError: `condition` at `/a` is undefined; write null",
        ),
        (
            "{a: [1, undefined]}",
            "TypeError: `condition` at `/a/1` is undefined",
        ),
        (
            "{a: [, 1]}",
            "TypeError: `condition` at `/a/0` is undefined",
        ),
        (
            "{a: {$in: [void 0]}}",
            "TypeError: `condition` at `/a/$in/0` is undefined",
        ),
        (
            "{a: Infinity}",
            "TypeError: `condition` at `/a` is Infinity, which no data can hold",
        ),
        (
            "{a: 2 ** 53}",
            "TypeError: `condition` at `/a` is 9007199254740992, and JavaScript rounds",
        ),
        (
            "{a: new Date(NaN)}",
            "TypeError: `condition` at `/a` is an invalid Date",
        ),
        (
            "{a: new Map([['b', 1]])}",
            "TypeError: `condition` at `/a` is an instance of Map; write String",
        ),
        (
            "{a: [new Set([1])]}",
            "TypeError: `condition` at `/a/0` is an instance of Set",
        ),
        (
            "{a: new (class Point { x = 1 })()}",
            "TypeError: `condition` at `/a` is an instance of Point",
        ),
        (
            "{a: new String('x')}",
            "TypeError: `condition` at `/a` is an instance of String",
        ),
        (
            "{a: Promise.resolve(1)}",
            "TypeError: `condition` at `/a` is an instance of Promise",
        ),
        (
            "{a: new Uint8Array(2)}",
            "TypeError: `condition` at `/a` is an instance of Uint8Array",
        ),
        ("new Map()", "TypeError: `condition` is an instance of Map"),
        (
            "{a: {[Symbol('k')]: 1}}",
            "TypeError: `condition` at `/a` has a symbol as a key",
        ),
        (
            "(() => { const a = []; a[0] = a; return {a} })()",
            "TypeError: `condition` at `/a/0` is a cycle",
        ),
        (
            "{a: Symbol('s')}",
            "TypeError: `condition` at `/a` is a symbol",
        ),
        (
            "{a: /x/y}",
            "TypeError: `condition` at `/a` is a regular expression with the flag `y`",
        ),
        (
            "(() => { const a = {}; a.b = {a}; return a })()",
            "TypeError: `condition` at `/b/a` is a cycle",
        ),
        (
            "{get a() { throw new Error('no') }}",
            "Error: no\n  at step.js:1:",
        ),
    ] {
        let refused = compile(pattern).unwrap_err();
        assert!(refused.starts_with(text), "{pattern}: {refused}");
    }
}

#[test]
fn both_exports_must_be_there() {
    for (source, text) in [
        (
            "export const content = () => {}",
            "TypeError: the step exports no `condition`",
        ),
        (
            "export const condition = {}",
            "TypeError: the step exports no `content`",
        ),
        (
            "export const condition = {}; export const content = 1",
            "TypeError: `content` is a number; it must be a function",
        ),
        ("", "TypeError: the step exports no `condition`"),
    ] {
        let refused = step(source).condition().unwrap_err();
        assert!(refused.starts_with(text), "{source}: {refused}");
    }
}

#[test]
fn a_syntax_error_is_shown_where_it_is() {
    let source = "export const condition = {};\nexport const content = () => {\n  const a = ;\n};";
    let text = step(source)
        .named("forms/contact.js")
        .condition()
        .unwrap_err();
    assert_eq!(
        text,
        "SyntaxError: unexpected token in expression: ';'\n  at forms/contact.js:3:13\n  3 |   const a = ;\n    |             ^"
    );
    let twice = "export const content = 1;\nexport const content = 2;\nexport const condition = {}";
    let text = step(twice).condition().unwrap_err();
    assert!(
        text.starts_with("SyntaxError: ") && text.contains("at step.js:2:"),
        "{text}"
    );
}

#[test]
fn a_polluted_prototype_does_not_reach_the_pattern() {
    let source = "Object.prototype.toJSON = () => 'lie'; Array.prototype.toJSON = () => 1; JSON.stringify = () => '0';\n\
                  export const condition = {a: [String]}; export const content = () => {}";
    assert_eq!(
        step(source).condition().unwrap(),
        r#"{"a":[{"$type":"string"}]}"#
    );
}

#[test]
fn texts_of_other_editors_are_fine() {
    let source = "\u{feff}export const condition = {a: 1};\r\nexport const content = () => {};\r\n";
    assert_eq!(step(source).condition().unwrap(), r#"{"a":1}"#);
}
