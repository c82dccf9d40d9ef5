//! Calls that leave the step: `connectors`, `fetch`, timers; and the order in which they come back.

#![allow(missing_docs)]

use crate::common::{START, content, response};
use serde_json::{Value, json};
use stepwell_js::{Outcome, Redirect};

#[test]
fn a_response_has_what_steps_read() {
    let body = "const r = await connectors.fetch({url: 'https://a.example/x', options: {method: 'post', timeout: 500}});
        data.r = r; data.more = [r.headers.get('Content-Type'), r.headers.get('x'), await r.json(), await r.text()];";
    let data = content(body).json(201, json!({"id": 1})).run().data();
    let headers = json!({"content-type": "application/json; charset=utf-8"});
    assert_eq!(
        data["r"],
        json!({"ok": true, "status": 201, "statusText": "", "headers": headers, "body": {"id": 1}})
    );
    assert_eq!(
        data["more"],
        json!(["application/json; charset=utf-8", null, {"id": 1}, "{\"id\":1}"])
    );
}

#[test]
fn a_body_comes_as_what_it_is() {
    let body = |kind: &str, bytes: &[u8], options: &str| {
        let step = content(&format!(
            "const r = await connectors.fetch('https://a.example', {options}); data.b = r.body; data.t = typeof r.body"
        ));
        step.answer(response(200, kind, bytes)).run().data()
    };
    assert_eq!(
        body("application/problem+json", b"{\"a\":1}", "{}")["b"],
        json!({"a": 1})
    );
    assert_eq!(
        body("application/json", b"{\"a\":1}", "{text: true}")["b"],
        json!("{\"a\":1}")
    );
    assert_eq!(
        body("application/json", b"<html>", "{}")["b"],
        json!("<html>")
    );
    assert_eq!(body("text/html", "é".as_bytes(), "{}")["b"], json!("é"));
    assert_eq!(
        body("image/png", &[0xff, 1], "{}")["b"],
        json!({"type": "Buffer", "data": [255, 1]})
    );
    let only =
        content("data.b = await connectors.fetch({url: 'https://a.example', bodyOnly: true})")
            .json(200, json!([1]))
            .run();
    assert_eq!(only.data()["b"], json!([1]));
}

