//! The document as `data`: it looks like a plain object, and only what changed is written.

#![allow(missing_docs)]

use crate::common::{content, step};
use serde_json::{Value, json};

/// A document with a member that is parsed when touched.
fn large() -> Value {
    let rows: Vec<Value> = (0..100)
        .map(|n| json!({"id": n, "name": format!("row {n}")}))
        .collect();
    json!({"first": 1, "rows": rows, "$via": {"name": "x"}, "big": {"rows": rows, "n": 1}, "last": "z"})
}

#[test]
fn a_step_that_touches_nothing_writes_nothing() {
    for data in [json!({"a": 1, "b": [1, {"c": null}]}), large()] {
        assert_eq!(content("").data(data).run().changes(), [""; 0]);
    }
}

#[test]
fn reading_is_not_writing() {
    let text =
        r#"{"n":12345678901234567890,"d":1.10,"e":1e400,"s":"é\n","u":"\u00e9","l":[1.0,-0]}"#;
    let ran = content("JSON.stringify(data); console.log(data.n, data.u)")
        .text(text)
        .run();
    assert_eq!(ran.changes(), [""; 0]);
}

#[test]
fn an_untouched_number_keeps_its_digits() {
    let text = r#"{"a":{"big":12345678901234567890,"price":1.10,"inf":1e400,"x":1},"l":[98765432109876543210,1]}"#;
    let ran = content("data.a.x = 2; data.l.push(3); data = {...data, y: true}")
        .text(text)
        .run();
    assert_eq!(ran.changes(), ["/a/x = 2", "/l/2 = 3", "/y = true"]);
    let text = ran.data().to_string();
    assert!(
        text.contains("12345678901234567890") && text.contains("1.10"),
        "{text}"
    );
}

#[test]
fn changes_are_as_small_as_what_was_done() {
    let data = json!({"a": {"b": {"c": 1, "d": 2}}, "l": [1, 2, 3, 4], "gone": 1, "k/~": 1});
    let ran = content(
        "data.a.b.c++; delete data.a.b.d; data.a.b.e = [{}]; delete data.gone; data['k/~'] = 'x';
         data.l.splice(1, 2)",
    )
    .data(data)
    .run();
    let expected = [
        "/a/b/c = 2",
        "/a/b/e = [{}]",
        "/a/b/d -",
        "/l/2 -",
        "/l/1 -",
        "/k~1~0 = \"x\"",
        "/gone -",
    ];
    assert_eq!(ran.changes(), expected);
    let after = json!({"a": {"b": {"c": 2, "e": [{}]}}, "l": [1, 4], "k/~": "x"});
    assert_eq!(ran.data(), after);
}

#[test]
fn arrays_come_out_as_they_were_left() {
    for (code, after) in [
        ("data.l.shift()", json!([2, 3])),
        ("data.l.pop()", json!([1, 2])),
        ("data.l.unshift(0)", json!([0, 1, 2, 3])),
        ("data.l.reverse()", json!([3, 2, 1])),
        ("data.l = data.l.filter((n) => n % 2)", json!([1, 3])),
        ("data.l.length = 0", json!([])),
        ("data.l = [1, 9]", json!([1, 9])),
        ("data.l[5] = 6", json!([1, 2, 3, null, null, 6])),
        ("data.l = {0: 1}", json!({"0": 1})),
        ("data.l = [[1], undefined, NaN]", json!([[1], null, null])),
    ] {
        let ran = content(code).data(json!({"l": [1, 2, 3]})).run();
        assert_eq!(ran.data()["l"], after, "{code}");
    }
}

#[test]
fn a_large_document_looks_plain() {
    let ran = content(
        "console.log(Object.keys(data).join(), 'rows' in data, Object.entries(data).length);
         const names = []; for (const key in data) names.push(key);
         console.log(names.join(), {...data}.rows.length, structuredClone(data).big.rows[99].id);
         console.log(data.rows === data.rows, data.big.rows !== data.rows, JSON.stringify(data).length);",
    )
    .data(large())
    .run();
    let printed = ran.printed();
    assert_eq!(printed[0], "first,rows,$via,big,last true 5");
    assert_eq!(printed[1], "first,rows,$via,big,last 100 99");
    let length = large().to_string().len();
    assert_eq!(printed[2], format!("true true {length}"));
    assert_eq!(ran.changes(), [""; 0]);
}

