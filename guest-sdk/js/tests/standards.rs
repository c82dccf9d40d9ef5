//! Addresses, encodings, bytes and keys as the web's standards and Node have them.

#![allow(missing_docs)]

use crate::common::content;
use serde_json::{Value, json};

fn eval(expression: &str) -> Value {
    content(&format!("data.x = {expression}")).run().data()["x"].clone()
}

fn all(cases: &[(&str, Value)]) {
    for (expression, value) in cases {
        assert_eq!(eval(expression), *value, "{expression}");
    }
}

/// The name of what an expression throws.
fn thrown(expression: &str) -> Value {
    eval(&format!(
        "await (async () => {{ try {{ await ({expression}); return 'nothing' }} catch (error) {{ return error.name }} }})()"
    ))
}

#[test]
fn host_names_in_any_script() {
    all(&[
        (
            "new URL('https://münchen.example/ä').href",
            json!("https://xn--mnchen-3ya.example/%C3%A4"),
        ),
        (
            "new URL('https://faß.example').host",
            json!("xn--fa-hia.example"),
        ),
        (
            "new URL('https://你好你好').hostname",
            json!("xn--6qqa088eba"),
        ),
        ("new URL('https://Ｇｏ.com').host", json!("go.com")),
        (
            "new URL('https://www.foo。bar.com').host",
            json!("www.foo.bar.com"),
        ),
        ("new URL('https://%e2%98%83').host", json!("xn--n3h")),
        ("new URL('https://a\u{ad}b/').host", json!("ab")),
        (
            "new URL('//ÖBB.at:8080/x', 'https://a.example').host",
            json!("xn--bb-eka.at:8080"),
        ),
        (
            "(() => { const u = new URL('https://x/'); u.host = 'ß'; return u.href })()",
            json!("https://xn--zca/"),
        ),
        ("URL.canParse('https://xn--a/')", json!(false)),
        (
            "require('url').domainToASCII('español.com')",
            json!("xn--espaol-zwa.com"),
        ),
        (
            "require('url').domainToUnicode('xn--fiq228c.com')",
            json!("中文.com"),
        ),
        ("require('url').domainToASCII('xn--iñvalid.com')", json!("")),
    ]);
}

#[test]
fn addresses_of_files_and_of_other_schemes() {
    all(&[
        ("new URL('file:///w|/m').href", json!("file:///w:/m")),
        (
            "new URL('/', 'file://h/C:/a/b').href",
            json!("file://h/C:/"),
        ),
        (
            "new URL('file:////one//two/../x?q\\'#f').href",
            json!("file:////one//x?q%27#f"),
        ),
        (
            "new URL('C|', 'file://host/dir/file').href",
            json!("file://host/C:"),
        ),
        ("new URL('..', 'file:///C:/a').href", json!("file:///C:/")),
        (
            "new URL('b?x', 'file://localhost/a/c#d').href",
            json!("file:///a/b?x"),
        ),
        ("new URL('#d', 'file:///a?q').href", json!("file:///a?q#d")),
        (
            "(() => { const u = new URL('file:///unicorn'); u.pathname = '//\\\\/'; u.hash = 'ä'; return u.href })()",
            json!("file://////#%C3%A4"),
        ),
        (
            "(() => { const u = new URL('file:///y'); u.host = 'x:123'; u.protocol = 'http'; return u.href })()",
            json!("file:///y"),
        ),
        ("URL.canParse('file://a b/')", json!(false)),
        (
            "new URL('///test/x', 'http://example.org/').href",
            json!("http://test/x"),
        ),
        (
            "(() => { const u = new URL('non-spec:/.//p'); u.hostname = 'h'; return u.href })()",
            json!("non-spec://h//p"),
        ),
        (
            "(() => { const u = new URL('non-spec:/'); u.pathname = '/..//p'; return [u.href, u.pathname] })()",
            json!(["non-spec:/.//p", "//p"]),
        ),
        (
            "(() => { const u = new URL('foo:///some/path?q#f'); u.pathname = ''; return u.href })()",
            json!("foo://?q#f"),
        ),
        (
            "[new URL('blob:https://a.example/1').origin, new URL('blob:ftp://a/').origin]",
            json!(["https://a.example", "null"]),
        ),
    ]);
}

