//! A config key that is not set: scripts may test for it, and a call that has `undefined` in its place
//! names it, with the command that sets it, for good.
#![allow(clippy::unwrap_used)]

use crate::common::content;
use serde_json::json;
use stepwell_js::Outcome;

const UNSET: &str =
    "the config has no `SHOP_URL`; set it with `stepwell config set SHOP_URL VALUE`";

#[test]
fn a_missing_key_may_be_tested_for_and_have_a_default() {
    let ran = content(
        "data.a = task.config('X') ?? 'd'; data.b = task.config('X') || 'e'; data.c = task.config('X', 'f');
         data.d = task.config('K', 'g'); data.e = !task.config('X'); data.f = typeof task.config('X', undefined);
         data.g = task.config('N', 7);
         const url = task.config('X') ? 'https://x.example/' : 'https://a.example/undefinedly';
         await connectors.fetch({ url, options: { method: 'POST', headers: { A: task.config('X'), B: 'undefined_x' },
           body: 'a value that was undefined, says the log' } })",
    )
    .config("K", "v")
    .run();
    assert_eq!(
        ran.data(),
        json!({"a": "d", "b": "e", "c": "f", "d": "v", "e": true, "f": "undefined", "g": 7})
    );
    assert_eq!(ran.host.requests.borrow().len(), 1);
}

#[test]
fn a_call_with_the_missing_value_in_it_names_the_key_for_good() {
    for (call, wrong) in [
        (
            "connectors.fetch({url: `${u}/x?token=1`})",
            "the URL `undefined/x` has `undefined` in it",
        ),
        (
            "connectors.fetch(`https://${u}/x`)",
            "the URL `https://undefined/x` has `undefined` in it",
        ),
        (
            "fetch(`https://shop.example/${u}`)",
            "the URL `https://shop.example/undefined` has `undefined` in it",
        ),
        (
            "connectors.fetch({url: u})",
            "the url must be a string, and it is undefined",
        ),
        ("fetch(u)", "the url must be a string, and it is undefined"),
        (
            "connectors.fetch({url: 'https://a.example', options: {headers: {Authorization: `Bearer ${u}`}}})",
            "the header `Authorization` has `undefined` in it",
        ),
        (
            "fetch('https://a.example', {headers: new Headers([['X-Key', u]])})",
            "the header `x-key` has `undefined` in it",
        ),
        (
            "connectors.fetch({url: 'https://a.example', options: {method: 'POST', body: `id=1&key=${u}`}})",
            "the body has `undefined` for a value",
        ),
        (
            "connectors.fetch({url: 'https://a.example', options: {method: 'POST', body: {key: `${u}`}}})",
            "the body has `undefined` for a value",
        ),
        (
            "connectors.fetch({url: 'https://a.example', options: {method: 'POST', body: new URLSearchParams({key: u})}})",
            "the body has `undefined` for a value",
        ),
    ] {
        let ran = content(&format!("const u = task.config('SHOP_URL'); await {call}")).run();
        let text = ran.stop();
        let first = format!("FetchError: {wrong}: {UNSET}");
        assert_eq!(text.lines().next().unwrap(), first, "{call}");
        assert_eq!(ran.host.requests.borrow().len(), 0, "{call}");
    }
}

#[test]
fn a_script_that_catches_the_error_has_the_key_in_its_message() {
    let ran = content(
        "try { await connectors.fetch({url: `${task.config('A')}/${task.config('B')}/${task.config('A')}`}) }
         catch (error) { data.error = [error.code, error.final, error.message] }",
    )
    .run();
    let message = "the URL `undefined/undefined/undefined` has `undefined` in it: the config has no `A` and no `B`; \
                   set it with `stepwell config set A VALUE` and `stepwell config set B VALUE`";
    assert_eq!(ran.data()["error"], json!(["invalid", true, message]));
}

#[test]
fn what_fails_for_a_missing_value_elsewhere_names_the_key() {
    let text = content("task.config('SHOP_URL').split('/')").run().retry();
    assert!(
        text.contains("undefined") && text.ends_with(UNSET),
        "{text}"
    );
    let text = content("crypto.createHmac('sha256', task.config('SHOP_URL'))");
    let text = text.run().retry();
    assert!(text.ends_with(UNSET), "{text}");
    let refused = Outcome::Failed {
        code: "invalid",
        text: "slackCom.send needs `channel`".into(),
    };
    let text =
        content("await connectors.slackCom.send({channel: task.config('SHOP_URL'), text: 'x'})")
            .answer(refused)
            .run()
            .stop();
    assert!(text.contains(UNSET), "{text}");
}

#[test]
fn nothing_is_said_where_no_key_is_missing() {
    let text = content("task.config('X', 'd'); await connectors.fetch({url: data.nothing})");
    let text = text.run().retry();
    assert!(!text.contains("the config has"), "{text}");
    let ran = content("await connectors.fetch('https://a.example/?q=undefined')").run();
    assert_eq!(ran.ended, Ok(()));
    // A step may ask for any number of keys; a few are named.
    let text = content(
        "for (let i = 0; i < 5000; i++) task.config(`K${i}${'x'.repeat(i)}`); await connectors.fetch(`${undefined}/`)",
    );
    let text = text.run().stop();
    assert!(text.contains("`K0`") && text.len() < 2_000, "{text}");
}

#[test]
fn what_a_sender_wrote_is_sent_though_a_key_is_missing() {
    let body = "task.config('SALT'); const id = data.id;
        await connectors.fetch({url: `https://a.example/${id}`, options: {method: 'POST', headers: {A: id}, body: {id}}})";
    let ran = content(body).data(json!({"id": "undefined"})).run();
    assert_eq!(ran.ended, Ok(()));
    assert_eq!(ran.host.requests.borrow().len(), 1);
    // If the server refuses it, the key is named after all.
    let refused = Outcome::Failed {
        code: "invalid",
        text: "`undefined/x` is no absolute URL".into(),
    };
    let text = content("await connectors.fetch(`${task.config('SHOP_URL')}/x`)")
        .data(json!({"id": "undefined"}))
        .answer(refused)
        .run()
        .stop();
    assert!(text.contains(UNSET), "{text}");
}