#[test]
fn a_large_document_changes_as_a_small_one() {
    let run = |code: &str| content(code).data(large()).run().changes();
    assert_eq!(run("data.rows[3].name = 'new'"), ["/rows/3/name = \"new\""]);
    assert_eq!(run("data.big.n = 2"), ["/big/n = 2"]);
    assert_eq!(run("data.rows = 1"), ["/rows = 1"]);
    assert_eq!(run("delete data.rows"), ["/rows -"]);
    assert_eq!(run("data.copy = data.$via"), ["/copy = {\"name\":\"x\"}"]);
    assert_eq!(
        run("Object.assign(data, {rows: data.rows, last: 'a'})"),
        ["/last = \"a\""]
    );
    assert_eq!(run("data.rows.length = 99"), ["/rows/99 -"]);
    assert_eq!(
        run("Object.freeze(data); data.rows[0].id = 7"),
        ["/rows/0/id = 7"]
    );
    let moved =
        "Object.defineProperty(data, 'first', Object.getOwnPropertyDescriptor(data, 'rows'))";
    assert!(run(moved)[0].starts_with("/first = [{\"id\":0"));
}

#[test]
fn values_are_written_as_json_has_them() {
    let ran = content(
        r#"data.when = new Date(0); data.none = undefined; data.half = 'a\ud800b'; data.text = 'q"\\\n\u0001🚨';
         data.nan = NaN; data.exp = 1e21; data.small = 1e-7; data.zero = -0; data.int = 5.0;
         data.boxed = [new String('s'), new Number(1), Object(true)];
         data.url = new URL('https://a.example/b'); data.own = { toJSON: () => ({ x: 1 }) };
         data.map = new Map([[1, 2]]); data['__proto__'] = 1; data.bad = new Date(NaN)"#,
    )
    .run();
    let expected = json!({
        "when": "1970-01-01T00:00:00.000Z", "half": "a\u{fffd}b", "text": "q\"\\\n\u{1}🚨",
        "nan": null, "exp": 1e21, "small": 1e-7, "zero": 0, "int": 5,
        "boxed": ["s", 1, true], "url": "https://a.example/b", "own": {"x": 1}, "map": {}, "bad": null,
    });
    let data = ran.data();
    for (key, value) in expected.as_object().unwrap() {
        let same = match (value.as_f64(), data[key].as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => *value == data[key],
        };
        assert!(same, "{key}: {value} and {}", data[key]);
    }
    assert_eq!(
        data.as_object().unwrap().len(),
        expected.as_object().unwrap().len()
    );
}

#[test]
fn what_json_cannot_hold_is_refused_by_its_place() {
    for (code, text) in [
        (
            "data.a = { b: [] }; data.a.b.push(data.a)",
            "`/a/b/0` is a cycle: it is an object that it lies in itself",
        ),
        (
            "data.a = [1, 2n]",
            "`/a/1` is a BigInt, which JSON cannot hold; use a number or a string",
        ),
        (
            "data.a = { f() {} }",
            "`/a/f` is a function, which JSON cannot hold",
        ),
        (
            "data.a = Symbol('x')",
            "`/a` is a symbol, which JSON cannot hold",
        ),
        (
            "data.a = { get b() { throw new Error('no') } }",
            "`/a/b` cannot be read: Error: no",
        ),
        (
            "data.a = connectors.fetch('https://a.example')",
            "`/a` cannot be read: TypeError: it is a promise; await it",
        ),
        (
            "data.a = { toJSON() { throw new TypeError('t') } }",
            "`/a` cannot be read: TypeError: t",
        ),
        (
            "data = 'text'",
            "`data` must stay an object, and it is a string",
        ),
        ("data = null", "`data` must stay an object, and it is null"),
        (
            "data = []",
            "`data` must stay an object, and it is an array",
        ),
        (
            "data = () => 1",
            "`data` must stay an object, and it is a function",
        ),
        (
            "let a = data.a = {}; for (let i = 0; i < 200; i++) a = a.a = {}",
            "is nested deeper than 128 levels",
        ),
    ] {
        let ran = content(&format!("data.n = 2; {code}"))
            .data(json!({"n": 1}))
            .run();
        let stop = ran.stop();
        assert!(stop.ends_with(text), "{code}: {stop}");
        assert_eq!(*ran.host.changes.borrow(), [""; 0], "{code}");
    }
}