#[test]
fn an_address_and_its_query_are_one() {
    all(&[
        (
            "(() => { const u = new URL('https://a/?x=1'); const p = u.searchParams; u.search = '?y=2'; return [p.get('x'), p.get('y'), p === u.searchParams] })()",
            json!([null, "2", true]),
        ),
        (
            "(() => { const u = new URL('https://a/?x=1'); const p = u.searchParams; u.href = 'https://b/?z=3'; p.append('w', 'ä'); return u.href })()",
            json!("https://b/?z=3&w=%C3%A4"),
        ),
        (
            "(() => { const u = new URL('https://a/?x=1#h'); u.searchParams.delete('x'); return u.href })()",
            json!("https://a/#h"),
        ),
        (
            "(() => { const u = new URL('https://a/?a=1&b=2&c=3'); const seen = []; for (const [k] of u.searchParams) { seen.push(k); u.searchParams.delete(k) } return seen })()",
            json!(["a", "c"]),
        ),
        (
            "(() => { const p = new URLSearchParams('a=1&a=2&b=3'); p.delete('a', '1'); return [p.size, p.has('a', '2'), p.has('a', '1'), `${p}`] })()",
            json!([2, true, false, "a=2&b=3"]),
        ),
        (
            "[...new URLSearchParams([['b', 1], ['a', null]]).keys()]",
            json!(["b", "a"]),
        ),
        (
            "new URLSearchParams(new Map([['a', 'b c']])).toString()",
            json!("a=b+c"),
        ),
        ("new URLSearchParams('??a=b').toString()", json!("%3Fa=b")),
        (
            "(() => { const p = new URLSearchParams('z=1&ﬃ=2&🌈=3'); p.sort(); return [...p.keys()] })()",
            json!(["z", "🌈", "ﬃ"]),
        ),
        (
            "[URL.parse('nope'), URL.parse('../x', 'https://a/b/c').pathname, URL.canParse('/x')]",
            json!([null, "/x", false]),
        ),
        (
            "Object.keys(URL.prototype).includes('href') && Object.prototype.toString.call(new URL('a:b'))",
            json!("[object URL]"),
        ),
        (
            "require('util').inspect(new URLSearchParams('a=1&b=x'))",
            json!("URLSearchParams { 'a' => '1', 'b' => 'x' }"),
        ),
        (
            "JSON.stringify({ u: new URL('https://a/') })",
            json!("{\"u\":\"https://a/\"}"),
        ),
    ]);
    for expression in [
        "new URLSearchParams([['a']])",
        "new URLSearchParams('a').has()",
        "URLSearchParams.prototype.get.call({}, 'a')",
        "new URLSearchParams({ [Symbol('a')]: 1 })",
        "new URL()",
        "new URLSearchParams('a').forEach(1)",
    ] {
        let name = thrown(expression);
        assert!(
            name == "TypeError" || name == "nothing" && expression.contains("Symbol"),
            "{expression}: {name}"
        );
    }
    assert_eq!(
        thrown("structuredClone(new URL('https://a/'))"),
        "DataCloneError"
    );
}

