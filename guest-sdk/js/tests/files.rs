//! `Blob`, `File`, `FormData` and `ReadableStream`.

#![allow(missing_docs)]

use crate::common::content;
use serde_json::{Value, json};

/// The value of an expression, or the error's name and message.
fn eval(expression: &str) -> Value {
    let body = format!(
        "try {{ data.x = await (async () => ({expression}))() ?? null }} catch (e) {{ data.x = `${{e.name}}: ${{e.message}}` }}"
    );
    content(&body).run().data()["x"].clone()
}

fn all(cases: &[(&str, Value)]) {
    for (expression, value) in cases {
        assert_eq!(eval(expression), *value, "{expression}");
    }
}

#[test]
fn blobs() {
    all(&[
        (
            "(async () => { const b = new Blob(['hé', new Uint8Array([33]), new Blob(['x'])], {type: 'A/B'}); return [b.size, b.type, await b.text(), (await b.bytes()).length, (await b.arrayBuffer()).byteLength] })()",
            json!([5, "a/b", "hé!x", 5, 5]),
        ),
        (
            "(async () => { const b = new Blob(['0123456789']); const t = (...a) => b.slice(...a).text(); return Promise.all([t(), t(2), t(2, 4), t(-3), t(-3, -1), t(5, 2), t(8, 99), t('1', '3'), t(NaN)]) })()",
            json!([
                "0123456789",
                "23456789",
                "23",
                "789",
                "78",
                "",
                "89",
                "12",
                "0123456789"
            ]),
        ),
        (
            "[new Blob(['a']).slice(0, 1, 'X/Y').type, new Blob([], {type: 'a\\u0000'}).type, new Blob([], {type: 'é'}).type]",
            json!(["x/y", "", ""]),
        ),
        (
            "new Blob(['a\\r\\nb\\rc'], {endings: 'native'}).text()",
            json!("a\nb\nc"),
        ),
        (
            "new Blob(['\\ufeffa\\ud83d', 1, null, {}]).text()",
            json!("a\u{fffd}1null[object Object]"),
        ),
        (
            "(() => { const bytes = new Uint8Array([97]); const b = new Blob([bytes]); bytes[0] = 98; return b.text() })()",
            json!("a"),
        ),
        (
            "(async () => { const parts = []; for await (const p of new Blob(['abc']).stream()) parts.push(p.length); return parts })()",
            json!([3]),
        ),
        (
            "new Blob('text')",
            json!("TypeError: the parts of a Blob must be a list, and they are a string"),
        ),
        (
            "new Blob([], {endings: 'x'})",
            json!("TypeError: `endings` must be 'transparent' or 'native'"),
        ),
        (
            "(() => { const f = new File(['abc'], 'a/b.txt', {type: 'text/plain', lastModified: 7.9}); return [f.name, f.size, f.lastModified, f instanceof Blob, `${f}`] })()",
            json!(["a/b.txt", 3, 7, true, "[object File]"]),
        ),
        (
            "new File([], 'x').lastModified",
            json!(1_700_000_000_000_u64),
        ),
        (
            "new File([])",
            json!("TypeError: a File needs its parts and a name"),
        ),
    ]);
}

#[test]
fn forms() {
    all(&[
        ("(() => { const f = new FormData(); f.append('a', 1); f.append('b', 'x'); f.append('a', null); f.set('b', 'y'); f.set('c', 'z');
           return [[...f], f.get('a'), f.getAll('a'), f.get('none'), f.has('c'), [...f.keys()].join(), [...f.values()].join()] })()",
         json!([[["a", "1"], ["b", "y"], ["a", "null"], ["c", "z"]], "1", ["1", "null"], null, true, "a,b,a,c", "1,y,null,z"])),
        ("(() => { const f = new FormData(); f.append('a', 1); f.append('a', 2); f.append('b', 3); f.set('a', 4); f.delete('b'); return [...f] })()", json!([["a", "4"]])),
        ("(() => { const f = new FormData(); f.append('x', new Blob(['a'], {type: 't/x'})); f.append('y', new File([], 'n.txt'), 'm.txt');
           return [...f].map(([k, v]) => [k, v.name, v.type, v instanceof File]) })()", json!([["x", "blob", "t/x", true], ["y", "m.txt", "", true]])),
        ("(() => { const f = new FormData(); f.append('\\ud83d', '\\udc00'); return [...f] })()", json!([["\u{fffd}", "\u{fffd}"]])),
        ("new FormData().append('a')", json!("TypeError: FormData takes a name and a value")),
        ("new FormData().append('a', 'b', 'c.txt')", json!("TypeError: a value with a file name must be a Blob, and it is a string")),
    ]);
}