#[test]
fn replaced_data_is_compared_with_what_was_there() {
    let ran = content("data = { b: data.b, c: 3 }")
        .data(json!({"a": 1, "b": {"x": 1}}))
        .run();
    assert_eq!(ran.changes(), ["/c = 3", "/a -"]);
    assert_eq!(ran.data(), json!({"b": {"x": 1}, "c": 3}));
}

#[test]
fn a_failed_run_changes_nothing() {
    let ran = content("data.a = 2; throw new Error('x')")
        .data(json!({"a": 1}))
        .run();
    ran.retry();
    assert_eq!(*ran.host.changes.borrow(), [""; 0]);
}

#[test]
fn keys_that_look_special_are_keys() {
    let text = r#"{"__proto__":{"a":1},"constructor":2,"toString":3,"2":"b","1":"a"}"#;
    let ran = content("data.constructor = 4; data.done = Object.keys(data).length")
        .text(text)
        .run();
    assert_eq!(ran.changes(), ["/constructor = 4", "/done = 5"]);
}

#[test]
fn names_beyond_ascii_are_those_that_they_are() {
    let text = "{\"Ã©\":1,\"é\":2,\"ключ\":3,\"🚨\":4,\"a b\":5,\"\":6}";
    let ran = content("console.log(data['é'], data['Ã©'], data.ключ, data['🚨'], data['']); data['é'] = 7; console.log(JSON.stringify(data))")
        .text(text)
        .run();
    let after = text.replace("\"é\":2", "\"é\":7");
    assert_eq!(ran.printed(), ["2 1 3 4 6", &after]);
    assert_eq!(ran.changes(), ["/é = 7"]);
}

#[test]
fn elements_that_were_taken_away_are_those_that_are_removed() {
    let rows: Vec<Value> = (0..300)
        .map(|n| json!({"id": n, "twin": 9_007_199_254_740_992_u64 + n % 2}))
        .collect();
    for (code, changes) in [
        ("data.rows.shift()", vec!["/rows/0 -"]),
        ("data.rows.splice(7, 2)", vec!["/rows/8 -", "/rows/7 -"]),
        ("data.rows.pop()", vec!["/rows/299 -"]),
        ("data.rows[5].id = 9", vec!["/rows/5/id = 9"]),
        ("data.rows.push({})", vec!["/rows/300 = {}"]),
        (
            "data.rows = data.rows.filter((row) => row.id !== 100)",
            vec!["/rows/100 -"],
        ),
    ] {
        let ran = content(code).data(json!({"rows": rows, "a": 1})).run();
        assert_eq!(ran.changes(), changes, "{code}");
    }
    // Rows that differ by nothing that JavaScript sees.
    let text = r#"{"rows":[{"id":9007199254740992},{"id":9007199254740993}],"ids":[9007199254740992,9007199254740993]}"#;
    let ran = content("data.rows.shift()").text(text).run();
    assert_eq!(
        ran.data()["rows"].to_string(),
        r#"[{"id":9007199254740993}]"#
    );
    let stop = content("data.ids.shift()").text(text).run().stop();
    assert!(
        stop.contains("either 9007199254740992 or 9007199254740993"),
        "{stop}"
    );
}

#[test]
fn odd_texts_come_through() {
    let ran = content(r"data['a\0b'] = 'c\0d'; data['h\ud800'] = 1; data.old = data.was")
        .data(json!({"was": "x\u{0}y", "k\u{0}": 1}))
        .run();
    let after = json!({"was": "x\u{0}y", "k\u{0}": 1, "a\u{0}b": "c\u{0}d", "h\u{fffd}": 1, "old": "x\u{0}y"});
    assert_eq!(ran.data(), after);
    let ran = content("data.x = Object.keys(await import('./c.js')).length")
        .file(
            "c.js",
            r"exports.a = 1; exports['h\ud800'] = 2; exports['n\0'] = 3; exports[''] = 4",
        )
        .run();
    assert_eq!(ran.data(), json!({"x": 2}));
}

#[test]
fn many_members_in_another_order_are_found() {
    let members: Vec<String> = (0..2000).rev().map(|n| format!("\"{n}\":{n}")).collect();
    let text = format!("{{{}}}", members.join(","));
    let ran = content("data[7] = 8; delete data[9]").text(&text).run();
    assert_eq!(ran.changes(), ["/7 = 8", "/9 -"]);
}

