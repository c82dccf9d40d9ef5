//! The web's HTTP: `fetch`, `Request`, `Response`, `Headers`, and what of them `connectors.fetch` has.

#![allow(missing_docs)]

use crate::common::{content, response};
use serde_json::{Value, json};
use stepwell_js::{Outcome, Response};

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

fn answer(
    status_text: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    landed: Option<&str>,
) -> Outcome {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Outcome::Response(Response {
        status: 200,
        status_text: status_text.into(),
        headers: headers.iter().map(pair).collect(),
        body: body.to_vec(),
        landed: landed.map(ToOwned::to_owned),
    })
}

#[test]
fn a_response_knows_where_it_came_from() {
    let ran = |landed| {
        let look = "[r.url, r.redirected, r.type, r.statusText, r.headers.getSetCookie(), r.headers.get('set-cookie')]";
        let received = || {
            answer(
                "Email is invalid",
                &[("set-cookie", "a=1"), ("x", "y"), ("set-cookie", "b=2")],
                b"",
                landed,
            )
        };
        content(&format!(
            "let r = await fetch('https://a.example/r/302?q=é#part'); data.web = {look};
             r = await connectors.fetch('https://a.example/r'); data.own = {look}; data.keys = Object.keys(r)"
        ))
        .answer(received())
        .answer(received())
        .run()
        .data()
    };
    let cookies = json!(["a=1", "b=2"]);
    let phrase = "Email is invalid";
    let data = ran(Some("https://b.example/end"));
    let end = "https://b.example/end";
    assert_eq!(
        data["web"],
        json!([end, true, "basic", phrase, cookies, "a=1, b=2"])
    );
    assert_eq!(
        data["own"],
        json!([end, true, null, phrase, cookies, "a=1, b=2"])
    );
    let data = ran(None);
    let asked = "https://a.example/r/302?q=%C3%A9";
    assert_eq!(
        data["web"],
        json!([asked, false, "basic", phrase, cookies, "a=1, b=2"])
    );
    let asked = "https://a.example/r";
    assert_eq!(
        data["own"],
        json!([asked, false, null, phrase, cookies, "a=1, b=2"])
    );
    assert_eq!(
        data["keys"],
        json!(["ok", "status", "statusText", "headers", "body"])
    );
}

#[test]
fn json_is_known_by_its_type_and_read_past_its_mark() {
    let body = |kind: &str, bytes: &[u8]| {
        let step = content(
            "const r = await connectors.fetch('https://a.example'); data.b = [r.body, await r.text()]",
        );
        step.answer(response(200, kind, bytes)).run().data()["b"].clone()
    };
    let marked = b"\xef\xbb\xbf{\"a\":\"\xc3\xa9\"}";
    for kind in [
        "application/json",
        "text/json",
        "Text/JSON; charset=utf-8",
        "application/problem+json; charset=\"utf-8\"",
        "application/vnd.api+JSON;profile=\"a;b\"",
        "APPLICATION/JSON ;charset=iso-8859-1",
        "application/json; charset=nonsense",
    ] {
        assert_eq!(
            body(kind, marked),
            json!([{"a": "é"}, "{\"a\":\"é\"}"]),
            "{kind}"
        );
    }
    for kind in [
        "",
        "text/plain",
        "application/jsonp",
        "application/json5",
        "text/x-json",
    ] {
        assert_eq!(body(kind, marked)[0], json!("{\"a\":\"é\"}"), "{kind}");
    }
    // Said to be JSON, and none.
    for (bytes, text) in [
        ("", ""),
        ("\u{feff}", ""),
        ("{", "{"),
        ("<p>", "<p>"),
        ("\u{feff}{]", "{]"),
    ] {
        assert_eq!(
            body("application/json", bytes.as_bytes()),
            json!([text, text]),
            "{bytes}"
        );
    }
    // Encodings other than UTF-8 are read as the type says.
    let latin = "application/json; charset=ISO-8859-1";
    assert_eq!(body(latin, b"{\"a\":\"\xe9\"}")[0], json!({"a": "é"}));
    assert_eq!(
        body("text/html; charset='x'", b"\xe9")[0]["type"],
        json!("Buffer")
    );
    let wide: Vec<u8> = "\u{feff}{\"a\":1}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        body("application/json; charset=utf-16le", &wide)[0],
        json!({"a": 1})
    );
    assert_eq!(
        body("application/json", b"\xff\xfe{")[0]["type"],
        json!("Buffer")
    );
    let marked =
        "const r = new Response('\\ufeff[1]'); data.x = [await r.clone().json(), await r.text()]";
    assert_eq!(content(marked).run().data()["x"], json!([[1], "[1]"]));
}