#[test]
fn texts_are_decoded_in_parts_and_in_any_encoding() {
    let parts = |label: &str, bytes: &str| {
        eval(&format!(
            "(() => {{ const d = new TextDecoder('{label}'); let t = ''; for (const b of {bytes}) t += d.decode(new Uint8Array([b]), {{ stream: true }}); return t + d.decode() }})()"
        ))
    };
    assert_eq!(
        parts(
            "utf-8",
            "[0xef, 0xbb, 0xbf, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x9a, 0xa8]"
        ),
        "€🚨"
    );
    assert_eq!(parts("utf-8", "[0xe2, 0x82]"), "\u{fffd}");
    assert_eq!(
        parts("utf-16be", "[0xd8, 0x3d, 0xde, 0xa8, 0, 0x41]"),
        "🚨A"
    );
    assert_eq!(
        parts("shift_jis", "[0x83, 0x65, 0x83, 0x58, 0x83, 0x67]"),
        "テスト"
    );
    assert_eq!(parts("gb18030", "[0xc4, 0xe3, 0xba, 0xc3]"), "你好");
    assert_eq!(parts("euc-kr", "[0xc7, 0xd1]"), "한");
    assert_eq!(parts("big5", "[0xa4, 0xa4]"), "中");
    assert_eq!(parts("iso-2022-jp", "[0x1b, 0x24, 0x42, 0x46, 0x7c]"), "日");
    all(&[
        (
            "new TextDecoder(' Latin1\\n').encoding",
            json!("windows-1252"),
        ),
        (
            "new TextDecoder('koi8-r').decode(new Uint8Array([0xf0, 0xd2]))",
            json!("Пр"),
        ),
        (
            "new TextDecoder('windows-1252').decode(new Uint8Array([0x80, 0x81]))",
            json!("€\u{81}"),
        ),
        (
            "new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf])).length",
            json!(1),
        ),
        (
            "new TextDecoder().decode(new DataView(new Uint8Array([1, 97, 98]).buffer, 1))",
            json!("ab"),
        ),
        (
            "(() => { const { read, written } = new TextEncoder().encodeInto('aé€', new Uint8Array(4)); return [read, written] })()",
            json!([2, 3]),
        ),
        (
            "(() => { const t = new Uint8Array(9); const r = new TextEncoder().encodeInto('🚨\\ud83d', t); return [r.read, r.written, [...t.subarray(0, 7)]] })()",
            json!([3, 7, [240, 159, 154, 168, 239, 191, 189]]),
        ),
    ]);
    assert_eq!(thrown("new TextDecoder('utf-7')"), "RangeError");
    assert_eq!(thrown("new TextDecoder('replacement')"), "RangeError");
    assert_eq!(thrown("new TextDecoder().decode('text')"), "TypeError");
    assert_eq!(thrown("new TextEncoder().encodeInto('a', [])"), "TypeError");
    for (label, bytes) in [
        ("utf-8", "[0xe2, 0x82]"),
        ("utf-16le", "[0, 0xd8]"),
        ("shift_jis", "[0x83]"),
        ("windows-1253", "[0xaa]"),
    ] {
        let text = format!(
            "new TextDecoder('{label}', {{ fatal: true }}).decode(new Uint8Array({bytes}))"
        );
        assert_eq!(thrown(&text), "TypeError", "{label}");
    }
}

#[test]
fn buffers_are_nodes() {
    all(&[
        (
            "(() => { const b = Buffer.alloc(6); b.writeUIntBE(0x1234567890ab, 0, 6); return [b.toString('hex'), b.readUIntLE(0, 6), b.readIntBE(0, 3)] })()",
            json!(["1234567890ab", 0xab90_7856_3412_u64, 0x123456]),
        ),
        ("Buffer.from('abcabc').lastIndexOf('bc')", json!(4)),
        ("Buffer.from('abc').indexOf('')", json!(0)),
        (
            "[Buffer.from('abc').write('xyz', 2), Buffer.alloc(4).write('€€')]",
            json!([1, 3]),
        ),
        (
            "Buffer.from([1, 2, 3, 4]).swap16().toString('hex')",
            json!("02010403"),
        ),
        (
            "Buffer.from('abcdef').toString('latin1', 2, 4)",
            json!("cd"),
        ),
        (
            "Buffer.from('abc').compare(Buffer.from('xabcx'), 1, 4)",
            json!(0),
        ),
        (
            "[Buffer(3).length, new Buffer('a').length, Buffer.from(new String('ab')).length]",
            json!([3, 1, 2]),
        ),
        (
            "Buffer.from('a').constructor === Buffer && Buffer.from('ab').map((x) => x + 1).toString()",
            json!("bc"),
        ),
        (
            "Buffer.alloc(5).fill('xy', 1, 4).toString('latin1')",
            json!("\u{0}xyx\u{0}"),
        ),
        (
            "Buffer.copyBytesFrom(new Uint16Array([1, 2]), 1).length",
            json!(2),
        ),
        ("require('buffer').isUtf8(Buffer.from([255]))", json!(false)),
        (
            "Buffer.from([200]).readUint8(0) + Buffer.from([200]).readInt8(0)",
            json!(144),
        ),
    ]);
    for (expression, code) in [
        ("Buffer.alloc('5')", "ERR_INVALID_ARG_TYPE"),
        ("Buffer.alloc(-1)", "ERR_OUT_OF_RANGE"),
        (
            "Buffer.alloc(2).readUInt32LE(0)",
            "ERR_BUFFER_OUT_OF_BOUNDS",
        ),
        ("Buffer.alloc(4).readUInt16LE(3)", "ERR_OUT_OF_RANGE"),
        ("Buffer.alloc(1).writeUInt8(256)", "ERR_OUT_OF_RANGE"),
        ("Buffer.from('a', 'utf-7')", "ERR_UNKNOWN_ENCODING"),
        ("Buffer.from(5)", "ERR_INVALID_ARG_TYPE"),
        ("Buffer.from([1]).swap16()", "ERR_INVALID_BUFFER_SIZE"),
    ] {
        let got = eval(&format!(
            "(() => {{ try {{ {expression} }} catch (error) {{ return error.code }} }})()"
        ));
        assert_eq!(got, code, "{expression}");
    }
}

