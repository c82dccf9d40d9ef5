//! Large members of `data` are read when a step asks for them. Whatever it does, it sees the same as in a document that
//! `JSON.parse` has read.

#![allow(missing_docs)]

use crate::common::{Ran, content};

/// What a step may do with a value `x` of its document. What it prints is compared.
const OPERATIONS: &[&str] = &[
    "log(typeof x, Array.isArray(x), x.length, String(x).length)",
    "log(x[0], x[1], x[x.length - 1], x[-1], x[1e9], x['01'], x['1'])",
    "log(0 in x, 5 in x, 'length' in x, 'map' in x, 99999 in x, 'a' in x, 'toString' in x)",
    "log(Object.hasOwn(x, 0), Object.hasOwn(x, 'length'), x.hasOwnProperty?.('a'))",
    "log(Object.keys(x).length, Object.keys(x).slice(0, 5))",
    "log(Reflect.ownKeys(x).slice(-3), Reflect.ownKeys(x).length)",
    "log(Object.getOwnPropertyNames(x).slice(-2), Object.getOwnPropertySymbols(x))",
    "let n = 0; for (const k in x) { n++; if (n > 3 && n < 9) delete x[k]; } log(n)",
    "let n = 0; for (const k in x) { if (n++ == 0) for (let i = 2; i < 50; i++) delete x[i]; } log(n)",
    "log(x.push?.(1, {z: 1}), x.length)",
    "log(x.pop?.(), x.length)",
    "log(x.shift?.(), x.length)",
    "log(x.unshift?.('u'), x[0], x[1])",
    "log(x.splice?.(1, 2, 'a', 'b', 'c'), x.length)",
    "log(x.splice?.(0, 30).length)",
    "x.reverse?.(); log(x[0])",
    "x.sort?.((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)); log(x[0], x[9])",
    "x.fill?.('f', 2, 5); log(x[2], x[5])",
    "x.copyWithin?.(0, 3, 6); log(x[0])",
    "if (Array.isArray(x)) x.length = 3; log(x[2], x[3], x.length)",
    "if (Array.isArray(x)) { x.length = 3; x.length = 10; } log(x[2], x[3], 3 in x, x.length)",
    "if (Array.isArray(x)) { x.length = x.length + 2; log(x.length, x.length - 1 in x); x.length -= 2; }",
    "x[x.length] = 'end'; x[x.length + 2] = 'hole'; log(x.length)",
    "Object.freeze(x); log(Object.isFrozen(x)); x[0] = 1; log(x[0])",
    "Object.seal(x); log(Object.isSealed(x), Object.isFrozen(x)); x[0] = 'sealed'; delete x[1]; log(x[0], x[1])",
    "Object.preventExtensions(x); log(Object.isExtensible(x)); x[0] = 'kept'; x[1e6] = 1; log(x[0], x[1e6])",
    "log(Object.isFrozen(x), Object.isSealed(x), Object.isExtensible(x))",
    "Object.defineProperty(x, 0, {get() { return 'got' }, enumerable: true, configurable: true}); log(x[0], x[1])",
    "Object.defineProperty(x, 2, {writable: false}); log(x[2]); x[2] = 'new'; log(x[2])",
    "Object.defineProperty(x, 'hidden', {value: 1}); log(x.hidden, Object.keys(x).length, JSON.stringify(x).length)",
    "Object.defineProperty(x, 'length', {writable: false}); x.push?.(1); log(x.length)",
    "log(Object.getOwnPropertyDescriptor(x, 0), Object.getOwnPropertyDescriptor(x, 'length'))",
    "log(Object.entries(Object.getOwnPropertyDescriptors(x)).slice(0, 3))",
    "Object.setPrototypeOf(x, {foo: 'bar', 5: 'five'}); log(x.foo, x[5], x[99999], 'foo' in x)",
    "Object.setPrototypeOf(x, null); log(Object.getPrototypeOf(x), x.toString, x[0])",
    "log(Object.getPrototypeOf(x) === (Array.isArray(x) ? Array : Object).prototype, x.__proto__ === Object.getPrototypeOf(x))",
    "const y = {}; Object.setPrototypeOf(y, x); Object.setPrototypeOf(x, y); log('a cycle')",
    "log(Reflect.setPrototypeOf(x, Array.prototype), Reflect.setPrototypeOf(x, x))",
    "const y = Object.create(x); log(y[0], y.length, y.a); y[0] = 'y'; log(y[0], x[0], Object.keys(y))",
    "const y = Object.create(x); y.b = 1; log(JSON.stringify(y), 'b' in x)",
    "const y = {}; log(Reflect.set(x, 0, 'r', y), y, x[0], Reflect.get(x, 0, y), Reflect.set(x, 0, 'q'), x[0], Reflect.set(x, 0, 'p', 7))",
    "log(Reflect.has(x, 1), Reflect.deleteProperty(x, 1), 1 in x, Reflect.defineProperty(x, 1, {value: 2}), x[1])",
    "Object.prototype.more = 'm'; log(x.more, x[99999], 'more' in x); delete Object.prototype.more",
    "Array.prototype[3] = 'p'; Object.defineProperty(Array.prototype, 99999, {get() { return this === x }, configurable: true}); \
     log(x[3], x[99999], 99999 in x); delete Array.prototype[3]; delete Array.prototype[99999]",
    "Object.defineProperty(Object.prototype, 99999, {set(v) { log('set', v, this === x) }, configurable: true}); x[99999] = 1; \
     delete Object.prototype[99999]",
    "log(JSON.stringify(x))",
    "log(JSON.stringify(data))",
    "log(JSON.stringify(x, null, 1))",
    "log(JSON.stringify(x, (k, v) => (typeof v === 'number' ? 0 : v)).length)",
    "log(JSON.stringify({x, y: [x, x]}).length)",
    "const y = structuredClone(x); log(y === x, JSON.stringify(y)); y[0] = 'cloned'; log(x[0])",
    "const y = structuredClone({a: x, b: x}); log(y.a === y.b, y.a === x, y.a.length)",
    "x[0]; const y = structuredClone(x); log(JSON.stringify(y))",
    "x.toJSON = () => 'mine'; log(JSON.stringify(x)); delete x.toJSON",
    "Array.prototype.toJSON = function () { return 'of all' }; log(JSON.stringify(x), JSON.stringify({x})); delete Array.prototype.toJSON",
    "Object.prototype.toJSON = function () { return 'of all' }; log(JSON.stringify([x])); delete Object.prototype.toJSON",
    "const {a, ...rest} = x; log(a, Object.keys(rest).length)",
    "if (Array.isArray(x)) { const [p, , q, ...rest] = x; log(p, q, rest.length); }",
    "log(Object.keys({...x}).length, JSON.stringify({...x}).length)",
    "if (Array.isArray(x)) log([...x].length, Array.from(x).length, Math.max(...x.slice(0, 2).map(Number)))",
    "const m = new Map([[x, 1]]); const w = new WeakMap([[x, 2]]); x[0]; x.q = 1; delete x.q; log(m.get(x), w.get(x), Object.is(x, again()))",
    "const e = x[4]; log(e === x[4]); for (let i = 0; i < 60; i++) x[i]; log(e === x[4], e === again()[4])",
    "const e = x[4]; x[4] = 'other'; x[3] = e; log(e === x[3], x[4])",
    "const e = x[2]; if (typeof e === 'object' && e) e.touched = [1]; log(x[2])",
    "log(x.map?.((e, i) => i).length, x.filter?.((e) => e).length, x.find?.((e) => typeof e === 'string'))",
    "log(x.indexOf?.(x[7]), x.lastIndexOf?.(x[7]), x.includes?.(x[3]), x.at?.(-1), x.findLast?.(() => true))",
    "log(x.slice?.(2, 4), x.slice?.(-2), x.concat?.([1]).length, [1].concat(x).length, x.flat?.().length)",
    "log(x.join?.('|').length, x.toString().length, x.toReversed?.()[0], x.with?.(0, 'w')[0], x.toSpliced?.(0, 1).length)",
    "log(x.reduce?.((n) => n + 1, 0), x.some?.((e) => e === null), x.every?.((e) => e !== undefined), x.forEach?.(() => 0))",
    "if (Array.isArray(x)) { let n = 0; for (const e of x) { if (n++ == 2) x.push('pushed'); } log(n); }",
    "if (Array.isArray(x)) { let n = 0; for (const e of x) { if (n++ == 2) x.length = 40; } log(n); }",
    "if (Array.isArray(x)) { const it = x[Symbol.iterator](); log(it.next(), it.next()); x.shift(); log(it.next()); }",
    "if (Array.isArray(x)) log([...x.entries()].slice(0, 2), [...x.keys()].length, [...x.values()].length)",
    "for (let i = 0; i < x.length; i++) if (i % 3 == 0) x[i] = i; log(x.length)",
    "x[2] = x; log(x[2] === x); delete x[2]",
    "x[3] = x; log(x.length)",
    "data.copy = x; x[0] = 'changed'; log(data.copy[0])",
    "data.copy = x; data.copies = [x, {x}]; log(JSON.stringify(data).length)",
    "data.few = x.slice?.(0, 2); delete x[1]; log(1 in x, x.length)",
    "x[0] = undefined; x[1] = null; x[2] = NaN; x[3] = new Date(0); x[4] = new Number(4); log(x[3])",
    "x[0] = () => 0",
    "x[0] = 10n",
    "x[5] = x[5]; x[1] = x[0]; x[0] = x[0]; log(x[1])",
    "x.extra = 1; x['7'] = 'seven'; x[8.5] = 'half'; log(x.extra, x[7], Object.keys(x).length)",
    "const p = new Proxy(x, {}); log(p[0], p.length, Object.keys(p).length, Array.isArray(p), JSON.stringify(p).length); p[0] = 'by proxy'",
    "const p = new Proxy(x, {get: (t, k) => (k === '0' ? 'trapped' : Reflect.get(t, k))}); log(p[0], p[1], p.length)",
    "class Base { constructor(o) { return o } } class S extends Base { #v = 'private'; static of(o) { return #v in o && o.#v } } \
     new S(x); log(S.of(x)); x.q = 1; delete x.q; log(S.of(x), x[0], Object.keys(x).length)",
    "log(Object.prototype.toString.call(x), x instanceof Array, x instanceof Object, x.constructor === Array)",
    "log(Object.entries(x).slice(0, 3), Object.values(x).length, Object.keys(Object.assign({}, x)).length)",
    "log(Object.keys(Object.fromEntries(Object.entries(x))).length, Object.groupBy?.(Object.values(x), (v) => typeof v))",
    "console.log(x); console.log({x})",
    "data = {...data, n: 1}; log(x.length)",
    "data.x2 = x; delete data.list; delete data.lists; delete data.rows; delete data.object",
    "data.rows = data.list; data.list = data.lists; log(data.rows.length)",
    "[data.rows, data.list] = [data.list, data.rows]; data.rows[1] = 'moved'",
    "data = x",
];