#[test]
fn headers_are_checked_normalised_and_sorted() {
    all(&[
        ("[...new Headers({b: ' 1\\t', A: 'x\\n', 'set-cookie': ''})]", json!([["a", "x"], ["b", "1"], ["set-cookie", ""]])),
        ("[...new Headers([['B', '1'], ['a', '2'], ['b', '3']])]", json!([["a", "2"], ["b", "1, 3"]])),
        ("(() => { const h = new Headers(); h.append('Set-Cookie', 'a'); h.append('set-cookie', 'b'); h.append('A', '1');
           return [[...h], h.getSetCookie(), h.get('SET-COOKIE')] })()",
         json!([[["a", "1"], ["set-cookie", "a"], ["set-cookie", "b"]], ["a", "b"], "a, b"])),
        ("(() => { const h = new Headers({a: '1', b: '2'}); h.set('A', '3'); h.delete('B'); return [...h.keys(), ...h.values(), h.has('b'), h.get('b')] })()",
         json!(["a", "3", false, null])),
        ("(() => { const seen = []; new Headers({b: 1, a: 2}).forEach((v, n, h) => seen.push(v, n, h instanceof Headers)); return seen })()",
         json!(["2", "a", true, "1", "b", true])),
        ("[...new Headers(new Headers({a: 'é'}))]", json!([["a", "é"]])),
        ("Object.prototype.toString.call(new Headers())", json!("[object Headers]")),
        ("new Headers({'a b': 1})", json!("TypeError: 'a b' is no name of a header")),
        ("new Headers({'': 1})", json!("TypeError: '' is no name of a header")),
        ("new Headers({'ä': 1})", json!("TypeError: 'ä' is no name of a header")),
        ("new Headers().get('a:')", json!("TypeError: 'a:' is no name of a header")),
        ("new Headers({a: 'x\\ny'})", json!("TypeError: the value of the header 'a' has the character U+000A in it, which no header may have")),
        ("new Headers({a: '…'})", json!("TypeError: the value of the header 'a' has the character U+2026 in it, which no header may have")),
        ("new Headers([['a']])", json!("TypeError: a header must be a pair of a name and a value")),
        ("new Headers(7)", json!("TypeError: headers must be an object or a list of pairs, and they are a number")),
        ("(await fetch('https://a.example')).headers.set('a', 'b')",
         json!("TypeError: the headers of a response that came cannot be changed: copy them by new Headers(response.headers)")),
    ]);
}

#[test]
fn a_request_is_made_copied_and_sent() {
    let ran = content(
        "const q = new Request('https://a.example/x', {method: 'post', body: 'b', headers: {X: ' 1 '}, redirect: 'error'});
         const copy = q.clone(); const other = new Request(q, {method: 'PATCH'});
         data.q = [q.url, q.method, q.redirect, q.bodyUsed, q.signal.aborted, copy.bodyUsed, other.method];
         await fetch(copy); await fetch(other, {headers: {y: '2'}});
         await fetch('https://a.example/', {method: 'PUT', duplex: 'half', body: ReadableStream.from([new Uint8Array([104]), new Uint8Array([105])])});
         try { await fetch(copy) } catch (e) { data.e = e.message }",
    )
    .run();
    let data = ran.data();
    assert_eq!(
        data["q"],
        json!([
            "https://a.example/x",
            "POST",
            "error",
            true,
            false,
            false,
            "PATCH"
        ])
    );
    assert_eq!(data["e"], json!("the body was read already"));
    let requests = ran.host.requests.borrow();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| (&*request.method, &*request.body, request.headers.len()))
        .collect();
    assert_eq!(
        sent,
        [
            ("POST", &b"b"[..], 2),
            ("PATCH", b"b", 1),
            ("PUT", b"hi", 0)
        ]
    );
    let x = ("x".to_owned(), "1".to_owned());
    assert!(requests[0].headers.contains(&x));
    all(&[
        (
            "new Request('/x')",
            json!("TypeError: '/x' is no absolute URL"),
        ),
        (
            "new Request('https://a.example', {body: 'x'})",
            json!("TypeError: a GET request has no body"),
        ),
        (
            "new Request('https://a.example', {method: 'trace'})",
            json!("TypeError: the method TRACE is not allowed"),
        ),
        (
            "new Request('https://a.example', {method: 'a b'})",
            json!("TypeError: 'a b' is no HTTP method"),
        ),
        (
            "new Request('https://a.example', {method: 'PUT', body: new ReadableStream()})",
            json!("TypeError: a request whose body is a stream needs `duplex: 'half'`"),
        ),
        (
            "new Request('https://a.example', {signal: {}})",
            json!("TypeError: `signal` must be an AbortSignal"),
        ),
        (
            "connectors.fetch('https://a.example', {body: new ReadableStream()})",
            json!("FetchError: a stream as the body is for the web's `fetch`"),
        ),
    ]);
}