#[test]
fn the_top_level_of_a_module_sees_data() {
    let source = "const n = data.n; export const condition = {}; export const content = () => { data.m = n }";
    assert_eq!(
        step(source).data(json!({"n": 4})).run().changes(),
        ["/m = 4"]
    );
}

#[test]
fn a_name_stays_its_own_however_many_come_inside_its_value() {
    // Names share the places of the parser's cache, so that an outer one loses its place.
    let inside: Vec<String> = (0..600)
        .map(|n| format!("\"n{n}{}\":{{\"x{n}\":{n}}}", n * 7919))
        .collect();
    for outer in ["originalRequest", "a", "items", "\u{e9}", "n3"] {
        let text = format!(
            "{{\"{outer}\":{{{}}},\"last\":[{{\"{outer}\":1}}]}}",
            inside.join(",")
        );
        let data: Value = serde_json::from_str(&text).unwrap();
        let ran = content(
            "data.copy = structuredClone(data); data.again = JSON.parse(JSON.stringify(data.copy))",
        )
        .data(data.clone())
        .run();
        let after = ran.data();
        assert_eq!(after[outer], data[outer], "{outer}");
        assert_eq!(after["copy"], data, "{outer}");
        assert_eq!(after["again"], data, "{outer}");
    }
}

#[test]
fn a_large_member_looks_as_if_it_was_read() {
    let ran = content(
        "const found = Object.getOwnPropertyDescriptor(data, 'rows');
         console.log(Object.keys(found).join(), Array.isArray(found.value), data.rows.length, `${data.big}`)",
    )
    .data(large())
    .run();
    assert_eq!(
        ran.printed(),
        ["value,writable,enumerable,configurable true 100 [object Object]"]
    );
    assert_eq!(ran.changes(), [""; 0]);
}

/// An object whose shape comes for the first time is written and compared as it stands in memory, and others by what is
/// known of their shape.
#[test]
fn objects_of_any_shape_are_written_and_compared() {
    let objects = [
        "{a: 1}",
        "{a: undefined, b: 2, c: Symbol('s'), d: () => 1, e: null}",
        "{b: 1, 1: 2, a: 3, 0: 4}",
        r#"{'é': 1, 'q"': 2, '\n': 3, '': 4, '🚨': 5, '\ud83d': 6}"#,
        "{a: {a: {a: 1}}, b: [{a: 1}, {a: 2}, {a: 2, b: 1}]}",
        "Object.defineProperty({a: 1, c: 2}, 'b', {value: 2})",
        "Object.defineProperty({a: 1}, 'b', {get: () => 'got', enumerable: true})",
        "{a: 1, toJSON: () => 'mine'}",
        "Object.assign(Object.create({toJSON() { return {...this, z: 1} }}), {a: 1})",
        "Object.assign(Object.create(null), {a: 1, b: 'x'})",
        "{[Symbol('s')]: 1, a: 2}",
        "(() => { const o = {a: 1, b: 2, c: 3}; delete o.a; o.d = 4; return o })()",
        "new (class { #p = 1; a = 2 })()",
        "{a: new Date(0), b: NaN, c: -0, d: 1e21, e: [undefined]}",
    ];
    let body = format!(
        "data.same = [{}].map((o) => {{
           const slow = JSON.stringify([o, o], (key, value) => value);
           return [JSON.stringify([o, o]) === slow, JSON.stringify([o, o], null, 1) === JSON.stringify(JSON.parse(slow), null, 1)];
         }});
         data.kept.b = 3; delete data.kept.c; data.list[1].x = 0;",
        objects.join(", ")
    );
    let kept = r#"{"a":1.50,"b":2,"c":3,"d":{"e":[1,2]},"f\u00e9":1}"#;
    let text = format!(
        r#"{{"kept":{kept},"list":[{{"x":1,"y":2}},{{"x":1,"y":2}},{{"x":1,"y":2}}],"last":7.0}}"#
    );
    let ran = content(&body).text(&text).run();
    let data = ran.data();
    let same = vec![json!([true, true]); objects.len()];
    assert_eq!(data["same"], json!(same));
    let changes: Vec<String> = ran.changes();
    assert_eq!(
        changes[..3],
        ["/kept/b = 3", "/kept/c -", "/list/1/x = 0"],
        "{changes:?}"
    );
    assert_eq!(changes.len(), 4, "{changes:?}");
}
