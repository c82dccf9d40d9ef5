//! Numbers that JavaScript cannot hold: those that a step only moves keep their text.

#![allow(missing_docs)]

use crate::common::{content, response, step};
use serde_json::json;

/// Ids of 64 bits, and decimals that are written with more than they need.
const TEXT: &str = r#"{"id":9007199254740993,"price":1.10,"rate":0.1000000000000000055,"size":1e3,"n":7,"half":0.5,"row":{"id":1234567890123456789,"x":1},"ids":[12345678901234567,3]}"#;

/// The changes of a step on [`TEXT`].
fn changes(body: &str) -> Vec<String> {
    content(body).text(TEXT).run().changes()
}

#[test]
fn a_number_that_is_moved_keeps_its_text() {
    for (body, change) in [
        ("data.copy = data.id", "/copy = 9007199254740993"),
        ("data.copy = data.price", "/copy = 1.10"),
        ("data.copy = data.rate", "/copy = 0.1000000000000000055"),
        ("data.copy = data.size", "/copy = 1e3"),
        (
            "data.copy = [data.id, {a: data.row.id}]",
            r#"/copy = [9007199254740993,{"a":1234567890123456789}]"#,
        ),
        (
            "data.copy = {...data.row}",
            r#"/copy = {"id":1234567890123456789,"x":1}"#,
        ),
        (
            "data.copy = Object.assign({}, data.row)",
            r#"/copy = {"id":1234567890123456789,"x":1}"#,
        ),
        (
            "data.copy = data.row",
            r#"/copy = {"id":1234567890123456789,"x":1}"#,
        ),
        (
            "data.copy = structuredClone(data.row)",
            r#"/copy = {"id":1234567890123456789,"x":1}"#,
        ),
        (
            "data.copy = JSON.parse(JSON.stringify(data.row))",
            r#"/copy = {"id":1234567890123456789,"x":1}"#,
        ),
        (
            "const { id, ...rest } = data.row; data.copy = {rest, id}",
            r#"/copy = {"rest":{"x":1},"id":1234567890123456789}"#,
        ),
        (
            "data.copy = data.ids.map((id) => ({id}))",
            r#"/copy = [{"id":12345678901234567},{"id":3}]"#,
        ),
        (
            "data.copy = Math.max(...data.ids)",
            "/copy = 12345678901234567",
        ),
        (
            "data.ids.reverse(); delete data.n",
            "/ids/0 = 3 /ids/1 = 12345678901234567 /n -",
        ),
        (
            "data.ids.unshift(1)",
            "/ids/0 = 1 /ids/1 = 12345678901234567 /ids/2 = 3",
        ),
        ("data.row.x = data.id", "/row/x = 9007199254740993"),
        ("data = {...data, x: data.id}", "/x = 9007199254740993"),
    ] {
        assert_eq!(changes(body).join(" "), change, "{body}");
    }
}

#[test]
fn a_number_that_is_computed_is_javascripts() {
    for (body, change) in [
        (
            "data.copy = 9007199254740994 + 2",
            "/copy = 9007199254740996",
        ),
        ("data.copy = data.n * 10 / 7", "/copy = 10"),
        ("data.copy = 5", "/copy = 5"),
        ("data.copy = 0.1 + 0.2", "/copy = 0.30000000000000004"),
        ("data.copy = data.half + 1", "/copy = 1.5"),
        ("data.id++", "/id = 9007199254740992"),
        ("data.copy = 1e21", "/copy = 1e+21"),
    ] {
        // The increment of an id beyond 2^53 changes nothing in JavaScript.
        let expected = if body == "data.id++" { "" } else { change };
        assert_eq!(changes(body).join(" "), expected, "{body}");
    }
}

#[test]
fn json_has_the_numbers_as_they_came() {
    let ran = content(
        "console.log(JSON.stringify(data)); data.row.x; console.log(JSON.stringify(data.row));
         console.log(JSON.stringify([data.id, data.price], null, 1));
         console.log(JSON.stringify({a: data.id}, (key, value) => value));
         console.log(JSON.stringify({b: data.id, a: data.row}, ['a', 'id']));
         console.log(JSON.stringify(new (class { toJSON() { return data.id } })()));
         console.log(JSON.stringify({get a() { return data.id }}))",
    )
    .text(TEXT)
    .run();
    let expected = [
        TEXT,
        r#"{"id":1234567890123456789,"x":1}"#,
        "[\n 9007199254740993,\n 1.10\n]",
        r#"{"a":9007199254740993}"#,
        r#"{"a":{"id":1234567890123456789}}"#,
        "9007199254740993",
        r#"{"a":9007199254740993}"#,
    ];
    assert_eq!(ran.printed(), expected);
    assert_eq!(ran.changes(), [""; 0]);
}