#[test]
fn a_response_is_made_and_read_once() {
    all(&[
        (
            "(async () => { const r = Response.json({a: 1}, {status: 201, headers: {x: 'y'}}); return [r.status, r.ok, r.type, [...r.headers], await r.json()] })()",
            json!([201, true, "default", [["content-type", "application/json"], ["x", "y"]], {"a": 1}]),
        ),
        (
            "(() => { const r = Response.redirect('https://a.example/b', 301); return [r.status, r.headers.get('location'), r.body] })()",
            json!([301, "https://a.example/b", null]),
        ),
        (
            "[Response.error().type, Response.error().status, Response.error().ok]",
            json!(["error", 0, false]),
        ),
        (
            "(async () => { const r = new Response('é'); return [(await r.clone().bytes()).length, (await r.clone().arrayBuffer()).byteLength, (await r.clone().blob()).type, r.bodyUsed, await r.text(), r.bodyUsed] })()",
            json!([2, 2, "text/plain;charset=utf-8", false, "é", true]),
        ),
        (
            "(async () => { const r = new Response(null); return [r.body, await r.text(), r.bodyUsed, await r.text()] })()",
            json!([null, "", false, ""]),
        ),
        (
            "(async () => { const r = new Response('x'); await r.text(); return r.json() })()",
            json!("TypeError: the body was read already"),
        ),
        (
            "(async () => { const r = new Response('x'); await r.text(); return r.clone() })()",
            json!("TypeError: the body was read already"),
        ),
        (
            "(async () => { const r = new Response('x'); r.body.getReader(); return r.text() })()",
            json!("TypeError: the body is locked: its stream has a reader"),
        ),
        (
            "new Response('x', {status: 204})",
            json!("TypeError: a response with the status 204 has no body"),
        ),
        (
            "new Response('', {status: 99})",
            json!("RangeError: the status must be 200 to 599, and it is 99"),
        ),
        (
            "new Response('', {statusText: 'a\\nb'})",
            json!("TypeError: the statusText has a character in it that no reason phrase may have"),
        ),
        (
            "Response.json(undefined)",
            json!("TypeError: undefined cannot be written as JSON"),
        ),
        (
            "Response.redirect('https://a.example', 200)",
            json!(
                "RangeError: the status of a redirect must be 301, 302, 303, 307 or 308, and it is 200"
            ),
        ),
        (
            "(async () => { try { await new Response('{').json() } catch (e) { return e.name } })()",
            json!("SyntaxError"),
        ),
    ]);
}

#[test]
fn a_body_is_a_stream_of_bytes() {
    all(&[
        (
            "(async () => { const r = await fetch('https://a.example'); const parts = []; for await (const part of r.body) parts.push(Buffer.from(part).toString()); return [parts, r.bodyUsed, r.body.locked] })()",
            json!([["ok"], true, false]),
        ),
        (
            "(async () => { const reader = new Response(new Uint8Array(150000)).body.getReader(); const sizes = []; for (;;) { const {value, done} = await reader.read(); if (done) return sizes; sizes.push(value.length) } })()",
            json!([65536, 65536, 18928]),
        ),
        (
            "(async () => { const r = new Response(new ReadableStream({start(c) { c.enqueue(new TextEncoder().encode('a')); c.close() }})); const copy = r.clone(); return [await r.text(), await copy.text()] })()",
            json!(["a", "a"]),
        ),
        (
            "new Response(ReadableStream.from(['text'])).text()",
            json!("TypeError: a body's stream must give Uint8Arrays, and it gave a string"),
        ),
        (
            "(async () => { const r = new Response('x'); await r.body.cancel(); return [r.bodyUsed, await r.text()] })()",
            json!("TypeError: the body was read already"),
        ),
    ]);
}

