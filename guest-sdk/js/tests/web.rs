//! What a step has of Node and the web: crypto, bytes, URLs, texts in the reader's form.

#![allow(missing_docs)]

use crate::common::content;
use serde_json::{Value, json};

/// The value of an expression.
fn eval(expression: &str) -> Value {
    content(&format!("data.x = {expression}")).run().data()["x"].clone()
}

fn all(cases: &[(&str, Value)]) {
    for (expression, value) in cases {
        assert_eq!(eval(expression), *value, "{expression}");
    }
}

#[test]
fn digests() {
    all(&[
        ("crypto.createHash('md5').update('abc').digest('hex')", json!("900150983cd24fb0d6963f7d28e17f72")),
        ("crypto.createHash('sha1').update('a').update(Buffer.from('bc')).digest('base64')", json!("qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")),
        ("crypto.createHash('SHA256').update('616263', 'hex').digest('base64url')", json!("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")),
        ("crypto.createHash('sha384').update('').digest().length", json!(48)),
        ("crypto.createHash('sha512').update('é').digest('latin1').length", json!(64)),
        ("crypto.createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('hex')",
         json!("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")),
        ("crypto.createHmac('sha-256', Buffer.alloc(200, 1)).update('').digest('hex').length", json!(64)),
        ("crypto.timingSafeEqual(Buffer.from('a'), new Uint8Array([97]))", json!(true)),
        ("crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('b'))", json!(false)),
        ("Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'))).toString('hex').slice(0, 8)", json!("ba7816bf")),
        ("await (async () => { const k = await crypto.subtle.importKey('raw', Buffer.from('key'), {name: 'HMAC', hash: 'SHA-256'}, false, ['sign', 'verify']);
          const s = await crypto.subtle.sign('HMAC', k, Buffer.from('m')); return [s.byteLength, await crypto.subtle.verify('HMAC', k, s, Buffer.from('m')),
          await crypto.subtle.verify('HMAC', k, s, Buffer.from('n'))] })()", json!([32, true, false])),
        ("crypto.randomUUID()", json!("a5a4a7a6-a1a0-43a2-adac-afaea9a8abaa")),
        ("crypto.randomBytes(3).toString('hex')", json!("a5a4a7")),
        ("[...crypto.getRandomValues(new Uint16Array(2))]", json!([42149, 42663])),
        ("(() => { const r = [Math.random(), Math.random()]; return r[0] !== r[1] && r.every((n) => n >= 0 && n < 1) })()", json!(true)),
    ]);
    let text = content("crypto.createHash('sha3')").run().retry();
    assert!(
        text.starts_with("TypeError: `sha3` is no known digest; there are md5, sha1"),
        "{text}"
    );
}

#[test]
fn buffers() {
    all(&[
        ("Buffer.from('héé').toString('base64')", json!("aMOpw6k=")),
        ("Buffer.from('aMOpw6k', 'base64').toString()", json!("héé")),
        (
            "Buffer.from('_-8', 'base64url').toString('hex')",
            json!("ffef"),
        ),
        ("Buffer.from('a b=c', 'base64').length", json!(1)),
        ("Buffer.from('ff0z', 'hex').length", json!(1)),
        (
            "Buffer.from([1, 2, 300]).toJSON()",
            json!({"type": "Buffer", "data": [1, 2, 44]}),
        ),
        (
            "Buffer.concat([Buffer.from('a'), new Uint8Array([98])]).toString()",
            json!("ab"),
        ),
        ("Buffer.byteLength('é')", json!(2)),
        (
            "[Buffer.isBuffer(Buffer.alloc(1)), Buffer.isBuffer(new Uint8Array(1)), Buffer.alloc(1) instanceof Uint8Array]",
            json!([true, false, true]),
        ),
        ("Buffer.from('abc').equals(Buffer.from('abc'))", json!(true)),
        (
            "Buffer.from('hello').slice(1, 3).toString() + Buffer.from('hello').subarray(-2).toString()",
            json!("ello"),
        ),
        ("Buffer.alloc(3, 'ab').toString()", json!("aba")),
        ("Buffer.from('abc').indexOf('c')", json!(2)),
        (
            "(() => { const b = Buffer.alloc(8); b.writeUInt32BE(7, 4); return [b.readUInt32BE(4), b.readUInt16LE(6), b.readUInt8(7)] })()",
            json!([7, 1792, 7]),
        ),
        (
            "new TextDecoder().decode(new TextEncoder().encode('é🚨'))",
            json!("é🚨"),
        ),
        (
            "new TextDecoder('latin1').decode(new Uint8Array([233]))",
            json!("é"),
        ),
        (
            "(() => { try { new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255])) } catch (e) { return e.name } })()",
            json!("TypeError"),
        ),
        ("atob(btoa('hello'))", json!("hello")),
        ("Buffer.from('é', 'latin1').length", json!(1)),
    ]);
}