#[test]
fn queries_are_read_and_written_as_node_does() {
    all(&[
        (
            "({ ...require('querystring').parse('a=1&b=%41+c&a=2&d&%zz=%') })",
            json!({"a": ["1", "2"], "b": "A c", "d": "", "%zz": "%"}),
        ),
        (
            "require('node:querystring').stringify({ a: [1, 'x y'], b: true, c: null, d: 1n, e: 'ä' })",
            json!("a=1&a=x%20y&b=true&c=&d=1&e=%C3%A4"),
        ),
        (
            "({ ...require('querystring').parse('a:1;b:2', ';', ':') })",
            json!({"a": "1", "b": "2"}),
        ),
        (
            "Object.keys(require('querystring').parse('a&b&c', null, null, { maxKeys: 2 }))",
            json!(["a", "b"]),
        ),
        ("require('querystring').unescape('%E4')", json!("\u{fffd}")),
    ]);
}

#[test]
fn keys_do_what_they_were_made_for() {
    let key = |extractable: bool, uses: &str| {
        format!(
            "crypto.subtle.importKey('raw', Buffer.from('key'), {{ name: 'hmac', hash: {{ name: 'sha-256' }} }}, {extractable}, {uses})"
        )
    };
    let sign = key(true, "['sign']");
    assert_eq!(
        eval(&format!("(await {sign}).algorithm")),
        json!({"name": "HMAC", "hash": {"name": "SHA-256"}, "length": 24})
    );
    assert_eq!(
        eval(&format!(
            "(await crypto.subtle.exportKey('jwk', await {sign})).k"
        )),
        "a2V5"
    );
    for (expression, name) in [
        (
            format!("crypto.subtle.verify('HMAC', await {sign}, Buffer.alloc(1), Buffer.alloc(1))"),
            "InvalidAccessError",
        ),
        (
            format!(
                "crypto.subtle.exportKey('raw', await {})",
                key(false, "['sign']")
            ),
            "InvalidAccessError",
        ),
        (key(false, "[]"), "SyntaxError"),
        (key(false, "['encrypt']"), "SyntaxError"),
        (
            "crypto.subtle.digest('MD5', Buffer.alloc(1))".to_owned(),
            "NotSupportedError",
        ),
        (
            "crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt'])"
                .to_owned(),
            "NotSupportedError",
        ),
        (
            "crypto.getRandomValues(new Float32Array(1))".to_owned(),
            "TypeMismatchError",
        ),
        (
            "crypto.getRandomValues(new Uint8Array(65537))".to_owned(),
            "QuotaExceededError",
        ),
        ("new CryptoKey()".to_owned(), "TypeError"),
    ] {
        assert_eq!(thrown(&expression), name, "{expression}");
    }
    let same = format!(
        "(async () => {{ const k = await {sign}; return crypto.createHmac('sha256', k).update('m').digest('hex') === \
         Buffer.from(await crypto.subtle.sign('HMAC', k, Buffer.from('m'))).toString('hex') }})()"
    );
    assert_eq!(eval(&format!("await {same}")), true);
}