#[test]
fn what_is_printed_shows_what_there_is() {
    let ran = content(
        "console.log(new Headers({b: '1', a: '2'}), new Blob(['x'], {type: 'a/b'}));
         console.log(await fetch('https://a.example/'))",
    )
    .run();
    assert_eq!(
        ran.printed(),
        [
            "Headers { a: '2', b: '1' } Blob { size: 1, type: 'a/b' }",
            "Response {\n  status: 200,\n  statusText: 'OK',\n  headers: Headers { 'content-type': 'text/plain' },\n  bodyUsed: false,\n  ok: true,\n  redirected: false,\n  type: 'basic',\n  url: 'https://a.example/'\n}",
        ]
    );
}

#[test]
fn an_abort_reaches_all_who_listen() {
    all(&[
        ("(() => { const c = new AbortController(); const seen = []; const on = (n) => (e) => seen.push(n, e.type, e.target === c.signal);
           const twice = on(1); c.signal.addEventListener('abort', twice); c.signal.addEventListener('abort', twice);
           const gone = on(2); c.signal.addEventListener('abort', gone); c.signal.removeEventListener('abort', gone);
           c.signal.onabort = on(3); c.signal.addEventListener('abort', {handleEvent: on(4)}, {once: true});
           c.abort('why'); c.abort('again'); return [seen, c.signal.reason, c.signal.aborted] })()",
         json!([[1, "abort", true, 3, "abort", true, 4, "abort", true], "why", true])),
        ("(() => { const c = new AbortController(); const any = AbortSignal.any([new AbortController().signal, c.signal]); const before = any.aborted; c.abort(7); return [before, any.aborted, any.reason] })()",
         json!([false, true, 7])),
        ("AbortSignal.any([AbortSignal.abort('first'), AbortSignal.abort('second')]).reason", json!("first")),
        ("(async () => { const s = AbortSignal.timeout(50); await connectors.utils.sleep({milliseconds: 60}); return [s.aborted, s.reason.name] })()", json!([true, "TimeoutError"])),
        ("AbortSignal.abort().throwIfAborted()", json!("AbortError: This operation was aborted")),
        ("fetch('https://a.example', {signal: AbortSignal.abort(new RangeError('mine'))})", json!("RangeError: mine")),
        ("(async () => { const c = new AbortController(); const call = fetch(new Request('https://slow.example', {signal: c.signal})); setTimeout(() => c.abort(), 5); return await call })()",
         json!("AbortError: This operation was aborted")),
        ("(() => { const c = new AbortController(); const t = new EventTarget(); let n = 0; t.addEventListener('x', () => n++, {signal: c.signal}); t.dispatchEvent(new Event('x')); c.abort(); t.dispatchEvent(new Event('x')); return n })()",
         json!(1)),
        ("new AbortSignal()", json!("TypeError: an AbortSignal comes from an AbortController, or from AbortSignal.timeout, .any or .abort")),
        ("AbortSignal.any([{}])", json!("TypeError: AbortSignal.any takes a list of AbortSignals")),
    ]);
    let ran = content(
        "const t = new EventTarget(); t.addEventListener('x', () => { throw new Error('mine') }); t.addEventListener('x', () => { data.second = true });
         t.dispatchEvent(new Event('x'))",
    )
    .run();
    assert_eq!(ran.data(), json!({"second": true}));
    assert!(ran.logs()[0].contains("Error: mine"), "{:?}", ran.logs());
}

#[test]
fn what_there_is_not_says_so() {
    for name in [
        "WritableStream",
        "TransformStream",
        "CompressionStream",
        "DecompressionStream",
        "TextDecoderStream",
        "FileReader",
        "XMLHttpRequest",
        "WebSocket",
        "EventSource",
        "Worker",
        "localStorage",
        "process",
    ] {
        let text = content(&format!("data.x = {name}")).run().retry();
        let begin = format!("ReferenceError: `{name}` is not available in a step");
        assert!(text.starts_with(&begin), "{name}: {text}");
    }
    all(&[
        (
            "new ReadableStream().pipeThrough({})",
            json!(
                "TypeError: ReadableStream.pipeThrough is not available in a step, which has no WritableStream: read with getReader() or for await"
            ),
        ),
        (
            "new ReadableStream().getReader({mode: 'byob'})",
            json!(
                "TypeError: a reader of the mode 'byob' is not available in a step: use getReader()"
            ),
        ),
        (
            "new FormData('form')",
            json!("TypeError: a step has no HTML form: make an empty FormData, and append to it"),
        ),
    ]);
}