/// Values of the document that are left unread, and some that are not.
const VALUES: &[&str] = &[
    "data.rows",
    "data.list",
    "data.lists",
    "data.object",
    "data.object.inner",
    "data.rows[3]",
    "data.names",
    "data.small",
];

/// A document whose members are large, with some of all that JSON has.
fn document() -> String {
    let rows: Vec<String> = (0..150)
        .map(|n| format!(r#"{{"a":{n},"b":"row {n}","c":[{n},null],"__proto__":{{"d":{n}}}}}"#))
        .collect();
    let scalars = [
        "1",
        "-0",
        "1.50",
        "1e3",
        "true",
        "null",
        "false",
        r#""text""#,
        r#""\ud83d\ude00 ab""#,
        r#""\u00e9\n\/""#,
        r#""""#,
        "0.1",
        "12345678901234567890",
        "[]",
        "{}",
        r#"[1,[2,[3]]]"#,
        r#"{"length":3,"0":"zero"}"#,
    ];
    let list: Vec<&str> = (0..900).map(|n| scalars[n % scalars.len()]).collect();
    let lists: Vec<String> = (0..80)
        .map(|n| format!("{}{n}{}", "[".repeat(60), "]".repeat(60)))
        .collect();
    let deep = format!("{}{}", "[{\"a\":".repeat(50), "0").to_string() + &"}]".repeat(50);
    let names: Vec<String> = (0..400).map(|n| format!(r#""key {n}":{n}"#)).collect();
    let row = rows.join(" , ");
    format!(
        r#"{{"rows":[{row}],"list":[{}],"lists":[{}],"object":{{"10":"ten","a":1,"2":[{row}],"__proto__":[1,2],"inner":{{"a":[{row}],"deep":{deep},"toString":"s"}},"long":"{}"}},"names":{{{}}},"small":{{"a":[1,2,3]}}}}"#,
        list.join(","),
        lists.join(","),
        "x\\n".repeat(1500),
        names.join(","),
    )
}

const HEAD: &str = "const show = (v) => { try { return typeof v === 'object' ? JSON.stringify(v) : String(v) } \
    catch (e) { return e.name } }; const log = (...all) => console.log(all.map(show).join(' '));\n\
    const attempt = (act) => { try { act() } catch (e) { log('threw', e.name) } };\n";

/// Runs operations on values of a document. The document is as the step gets it, or read by `JSON.parse`.
fn run(document: &str, steps: &[(&str, &str)], is_read: bool) -> Ran {
    let mut body = String::from(HEAD);
    if is_read {
        let text = serde_json::to_string(document).unwrap();
        body.push_str(&format!("data = JSON.parse({text});\n"));
    }
    for (value, operation) in steps {
        body.push_str(&format!(
            "attempt(() => {{ const again = () => {value}; const x = {value}; {operation} }});\n"
        ));
    }
    content(&body).text(document).run()
}

/// How the two differ, if they do.
fn difference(document: &str, steps: &[(&str, &str)]) -> Option<String> {
    let [unread, read] = [false, true].map(|is_read| run(document, steps, is_read));
    let seen = |ran: &Ran| {
        let ended = format!("{:?}", ran.ended);
        let ended = ended.lines().next().unwrap_or_default().to_owned();
        (ran.logs(), ended, ran.host.data.borrow().clone())
    };
    let (unread, read) = (seen(&unread), seen(&read));
    let short = |text: String| text.chars().take(300).collect::<String>();
    let which = match (unread.0 == read.0, unread.1 == read.1) {
        (false, _) => {
            let mut lines = unread.0.iter().zip(&read.0).filter(|(a, b)| a != b);
            match lines.next() {
                Some((a, b)) => {
                    let from = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
                    let part = |text: &str| {
                        short(
                            String::from_utf8_lossy(&text.as_bytes()[from.saturating_sub(40)..])
                                .into(),
                        )
                    };
                    format!("{:?} and not {:?}", part(a), part(b))
                }
                None => format!("{} lines and not {}", unread.0.len(), read.0.len()),
            }
        }
        (_, false) => format!("{} and not {}", short(unread.1), short(read.1)),
        _ if unread.2 != read.2 => {
            let (a, b) = (unread.2.to_string(), read.2.to_string());
            let from = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                short(String::from_utf8_lossy(&text.as_bytes()[from.saturating_sub(60)..]).into())
            };
            format!("data is {} and not {}", part(&a), part(&b))
        }
        _ => return None,
    };
    Some(format!("{steps:?}: {which}"))
}

#[test]
fn each_operation_is_the_same_on_what_was_not_read() {
    let document = document();
    let all = VALUES
        .iter()
        .step_by(2)
        .flat_map(|value| OPERATIONS.iter().map(move |operation| (*value, *operation)));
    let found: Vec<String> = all
        .filter_map(|step| difference(&document, &[step]))
        .collect();
    assert!(
        found.is_empty(),
        "{} differ:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn operations_one_after_the_other_are_the_same() {
    let document = document();
    let mut seed = 5_u64;
    let mut next = |count: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % count
    };
    let mut found = Vec::new();
    for _ in 0..400 {
        let steps: Vec<(&str, &str)> = (0..3)
            .map(|_| {
                (
                    VALUES[next(VALUES.len())],
                    OPERATIONS[next(OPERATIONS.len())],
                )
            })
            .collect();
        found.extend(difference(&document, &steps));
    }
    assert!(
        found.is_empty(),
        "{} differ:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn what_a_step_replaces_in_a_large_array_is_all_that_is_written() {
    let ran = content("data.rows[7] = 'x'; data.rows[100].a = 1; data.list[3] = data.list[12]")
        .text(&document())
        .run();
    let expected = [
        "/rows/7 = \"x\"",
        "/rows/100/a = 1",
        "/list/3 = 12345678901234567890",
    ];
    assert_eq!(ran.changes(), expected);
}