#[test]
fn a_request_is_sent_as_it_was_meant() {
    let sent = |options: &str| {
        let ran = content(&format!(
            "await connectors.fetch({{url: new URL('https://a.example/b'), options: {options}}})"
        ))
        .run();
        ran.data();
        let request = ran.host.requests.borrow()[0].clone();
        assert_eq!(request.url, "https://a.example/b");
        request
    };
    let request = sent("{method: 'PUT', body: {a: [1]}, redirect: 'manual', timeout: 1500}");
    assert_eq!(
        (&*request.method, &*request.body),
        ("PUT", &b"{\"a\":[1]}"[..])
    );
    assert_eq!(
        request.headers,
        [("content-type".to_owned(), "application/json".to_owned())]
    );
    assert_eq!(
        (request.redirect, request.timeout_ms),
        (Redirect::Manual, Some(1500))
    );
    let request = sent(
        "{method: 'POST', body: new URLSearchParams({a: 'b c', d: 'é'}), headers: [['X', '1'], ['X', '2']]}",
    );
    assert_eq!(request.body, b"a=b+c&d=%C3%A9");
    let form = "application/x-www-form-urlencoded;charset=UTF-8";
    let headers = [("X", "1"), ("X", "2"), ("content-type", form)];
    assert_eq!(
        request.headers,
        headers.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(sent("{method: 'POST', body: 'é'}").body, "é".as_bytes());
    assert_eq!(
        sent("{method: 'POST', body: new Uint8Array([0, 255]).subarray(1)}").body,
        [255]
    );
    assert_eq!(
        sent("{method: 'POST', body: Buffer.from('ff00', 'hex')}").body,
        [255, 0]
    );
    let typed = sent("{body: {a: 1}, headers: {'Content-Type': 'application/vnd.x+json'}}");
    assert_eq!(typed.headers.len(), 1);
    assert_eq!((&*typed.method, typed.redirect), ("GET", Redirect::Follow));
}

#[test]
fn a_failed_call_rejects_with_its_code() {
    let failed = Outcome::Failed {
        code: "denied",
        text: "10.0.0.1 is not public".into(),
    };
    let body =
        "try { await CALL } catch (e) { data.e = [e instanceof Error, e.name, e.code, e.message] }";
    let data = content(&body.replace("CALL", "connectors.fetch('http://10.0.0.1')"))
        .answer(failed.clone())
        .run()
        .data();
    assert_eq!(
        data["e"],
        json!([true, "FetchError", "denied", "10.0.0.1 is not public"])
    );
    let data = content(&body.replace("CALL", "fetch('http://10.0.0.1')"))
        .answer(failed)
        .run()
        .data();
    assert_eq!(data["e"][2], json!("denied"));
    for (call, text) in [
        (
            "connectors.fetch({})",
            "the url must be a string, and it is undefined",
        ),
        (
            "connectors.fetch()",
            "the url must be a string, and it is undefined",
        ),
        (
            "connectors.fetch('x', {timeout: -1})",
            "`timeout` must be a number of milliseconds above 0",
        ),
        (
            "connectors.fetch('x', {redirect: 'no'})",
            "`redirect` must be 'follow', 'manual' or 'error'",
        ),
    ] {
        let data = content(&body.replace("CALL", call)).run().data();
        assert_eq!(
            data["e"],
            json!([true, "FetchError", "invalid", text]),
            "{call}"
        );
    }
    let uncaught = Outcome::Failed {
        code: "timeout",
        text: "no response within 5 ms".into(),
    };
    let text = content("await connectors.fetch('https://a.example')")
        .answer(uncaught)
        .run()
        .retry();
    assert_eq!(
        text.lines().next(),
        Some("FetchError: no response within 5 ms")
    );
}

#[test]
fn a_string_that_was_cut_in_a_pair_is_json_all_the_same() {
    // Half of an emoji; a text that only looks like it; a whole emoji.
    let ran = content(
        r"const text = 'a😀'.slice(0, 2) + '\\ud83d 😀';
         task.complete({ text, [text]: ['\udc00'] });
         await connectors.slackCom.send({ text })",
    )
    .run();
    assert_eq!(ran.printed(), [""; 0]);
    let text = "a\u{fffd}\\ud83d 😀";
    let asked = ran.host.asked.borrow();
    let result = asked[0].strip_prefix("complete Some(").unwrap();
    let result: String = serde_json::from_str(result.strip_suffix(')').unwrap()).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result, json!({ "text": text, text: ["\u{fffd}"] }));
    assert_eq!(ran.host.calls.borrow()[0].2, json!({ "text": text }));
}

#[test]
fn named_connectors_are_called_by_name() {
    let ran = content(
        "data.r = await connectors.slackCom.send({channel: '#a', n: undefined}); data.then = typeof connectors.then;
         data.kinds = [typeof connectors.a.then, `${typeof connectors[Symbol.toPrimitive]}`];
         const c = await connectors; await connectors.x.y()",
    )
    .answer(Outcome::Value("{\"ts\":1.50}".into()))
    .run();
    assert_eq!(
        ran.data(),
        serde_json::from_str::<serde_json::Value>(
            r#"{"r": {"ts": 1.50}, "then": "undefined", "kinds": ["undefined", "undefined"]}"#
        )
        .unwrap()
    );
    let calls = ran.host.calls.borrow();
    assert_eq!(
        calls[0],
        ("slackCom".into(), "send".into(), json!({"channel": "#a"}))
    );
    assert_eq!(calls[1], ("x".into(), "y".into(), json!({})));
    let refused = Outcome::Failed {
        code: "unknown",
        text: "there is no connector `nope`".into(),
    };
    let ran = content(
        "try { await connectors.nope.x({}) } catch (e) { data.e = [e.name, e.code, e.message] }",
    )
    .answer(refused)
    .run();
    assert_eq!(
        ran.data()["e"],
        json!(["ConnectorError", "unknown", "there is no connector `nope`"])
    );
}

