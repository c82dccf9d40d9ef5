//! `console`, as Node prints.

#![allow(missing_docs)]

use crate::common::content;

fn print(arguments: &str) -> String {
    content(&format!("console.log({arguments})"))
        .run()
        .printed()
        .join("|")
}

#[test]
fn values_look_as_in_node() {
    for (value, text) in [
        ("", ""),
        (
            "'a', 1, -0, true, null, undefined, 12n, Symbol('s')",
            "a 1 -0 true null undefined 12n Symbol(s)",
        ),
        (
            "{a: 1, 'b-c': 'x', [Symbol('k')]: 2}",
            "{ a: 1, 'b-c': 'x', [Symbol(k)]: 2 }",
        ),
        ("[1, 'a', , {b: []}]", "[ 1, 'a', <empty item>, { b: [] } ]"),
        (
            "{a: {b: {c: {d: 1}}}, l: [[[[1]]]]}",
            "{ a: { b: { c: [Object] } }, l: [ [ [Array] ] ] }",
        ),
        (
            "[\"it's\", 'say \"x\"', 'new\\nline']",
            "[ \"it's\", 'say \"x\"', 'new\\nline' ]",
        ),
        (
            "new Map([['a', {b: 1}]]), new Set([1, 'x'])",
            "Map(1) { 'a' => { b: 1 } } Set(2) { 1, 'x' }",
        ),
        (
            "new Date(0), new Date(NaN), /x/gi",
            "1970-01-01T00:00:00.000Z Invalid Date /x/gi",
        ),
        (
            "function f() {}, () => 1, class A {}, class B extends Map {}, async () => 1",
            "[Function: f] [Function (anonymous)] [class A] [class B extends Map] [AsyncFunction (anonymous)]",
        ),
        (
            "new (class Foo { x = 1; })(), Object.create(null), new (class {})",
            "Foo { x: 1 } [Object: null prototype] {} {}",
        ),
        (
            "new Uint8Array([1, 2]), Buffer.from('hi'), new ArrayBuffer(3)",
            "Uint8Array(2) [ 1, 2 ] <Buffer 68 69> ArrayBuffer { byteLength: 3 }",
        ),
        (
            "Promise.resolve(1), new Promise(() => {}), Promise.resolve([2])",
            "Promise { 1 } Promise { <pending> } Promise { [ 2 ] }",
        ),
        (
            "{get a() { return 1 }, set a(v) {}, get b() { return 1 }, set c(v) {}}",
            "{ a: [Getter/Setter], b: [Getter], c: [Setter] }",
        ),
        (
            "new Number(1), new String('s'), Object(false)",
            "[Number: 1] [String: 's'] [Boolean: false]",
        ),
        (
            "{f() {}, g: class {}}",
            "{ f: [Function: f], g: [class g] }",
        ),
        ("new Proxy({a: 1}, {})", "{ a: 1 }"),
        (
            "'%s is %d, %i, %f, %j, %o, %O, %%, %c.', 'x', '4.5', 4.5, '1.5', {a: 1}, [1], {b: 2}, 'css'",
            "x is 4.5, 4, 1.5, {\"a\":1}, [ 1 ], { b: 2 }, %, .",
        ),
        ("'100%', 'a %s', 1", "100% a %s 1"),
        ("'%s %s', 'one'", "one %s"),
        ("'%s', {a: {b: 1}}, 'rest'", "{ a: [Object] } rest"),
        ("'%d', 5n, '%s'", "5n %s"),
    ] {
        assert_eq!(print(value), text, "{value}");
    }
}

#[test]
fn circles_are_marked() {
    let text = content("const a = {n: 1, l: []}; a.me = a; a.l.push(a); console.log(a, [a])")
        .run()
        .printed();
    assert_eq!(
        text[0],
        "<ref *1> { n: 1, l: [ [Circular *1] ], me: [Circular *1] } [ <ref *1> { n: 1, l: [ [Circular *1] ], me: [Circular *1] } ]"
    );
}

#[test]
fn long_values_take_lines() {
    let long = print("{name: 'x'.repeat(40), other: 'y'.repeat(40)}");
    assert_eq!(
        long,
        format!(
            "{{\n  name: '{}',\n  other: '{}'\n}}",
            "x".repeat(40),
            "y".repeat(40)
        )
    );
    assert!(print("new Array(200).fill(1)").ends_with("... 100 more items\n]"));
    assert!(print("'x'.repeat(1e6)").len() < 200_000);
}

#[test]
fn errors_show_the_authors_frames() {
    assert_eq!(
        print("new TypeError('t')"),
        "TypeError: t\n    at content (step.js:3:17)"
    );
    let error = print("[Object.assign(new Error('x'), {code: 'E', stack: ''})]");
    assert_eq!(error, "[ [Error: x] { code: 'E' } ]");
}

#[test]
fn data_is_shown_though_it_is_lazy() {
    let big: Vec<u32> = (0..2000).collect();
    let ran = content("console.log(data)")
        .data(serde_json::json!({"a": 1, "big": big}))
        .run();
    let text = &ran.printed()[0];
    assert!(text.starts_with("{\n  a: 1,\n  big: [\n    0,\n"), "{text}");
}

#[test]
fn levels_and_the_rest() {
    let ran = content(
        "console.info('i'); console.debug('d'); console.warn('w %s', 1); console.error('e'); console.assert(1 > 2, 'no %s', 'way');
         console.assert(true); console.group('g'); console.log('in\\nside'); console.groupEnd(); console.count(); console.count();
         console.dir({a: 1}); console.time('t'); console.timeEnd('t'); console.trace('here'); console.table([1])",
    )
    .run();
    let printed = ran.printed();
    let expected = [
        "i",
        "d",
        "Warn: w 1",
        "Error: e",
        "Error: Assertion failed: no way",
        "g",
        "  in\n  side",
        "default: 1",
        "default: 2",
        "{ a: 1 }",
        "t: 0ms",
        "Trace: here\n    at content (step.js:5:80)",
        "[ 1 ]",
    ];
    assert_eq!(printed, expected);
}