#[test]
fn a_form_is_sent_as_multipart_and_read_again() {
    let script = "const f = new FormData(); f.append('a\"b\\n', 'x\\ny'); f.append('f', new Blob(['\\r\\n--'], {type: 'text/x'}), 'ü\".txt'); f.append('g', new Blob([]));
         await fetch('https://a.example', {method: 'POST', body: f}); await connectors.fetch('https://a.example', {method: 'POST', body: f});
         const back = await new Response(f).formData();
         data.back = await Promise.all([...back].map(async ([k, v]) => [k, typeof v === 'string' ? v : [v.name, v.type, await v.text()]]))";
    let ran = content(script).run();
    assert_eq!(
        ran.data()["back"],
        json!([
            ["a\"b\r\n", "x\r\ny"],
            ["f", ["ü\".txt", "text/x", "\r\n--"]],
            ["g", ["blob", "application/octet-stream", ""]]
        ])
    );
    let requests = ran.host.requests.borrow();
    let kind = |n: usize| requests[n].headers[0].clone();
    let (name, value) = kind(0);
    assert_eq!(name, "content-type");
    let boundary = value
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    assert!(boundary.len() < 70, "RFC 2046 allows 70 characters");
    let expected = [
        "--B\r\nContent-Disposition: form-data; name=\"a%22b%0D%0A\"\r\n\r\nx\r\ny\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"ü%22.txt\"\r\nContent-Type: text/x\r\n\r\n\r\n--\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"g\"; filename=\"blob\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--B--\r\n",
    ];
    let expected = expected.concat().replace("--B", &format!("--{boundary}"));
    assert_eq!(String::from_utf8_lossy(&requests[0].body), expected);
    assert!(
        kind(1).1.starts_with("multipart/form-data; boundary="),
        "connectors.fetch says what it sends, too"
    );
    // The same run sends the same.
    let again = content(script).run();
    assert_eq!(*again.host.requests.borrow(), *requests);
}

#[test]
fn forms_that_came() {
    let read = |kind: &str, body: &str| {
        eval(&format!(
            "[...await new Response({}, {{headers: {{'content-type': {}}}}}).formData()].map(([k, v]) => [k, typeof v === 'string' ? v : v.name])",
            json!(body),
            json!(kind)
        ))
    };
    let part = "Content-Disposition: form-data; name=a\r\n\r\n1";
    let kind = "multipart/form-data; boundary=\"x y\"";
    assert_eq!(
        read("application/x-www-form-urlencoded", "a=1&b=x+y%20z&a="),
        json!([["a", "1"], ["b", "x y z"], ["a", ""]])
    );
    assert_eq!(
        read(kind, &format!("--x y\r\n{part}\r\n--x y--")),
        json!([["a", "1"]])
    );
    assert_eq!(
        read(
            kind,
            &format!("preamble\r\n--x y  \r\n{part}\r\n--x y--\r\nepilogue")
        ),
        json!([["a", "1"]])
    );
    assert_eq!(read(kind, "--x y--"), json!([]));
    let whole = "TypeError: the body is no whole multipart/form-data: ";
    for (body, why) in [
        ("", "its boundary is not in it"),
        ("nothing", "its boundary is not in it"),
        ("--x yz\r\n", "a boundary is not followed by a line end"),
        (
            "--x y\r\nContent-Disposition: form-data; name=a\r\n",
            "the headers of a part do not end",
        ),
        (&format!("--x y\r\n{part}"), "its last part does not end"),
        ("--x y\r\nX: y\r\n\r\n1\r\n--x y--", "a part has no name"),
    ] {
        assert_eq!(read(kind, body), json!(format!("{whole}{why}")), "{body:?}");
    }
    let text = read("multipart/form-data", "--x--");
    assert!(
        text.as_str()
            .is_some_and(|text| text.starts_with("TypeError: the body is no form")),
        "{text}"
    );
}