#[test]
fn urls() {
    all(&[
        (
            "new URL('../b?x=1#h', 'https://u:p@a.example:8080/c/d').href",
            json!("https://u:p@a.example:8080/b?x=1#h"),
        ),
        (
            "(() => { const u = new URL('https://a.example/b'); u.searchParams.append('q', 'a b&c'); u.pathname = '/é'; u.hash = 'x'; return u.toString() })()",
            json!("https://a.example/%C3%A9?q=a+b%26c#x"),
        ),
        (
            "(() => { const u = new URL('https://a.example:443/?a=1&a=2'); return [u.host, u.port, u.origin, u.search, u.searchParams.getAll('a'), u.protocol] })()",
            json!([
                "a.example",
                "",
                "https://a.example",
                "?a=1&a=2",
                ["1", "2"],
                "https:"
            ]),
        ),
        (
            "[URL.canParse('no'), URL.canParse('https://x')]",
            json!([false, true]),
        ),
        (
            "[...new URLSearchParams('?b=2&a=1&b=3')]",
            json!([["b", "2"], ["a", "1"], ["b", "3"]]),
        ),
        (
            "(() => { const p = new URLSearchParams({a: 1, b: 'x y'}); p.set('a', 2); p.delete('b'); p.append('c', 'é'); p.sort(); return [p.toString(), p.has('c'), p.get('z'), p.size] })()",
            json!(["a=2&c=%C3%A9", true, null, 2]),
        ),
        (
            "Object.fromEntries(new URLSearchParams([['a', '1']]))",
            json!({"a": "1"}),
        ),
        (
            "new URL('https://xn--bcher-kva.example/').hostname",
            json!("xn--bcher-kva.example"),
        ),
        ("URL.canParse('https://bücher.example/')", json!(true)),
    ]);
    let text = content("new URL('nope')").run().retry();
    assert!(
        text.starts_with("TypeError: Invalid URL: nope\n  at step.js:3:"),
        "{text}"
    );
}

#[test]
fn clones() {
    all(&[
        ("(() => { const a = {d: new Date(0), m: new Map([[1, {x: 1}]]), s: new Set([1])}; a.me = a; const b = structuredClone(a);
          return [b !== a, b.me === b, b.d.getTime(), b.m.get(1).x, b.s.has(1), b.m.get(1) !== a.m.get(1)] })()", json!([true, true, 0, 1, true, true])),
        ("(() => { try { structuredClone(() => 1) } catch (e) { return [e.name, e.message] } })()", json!(["DataCloneError", "a function could not be cloned"])),
        ("structuredClone(new TypeError('t')).name", json!("TypeError")),
        ("(() => { const list = [1, 2]; list.note = 'x'; const copy = structuredClone({list}).list; return [copy.note, copy.length, copy[1]] })()", json!(["x", 2, 2])),
        ("(() => { const blob = structuredClone([new Blob(['ab'], {type: 'a/b'})])[0]; return [blob instanceof Blob, blob.size, blob.type] })()", json!([true, 2, "a/b"])),
        ("(() => { const file = structuredClone({file: new File(['ab'], 'n.txt', {lastModified: 5})}).file; return [file instanceof File, file.size, file.name, file.lastModified] })()",
         json!([true, 2, "n.txt", 5])),
        ("structuredClone(Object(5n)) instanceof BigInt", json!(true)),
        ("(() => { class P { #x = 1; y = 2 } const copy = structuredClone([new P()])[0]; return [copy instanceof P, copy.y] })()", json!([false, 2])),
        ("[new URLSearchParams(), {q: new URLSearchParams('a=1')}].map((value) => { try { structuredClone(value); } catch (e) { return e.name } })", json!(["DataCloneError", "DataCloneError"])),
        ("(() => { const bytes = new Uint8Array([1, 2]); const copy = structuredClone(bytes.buffer, {transfer: [bytes.buffer]}); return [bytes.length, copy.byteLength] })()", json!([0, 2])),
        ("[[1], [new ArrayBuffer(1)].concat([]), null].map((transfer) => { try { structuredClone({}, {transfer}); return 'taken' } catch (e) { return e.name } })", json!(["DataCloneError", "taken", "TypeError"])),
        ("(() => { try { structuredClone() } catch (e) { return e.name } })()", json!("TypeError")),
        ("(() => { try { URLSearchParams.prototype.get.call({}, 'a') } catch (e) { return [e.name, e.code] } })()", json!(["TypeError", "ERR_INVALID_THIS"])),
        ("[...structuredClone(new Uint8Array([1, 2]))]", json!([1, 2])),
    ]);
}