#[test]
fn the_webs_fetch() {
    let ran = content(
        "const headers = new Headers({'X-A': '1'}); headers.append('x-a', '2');
         const r = await fetch('https://a.example/', {method: 'POST', headers, body: 'b'});
         data.r = [r.ok, r.status, r.statusText, r.url, r.headers.get('Content-Type'), r.headers.has('x'), [...r.headers].length, r.bodyUsed];
         data.c = await r.clone().text(); data.j = await r.json(); data.u = r.bodyUsed;
         try { await r.text() } catch (e) { data.e = e.message }
         const b = await (await fetch('https://a.example/')).arrayBuffer(); data.n = b.byteLength;",
    )
    .json(200, json!({"a": 1}))
    .run();
    let data = ran.data();
    assert_eq!(
        data["r"],
        json!([
            true,
            200,
            "OK",
            "https://a.example/",
            "application/json; charset=utf-8",
            false,
            1,
            false
        ])
    );
    assert_eq!(
        (&data["c"], &data["j"], &data["u"]),
        (&json!("{\"a\":1}"), &json!({"a": 1}), &json!(true))
    );
    assert_eq!(
        (&data["e"], &data["n"]),
        (&json!("the body was read already"), &json!(2))
    );
    let headers = [
        ("x-a", "1, 2"),
        ("content-type", "text/plain;charset=UTF-8"),
    ];
    assert_eq!(
        ran.host.requests.borrow()[0].headers,
        headers.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

#[test]
fn calls_overlap_and_come_back_in_the_hosts_order() {
    let ran = content(
        "const order = []; const at = (n) => () => order.push(n);
         await Promise.all([
           connectors.fetch('https://slow.example/').then(at('slow')), connectors.fetch('https://a.example/').then(at('a')),
           connectors.fetch('https://b.example/').then(at('b')), connectors.x.y().then(at('x')),
           new Promise((done) => setTimeout(done, 60)).then(at('t')),
         ]);
         data.order = order.join()",
    )
    .run();
    assert_eq!(ran.data()["order"], json!("x,t,a,b,slow"));
}

#[test]
fn timers_fire_in_the_order_in_which_they_are_due() {
    let ran = content(
        "const order = []; const at = (n) => () => order.push(n);
         setTimeout(at(30), 30); setTimeout(at(10), 10); setTimeout(at('a'), 0); setImmediate(at('b')); setTimeout(at('c'));
         queueMicrotask(at('m')); Promise.resolve().then(at('p')); clearTimeout(setTimeout(at('never'), 5));
         let ticks = 0; const ticking = setInterval((k) => { order.push(k); if (++ticks === 3) clearInterval(ticking) }, 8, 'i');
         await new Promise((done) => setTimeout(done, 40)); data.order = order.join()",
    )
    .run();
    assert_eq!(ran.data()["order"], json!("m,p,a,b,c,i,10,i,i,30"));
    assert_eq!(
        *ran.host.asked.borrow(),
        [
            "pause 8", "pause 2", "pause 6", "pause 8", "pause 6", "pause 10"
        ]
    );
}

#[test]
fn timers_of_no_length_do_not_ask_the_host() {
    let ran = content("for (let i = 0; i < 100; i++) await new Promise((done) => setTimeout(done)); data.ok = true").run();
    assert_eq!(ran.data()["ok"], json!(true));
    assert_eq!(*ran.host.asked.borrow(), [""; 0]);
}

#[test]
fn a_pause_that_the_run_cannot_have() {
    let race = "data.r = await Promise.race([connectors.fetch('https://a.example').then((r) => r.body), \
                new Promise((_, no) => setTimeout(no, 60000))])";
    assert_eq!(
        content(race).longest_pause(30_000).run().data()["r"],
        json!("ok")
    );
    let text = content("await new Promise((done) => setTimeout(done, 60000))")
        .longest_pause(30_000)
        .run()
        .stop();
    assert_eq!(
        text,
        "the step waits for a timer that cannot fire: the run may take 30 s; `task.park` waits between runs"
    );
}

#[test]
fn sleep_and_the_clock() {
    let ran = content("await connectors.utils.sleep({milliseconds: 250}); data.ok = 1").run();
    ran.data();
    assert_eq!(*ran.host.asked.borrow(), ["pause 250"]);
    let text = content(
        "setTimeout(() => { throw new Error('in a timer') }, 5); await new Promise(() => {})",
    )
    .run()
    .retry();
    assert!(
        text.starts_with("Error: in a timer\n  at step.js:3:"),
        "{text}"
    );
}

#[test]
fn calls_nobody_awaits_are_finished() {
    let ran = content("connectors.fetch('https://slow.example').then((r) => { data.late = r.status }); setTimeout(() => {}, 1e9)").run();
    assert_eq!(ran.data(), json!({"late": 200}));
}

#[test]
fn a_pause_that_outlives_its_wait_counts_for_no_call() {
    let ran = content(
        "connectors.fetch('https://slow.example').then((r) => { data.late = r.status }); setTimeout(() => {}, 150);
         await connectors.fetch('https://a.example')",
    )
    .run();
    assert_eq!(ran.data(), json!({"late": 200}));
}

#[test]
fn calls_over_the_cap_are_refused_one_by_one() {
    let ran = content(
        "const all = []; for (let i = 0; i < 5000; i++) all.push(connectors.fetch('https://a.example/'));
         const done = await Promise.allSettled(all);
         data.ok = done.filter((r) => r.status === 'fulfilled').length; data.codes = [...new Set(done.map((r) => r.reason?.code))]",
    )
    .calls_at_once(32)
    .run();
    let data = ran.data();
    assert_eq!(
        (&data["ok"], &data["codes"]),
        (&json!(32), &json!([null, "too-many"]))
    );
}

#[test]
fn signals_abort() {
    let ran = content(
        "const c = new AbortController(); setTimeout(() => c.abort(), 20);
         try { await fetch('https://slow.example', {signal: c.signal}) } catch (e) { data.e = [e.name, c.signal.aborted] }
         try { await connectors.fetch('https://slow.example', {signal: AbortSignal.timeout(10)}) } catch (e) { data.t = e.name }",
    )
    .run();
    assert_eq!(
        (&ran.data()["e"], &ran.data()["t"]),
        (&json!(["AbortError", true]), &json!("TimeoutError"))
    );
}

#[test]
fn the_task() {
    let ran = content(
        "data.t = [task.id(), task.name(), task.tags(), task.config('K'), typeof task.config('none')];
         task.name('new'); task.tags(['x', 1]); task.complete({a: 1}); task.complete(); task.ignore();
         task.park(1500.2); task.park(new Date(1700000060000)); task.park('2023-11-14T22:13:30Z'); task.redo(); step.redo();
         audit.log('who', {did: 'it'}); audit.reference({id: 1, name: 'n'})",
    )
    .config("K", "v")
    .run();
    assert_eq!(
        ran.data()["t"],
        json!(["0199-task", "a name", ["a", "b"], "v", "undefined"])
    );
    let asked = ran.host.asked.borrow();
    let expected = [
        "name new",
        "tags [\"x\", \"1\"]",
        "complete Some(\"{\\\"a\\\":1}\")",
        "complete None",
        "ignore",
        "park 1501",
        "park 60000",
        "park 10000",
        "redo",
        "redo",
    ];
    assert_eq!(*asked, expected);
    assert_eq!(START, 1.7e12);
    assert_eq!(
        ran.printed(),
        [
            "Audit: who { did: 'it' }",
            "Audit: {\"id\":1,\"name\":\"n\"}"
        ]
    );
    for (code, text) in [
        (
            "task.question('?')",
            "Error: task.question is not available in this version",
        ),
        ("task.name('')", "TypeError: a name has 1 to 4096 bytes"),
        (
            "task.tags('x')",
            "TypeError: task.tags takes an array of strings, and got a string",
        ),
        (
            "task.park('soon')",
            "TypeError: task.park takes milliseconds from 0 on as a number, seconds as text such as",
        ),
        (
            "task.complete(() => 1)",
            "TypeError: the result must be JSON, and it is a function",
        ),
        (
            "process.env.X",
            "ReferenceError: `process` is not available in a step: secrets and settings are in task.config(key)",
        ),
        (
            "blob.create({})",
            "ReferenceError: `blob` is not available in this version",
        ),
    ] {
        let retry = content(code).run().retry();
        assert!(retry.starts_with(text), "{code}: {retry}");
    }
    let value: Value = content("data.x = typeof globalThis.window").run().data();
    assert_eq!(value["x"], json!("undefined"));
}