#[test]
fn streams() {
    let read = "const read = async (s) => { const out = []; for await (const c of s) out.push(c); return out };";
    let on = |expression: &str| eval(&format!("(async () => {{ {read} return {expression} }})()"));
    for (expression, value) in [
        (
            "read(new ReadableStream({start(c) { c.enqueue('a'); c.enqueue('b'); c.close() }}))",
            json!(["a", "b"]),
        ),
        (
            "(() => { let n = 0; return read(new ReadableStream({pull(c) { c.enqueue(++n); if (n === 3) c.close() }}, {highWaterMark: 0})) })()",
            json!([1, 2, 3]),
        ),
        (
            "(() => { let n = 0; return read(new ReadableStream({async pull(c) { await 0; if (n++ < 2) c.enqueue(n); else c.close() }})) })()",
            json!([1, 2]),
        ),
        (
            "read(ReadableStream.from(['a', Promise.resolve('b')]))",
            json!(["a", "b"]),
        ),
        (
            "read(ReadableStream.from((async function* () { yield 1; yield 2 })()))",
            json!([1, 2]),
        ),
        (
            "(async () => { const [x, y] = new ReadableStream({start(c) { c.enqueue(1); c.close() }}).tee(); return [await read(x), await read(y)] })()",
            json!([[1], [1]]),
        ),
        (
            "(async () => { let why; const s = new ReadableStream({cancel(r) { why = r }}); const r = s.getReader(); await r.cancel('w'); await r.closed; return [why, (await r.read()).done, s.locked] })()",
            json!(["w", true, true]),
        ),
        (
            "(async () => { let gone = 0; for await (const c of new ReadableStream({start(c) { c.enqueue(1) }, cancel() { gone++ }})) break; return gone })()",
            json!(1),
        ),
        (
            "(async () => { const s = new ReadableStream({start(c) { c.enqueue(1) }}); for await (const c of s.values({preventCancel: true})) break; return [s.locked, (await Promise.race([s.getReader().closed, 0]))] })()",
            json!([false, 0]),
        ),
        (
            "read(new ReadableStream({start(c) { c.error(new RangeError('boom')) }}))",
            json!("RangeError: boom"),
        ),
        (
            "read(new ReadableStream({pull() { throw new RangeError('pull') }}))",
            json!("RangeError: pull"),
        ),
        (
            "(async () => { const s = new ReadableStream(); const r = s.getReader(); const p = r.read(); r.releaseLock(); return [s.locked, await p.catch((e) => e.message)] })()",
            json!([false, "the reader was released"]),
        ),
        (
            "(() => { const s = new ReadableStream(); s.getReader(); return s.getReader() })()",
            json!("TypeError: the stream is locked: it has a reader already"),
        ),
        (
            "(() => { let c; new ReadableStream({start(own) { c = own }}); c.close(); c.enqueue(1) })()",
            json!("TypeError: the stream is closed already"),
        ),
        (
            "(() => { let c; new ReadableStream({start(own) { c = own }}, {highWaterMark: 3, size: (x) => x}); c.enqueue(2); return c.desiredSize })()",
            json!(1),
        ),
        (
            "new ReadableStream({type: 'bytes', start(c) { c.enqueue('x') }})",
            json!("TypeError: a chunk of a byte stream must be a view of at least one byte"),
        ),
        (
            "new ReadableStream({pull: 1})",
            json!("TypeError: the source's `pull` must be a function"),
        ),
        (
            "new ReadableStream(null)",
            json!("TypeError: the source of a stream must be an object"),
        ),
    ] {
        assert_eq!(on(expression), value, "{expression}");
    }
}