#[test]
fn numbers_for_people() {
    all(&[
        ("(1234567.891).toLocaleString()", json!("1,234,567.891")),
        (
            "(-1234.5).toLocaleString('en-US', {style: 'currency', currency: 'USD'})",
            json!("-$1,234.50"),
        ),
        (
            "(1234.5).toLocaleString('de-DE', {style: 'currency', currency: 'EUR'})",
            json!("1.234,50\u{a0}€"),
        ),
        (
            "(1234).toLocaleString('en-US', {style: 'currency', currency: 'CHF'})",
            json!("CHF\u{a0}1,234.00"),
        ),
        (
            "(1234.5).toLocaleString('en-US', {style: 'currency', currency: 'JPY'})",
            json!("¥1,235"),
        ),
        (
            "(99).toLocaleString('en-US', {style: 'currency', currency: 'USD', minimumFractionDigits: 0})",
            json!("$99"),
        ),
        (
            "(0.256).toLocaleString('en-US', {style: 'percent', maximumFractionDigits: 1})",
            json!("25.6%"),
        ),
        (
            "(5).toLocaleString('en-US', {minimumIntegerDigits: 2, minimumFractionDigits: 2})",
            json!("05.00"),
        ),
        (
            "new Intl.NumberFormat('en-US', {maximumFractionDigits: 0}).format(1999.5)",
            json!("2,000"),
        ),
        (
            "[1, 2].map(new Intl.NumberFormat().format).join()",
            json!("1,2"),
        ),
        (
            "(12345678901234567890n).toLocaleString()",
            json!("12,345,678,901,234,567,890"),
        ),
        (
            "[(NaN).toLocaleString(), (Infinity).toLocaleString(), (1e21).toLocaleString()]",
            json!(["NaN", "∞", "1,000,000,000,000,000,000,000"]),
        ),
        (
            "(1234.5).toLocaleString('en-US', {useGrouping: false})",
            json!("1234.5"),
        ),
    ]);
}

#[test]
fn what_replaces_a_built_in_looks_like_one() {
    let look = |method: &str| {
        format!(
            "(() => {{ const f = {method}; try {{ Reflect.construct(Object, [], f); return 'constructs' }}
              catch (e) {{ return [f.name, f.length, e.name] }} }})()"
        )
    };
    for (method, name) in [
        ("Date.prototype.toLocaleString", "toLocaleString"),
        ("Date.prototype.toLocaleDateString", "toLocaleDateString"),
        ("Date.prototype.toLocaleTimeString", "toLocaleTimeString"),
        ("Number.prototype.toLocaleString", "toLocaleString"),
        ("BigInt.prototype.toLocaleString", "toLocaleString"),
        ("Math.random", "random"),
    ] {
        all(&[(&look(method), json!([name, 0, "TypeError"]))]);
    }
}

#[test]
fn dates_for_people() {
    let at = "new Date(Date.UTC(2026, 10, 4, 15, 5, 9))";
    for (call, text) in [
        ("toLocaleString()", "11/4/2026, 3:05:09 PM"),
        ("toLocaleDateString()", "11/4/2026"),
        ("toLocaleTimeString()", "3:05:09 PM"),
        (
            "toLocaleDateString('en-US', {weekday: 'long', year: 'numeric', month: 'long', day: 'numeric'})",
            "Wednesday, November 4, 2026",
        ),
        (
            "toLocaleDateString('en-US', {month: 'short', day: 'numeric'})",
            "Nov 4",
        ),
        (
            "toLocaleDateString('en-US', {month: '2-digit', day: '2-digit', year: 'numeric'})",
            "11/04/2026",
        ),
        (
            "toLocaleTimeString('en-US', {hour: '2-digit', minute: '2-digit'})",
            "03:05 PM",
        ),
        ("toLocaleTimeString('en-US', {hour12: false})", "15:05:09"),
        (
            "toLocaleString('en-US', {dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC'})",
            "Nov 4, 2026, 3:05 PM",
        ),
        (
            "toLocaleString('en-US', {dateStyle: 'full', timeStyle: 'long'})",
            "Wednesday, November 4, 2026 at 3:05:09 PM UTC",
        ),
        (
            "toLocaleDateString('en-US', {month: 'long', year: 'numeric'})",
            "November 2026",
        ),
    ] {
        assert_eq!(eval(&format!("{at}.{call}")), json!(text), "{call}");
    }
    assert_eq!(
        eval("Intl.DateTimeFormat().resolvedOptions?.().timeZone ?? 'x'"),
        json!("UTC")
    );
    let text = content("new Date().toLocaleString('en-US', {timeZone: 'Europe/Nowhere'})")
        .run()
        .retry();
    assert!(
        text.starts_with("RangeError: Invalid time zone specified: Europe/Nowhere"),
        "{text}"
    );
}