#[test]
fn what_leaves_the_step_has_the_numbers_as_they_came() {
    let ran = content(
        "data.row.id; const { id } = data;
         await connectors.fetch({ url: 'https://a.example/', options: { method: 'POST', body: data } });
         await fetch('https://a.example/', { method: 'POST', body: { id } });
         await connectors.shop.put({ id });
         task.subtask('s', { id, row: data.row });
         task.complete({ id, price: data.price })",
    )
    .text(TEXT)
    .run();
    assert_eq!(ran.ended, Ok(()));
    let bodies: Vec<String> = ran
        .host
        .requests
        .borrow()
        .iter()
        .map(|request| String::from_utf8(request.body.clone()).unwrap())
        .collect();
    assert_eq!(bodies, [TEXT, r#"{"id":9007199254740993}"#]);
    let calls = ran.host.calls.borrow();
    assert_eq!(calls[0].2.to_string(), r#"{"id":9007199254740993}"#);
    let asked = ran.host.asked.borrow();
    assert!(
        asked[0].contains(r#"{"id":9007199254740993,"row":{"id":1234567890123456789,"x":1}}"#),
        "{asked:?}"
    );
    assert!(
        asked[1].contains(r#"{\"id\":9007199254740993,\"price\":1.10}"#),
        "{asked:?}"
    );
}

#[test]
fn numbers_of_an_answer_keep_their_text_too() {
    let body = br#"{"id":9007199254740993,"list":[{"id":9007199254740995}]}"#;
    let ran = content(
        "const { body } = await connectors.fetch('https://a.example/');
         data.id = body.id; data.list = body.list;
         data.web = (await (await fetch('https://a.example/')).json()).id",
    )
    .answer(response(200, "application/json", body))
    .answer(response(
        200,
        "application/json",
        b"{\"id\": 12345678901234567890}",
    ))
    .run();
    let expected = [
        "/id = 9007199254740993",
        r#"/list = [{"id":9007199254740995}]"#,
        "/web = 12345678901234567890",
    ];
    assert_eq!(ran.changes(), expected);
}

/// Two ids that JavaScript takes for one.
const TWINS: &str = r#"{"a":{"id":9007199254740992},"b":{"id":9007199254740993},"ids":[9007199254740992,9007199254740993]}"#;

#[test]
fn ids_that_are_one_number_in_javascript_are_told_apart_by_their_place() {
    for (body, change) in [
        ("data.copy = data.b", r#"/copy = {"id":9007199254740993}"#),
        ("data.b.x = 1", "/b/x = 1"),
        (
            "data.list = [data.b, data.a]",
            r#"/list = [{"id":9007199254740993},{"id":9007199254740992}]"#,
        ),
        (
            "data.list = structuredClone([data.b])",
            r#"/list = [{"id":9007199254740993}]"#,
        ),
        ("data.ids.push(1)", "/ids/2 = 1"),
        (
            "data.copy = data.ids",
            "/copy = [9007199254740992,9007199254740993]",
        ),
        (
            "[data.a, data.b] = [data.b, data.a]",
            "/a/id = 9007199254740993 /b/id = 9007199254740992",
        ),
    ] {
        let ran = content(body).text(TWINS).run();
        assert_eq!(ran.changes().join(" "), change, "{body}");
    }
    let ran = content("data.a.id; data.b.id; data.ids.length; console.log(JSON.stringify(data)); await fetch('https://a.example', {method: 'POST', body: data})")
        .text(TWINS)
        .run();
    assert_eq!(ran.printed(), [TWINS]);
    assert_eq!(ran.host.requests.borrow()[0].body, TWINS.as_bytes());
}

#[test]
fn an_id_that_may_be_another_is_an_error_and_not_the_other() {
    let why =
        "either 9007199254740992 or 9007199254740993, which are the same number in JavaScript";
    for body in [
        "data.copy = data.b.id + 0 * data.a.id",
        "data.copy = [data.b.id, data.a.id]",
        "data.copy = {...data.b, id2: data.a.id}",
    ] {
        let stop = content(body).text(TWINS).run().stop();
        assert!(
            stop.starts_with("`/copy` ") && stop.contains(why),
            "{body}: {stop}"
        );
    }
    for body in [
        "JSON.stringify([data.a.id, data.b.id])",
        "data.a.id; await fetch('https://a.example', {method: 'POST', body: {id: data.b.id}})",
        "data.a.id; task.complete({id: data.b.id})",
    ] {
        let retry = content(body).text(TWINS).run().retry();
        assert!(retry.contains(why), "{body}: {retry}");
    }
    // A short number of the data that a long one is rounded to.
    let text = r#"{"a":0.1,"b":0.1000000000000000055}"#;
    let stop = content("data.b; data.copy = data.a")
        .text(text)
        .run()
        .stop();
    assert!(
        stop.contains("either 0.1 or 0.1000000000000000055"),
        "{stop}"
    );
}

#[test]
fn raw_json_is_the_number_that_it_says() {
    let ran = content(
        r#"data.id = JSON.rawJSON("9007199254740993"); data.list = [JSON.rawJSON("1.10"), JSON.rawJSON('"t"'), JSON.rawJSON("null")];
           data.old = JSON.rawJSON("2"); data.copy = structuredClone({a: data.id});
           console.log(JSON.isRawJSON(data.id), JSON.isRawJSON({}), JSON.stringify({a: data.id}));
           task.complete({id: data.id});
           await fetch('https://a.example', {method: 'POST', body: {id: data.id}})"#,
    )
    .data(json!({"old": {"rawJSON": 1}}))
    .run();
    let expected = [
        "/old = 2",
        "/id = 9007199254740993",
        r#"/list = [1.10,"t",null]"#,
        r#"/copy = {"a":9007199254740993}"#,
    ];
    assert_eq!(ran.changes(), expected);
    assert_eq!(ran.logs(), [r#"true false {"a":9007199254740993}"#]);
    assert_eq!(
        ran.host.requests.borrow()[0].body,
        br#"{"id":9007199254740993}"#
    );
}

#[test]
fn a_reviver_is_given_the_text() {
    let ran = content(
        r#"const keep = (key, value, { source }) => (typeof value === 'number' && !Number.isSafeInteger(value) ? BigInt(source) : value);
           console.log(JSON.parse('{"a":[9007199254740993,1]}', keep).a)"#,
    )
    .run();
    assert_eq!(ran.printed(), ["[ 9007199254740993n, 1 ]"]);
}

#[test]
fn json_is_still_javascripts() {
    let ran = content(
        r#"const all = [
             JSON.stringify.name, JSON.stringify.length, JSON.parse.length, 'prototype' in JSON.parse,
             JSON.stringify(undefined), JSON.stringify(() => 1), JSON.stringify('a\ud800"'), JSON.stringify(NaN), JSON.stringify(-0),
             JSON.stringify({ a: undefined, b: () => 1, c: [undefined, Symbol()], [Symbol()]: 1, d: new Date(0) }),
             JSON.stringify([new Number(1), new String('s'), Object(true)]), JSON.stringify({ 2: 1, b: 1, 1: 1 }),
             JSON.stringify({ a: [1, {}], b: [] }, null, 2), JSON.stringify([1], null, '--'), JSON.stringify({ a: 1 }, null, new Number(1)),
             JSON.stringify({ a: 1, b: { a: 2, c: 3 } }, ['b', 'a', 'a']), JSON.stringify(new Map([[1, 2]])), JSON.stringify([1, , 3]),
             JSON.stringify(Object.create({ x: 1 }, { y: { value: 2, enumerable: true } })), JSON.stringify(Object.create(null)),
             JSON.parse(' [1, "\\ud83d\\ude00", {"a": 1, "a": 2, "__proto__": 3}, 1e400, -0] ').length, JSON.parse('"\\ud800"').length,
             JSON.parse({ toString: () => '[7]' })[0], Object.keys(JSON.parse('{"b":1,"1":2,"a":3}')).join(), Object.is(JSON.parse('-0'), -0),
           ];
           for (const one of all) console.log(one);
           for (const text of ['', '{', '[1,]', '{"a":1,}', '01', '1.', '"\n"', "'a'", '[1] 2', 'nul', '{"a" 1}', '"\\x"', '\u00a01']) {
             try { JSON.parse(text); console.log(`taken: ${text}`) } catch (e) { if (e.name !== 'SyntaxError') console.log(e) }
           }
           for (const value of [10n, (() => { const a = []; a.push(a); return a })()]) {
             try { JSON.stringify(value); console.log('taken') } catch (e) { if (e.name !== 'TypeError') console.log(e) }
           }
           const deep = '['.repeat(2000) + ']'.repeat(2000); console.log(JSON.stringify(JSON.parse(deep)) === deep)"#,
    )
    .run();
    let expected = [
        "stringify",
        "3",
        "2",
        "false",
        "undefined",
        "undefined",
        "\"a\\ud800\\\"\"",
        "null",
        "0",
        r#"{"c":[null,null],"d":"1970-01-01T00:00:00.000Z"}"#,
        r#"[1,"s",true]"#,
        r#"{"1":1,"2":1,"b":1}"#,
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}",
        "[\n--1\n]",
        "{\n \"a\": 1\n}",
        r#"{"b":{"a":2},"a":1}"#,
        "{}",
        "[1,null,3]",
        r#"{"y":2}"#,
        "{}",
        "5",
        "1",
        "7",
        "1,b,a",
        "true",
        "true",
    ];
    assert_eq!(ran.printed(), expected);
}

#[test]
fn what_a_step_does_to_prototypes_shows_as_elsewhere() {
    let ran = content(
        "Object.prototype.toJSON = function () { return 'lie' }; console.log(JSON.stringify({a: 1}), JSON.stringify([1])); delete Object.prototype.toJSON;
         Array.prototype.toJSON = () => 7; console.log(JSON.stringify([[1]]), JSON.stringify({a: [1]})); delete Array.prototype.toJSON;
         const a = {n: 1}; const b = {n: 2, toJSON() { return this.n }}; console.log(JSON.stringify([a, b, a]));
         data.list = [{n: 1}, {n: 2}]; data.list[1] = {get n() { return 3 }}",
    )
    .data(json!({"list": [{"n": 1}, {"n": 2}]}))
    .run();
    assert_eq!(
        ran.printed(),
        ["\"lie\" \"lie\"", "7 {\"a\":7}", "[{\"n\":1},2,{\"n\":1}]"]
    );
    assert_eq!(ran.changes(), ["/list/1/n = 3"]);
}

#[test]
fn a_copy_has_the_same_objects_where_the_original_has() {
    let ran = content(
        "const one = {n: 1}; const all = {a: one, b: [one], c: [1, undefined, 'x'], e: new Error('x'), d: new Date(0)}; all.self = all;
         const copy = structuredClone(all);
         console.log(copy.a === copy.b[0], copy.a !== one, copy.self === copy, 1 in copy.c, copy.e instanceof Error, copy.d.getTime());
         const plain = structuredClone({a: one, b: [one, [one]], big: data.rows}); plain.big[0].id = 7;
         console.log(plain.a === plain.b[1][0], plain.b[0] !== one, data.rows[0].id, plain.big.length, Array.isArray(plain.big));
         const list = [1]; list.push(list); console.log(structuredClone(list)[1].length, 0 in structuredClone([, 1]));
         class P { x = 1 } console.log(structuredClone(new P()) instanceof P, structuredClone(new P()).x);
         try { structuredClone({f() {}}) } catch (e) { console.log(e.name) }",
    )
    .data(json!({"rows": (0..200).map(|n| json!({"id": n, "s": "x".repeat(20)})).collect::<Vec<_>>()}))
    .run();
    let expected = [
        "true true true true true 0",
        "true true 0 200 true",
        "2 false",
        "false 1",
        "DataCloneError",
    ];
    assert_eq!(ran.printed(), expected);
    assert_eq!(ran.changes(), [""; 0]);
}

#[test]
fn a_condition_has_exact_numbers_or_none() {
    let condition = |pattern: &str| {
        let source =
            format!("export const condition = {pattern}; export const content = () => {{}}");
        step(&source).condition()
    };
    for (pattern, json) in [
        ("{a: 9007199254740993n}", r#"{"a":9007199254740993}"#),
        (
            "{a: -123456789012345678901n}",
            r#"{"a":-123456789012345678901}"#,
        ),
        (
            "{a: {$in: [1n, 9007199254740993n]}}",
            r#"{"a":{"$in":[1,9007199254740993]}}"#,
        ),
        (
            "{a: JSON.rawJSON('9007199254740993')}",
            r#"{"a":9007199254740993}"#,
        ),
        (
            "{a: {$gte: JSON.rawJSON('0.1000000000000000055')}}",
            r#"{"a":{"$gte":0.1000000000000000055}}"#,
        ),
        ("{a: 9007199254740991}", r#"{"a":9007199254740991}"#),
        ("{a: -9007199254740991}", r#"{"a":-9007199254740991}"#),
    ] {
        assert_eq!(condition(pattern), Ok(json.to_owned()), "{pattern}");
    }
    for (pattern, place) in [
        ("{a: 9007199254740993}", "/a"),
        ("{a: -9007199254740993}", "/a"),
        ("{a: {$gt: 12345678901234567890}}", "/a/$gt"),
        ("{a: [9007199254740992]}", "/a/0"),
        ("{$or: [{b: 1}, {b: {c: 2 ** 60}}]}", "/$or/1/b/c"),
        ("{a: 1e21}", "/a"),
    ] {
        let refused = condition(pattern).unwrap_err();
        let begins = format!("TypeError: `condition` at `{place}` is ");
        assert!(
            refused.starts_with(&begins) && refused.contains("as a BigInt"),
            "{pattern}: {refused}"
        );
    }
}
