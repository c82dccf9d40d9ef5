//! Files of the step: `import`, `require`, `lib`, CommonJS, and what is not there.

#![allow(missing_docs)]

use crate::common::{content, step};
use serde_json::json;

fn with(imports: &str, body: &str) -> crate::common::Step {
    step(&format!("{imports}\nexport const condition = {{}};\nexport const content = async () => {{ {body} }};"))
        .named("steps/contact.js")
        .file("steps/text.js", "export const up = (s) => s.toUpperCase(); export default 7;")
        .file("lib/slug.js", "import { up } from '../steps/text';\nexport const slug = (s) => up(s) + '-' + (globalThis.loads = (globalThis.loads ?? 0) + 1);")
        .file("lib/deep/math.js", "export default { add: (a, b) => a + b };")
        .file("lib/old.js", "const { slug } = require('./slug');\nexports.old = (s) => 'old ' + slug(s);\nexports.name = module.id;")
        .file("lib/index/index.js", "export const here = true")
        .file("rates.json", "{\"EUR\": 1.1}")
        .file("lib/broken.js", "export const a = ;")
}

#[test]
fn files_are_found_as_node_finds_them() {
    for (imports, body) in [
        ("import { up } from './text.js'", "data.x = up('a')"),
        (
            "import seven, { up } from './text'",
            "data.x = up('a') + seven",
        ),
        (
            "import * as t from '../steps/text.js'",
            "data.x = t.up('a')",
        ),
        ("import { slug } from '/lib/slug'", "data.x = slug('a')"),
        ("import { here } from '../lib/index'", "data.x = here"),
        (
            "import old, { name } from '../lib/old.js'",
            "data.x = old.old('a') + name",
        ),
        (
            "import rates from '../rates.json' with { type: 'json' }",
            "data.x = rates.EUR",
        ),
        (
            "",
            "data.x = require('../rates').EUR + require('./text').up('a')",
        ),
        ("", "data.x = (await import('./text.js')).default"),
        (
            "",
            "data.x = lib.slug.slug('a') + lib.slug.slug('b') + lib.deep.math.add(1, 2) + lib.old.name",
        ),
        (
            "import { createHmac } from 'node:crypto'",
            "data.x = createHmac('md5', '').digest('hex').length",
        ),
        (
            "import crypto2 from 'crypto'; import { Buffer as B } from 'buffer'",
            "data.x = crypto2 === crypto && B === Buffer && require('crypto') === crypto",
        ),
        (
            "import { inspect, promisify } from 'util'; import { URL as U } from 'node:url'",
            "data.x = inspect([U === URL, await promisify((a, done) => done(null, a))(5)])",
        ),
    ] {
        let ran = with(imports, body).run();
        let data = ran.data();
        let expected = match (imports, body) {
            ("import { up } from './text.js'" | "import * as t from '../steps/text.js'", _) => {
                json!("A")
            }
            (i, _) if i.contains("seven") => json!("A7"),
            (i, _) if i.contains("slug'") => json!("A-1"),
            (i, _) if i.contains("here") => json!(true),
            (i, _) if i.contains("old,") => json!("old A-1lib/old.js"),
            (i, _) if i.contains("rates from") => json!(1.1),
            (_, b) if b.contains("require('../rates')") => json!("1.1A"),
            (_, b) if b.contains("await import") => json!(7),
            (_, b) if b.contains("lib.slug") => json!("A-1B-23lib/old.js"),
            (i, _) if i.contains("createHmac") => json!(32),
            (i, _) if i.contains("crypto2") => json!(true),
            _ => json!("[ true, 5 ]"),
        };
        assert_eq!(data["x"], expected, "{imports} {body}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let fails = |imports: &str, body: &str| with(imports, body).run().retry();
    let there = "there are: lib/broken.js, lib/deep/math.js, lib/index/index.js, lib/old.js, lib/slug.js, rates.json, steps/text.js";
    assert_eq!(
        fails("import x from './nope.js'", "")
            .lines()
            .next()
            .unwrap(),
        format!(
            "ReferenceError: there is no file `./nope.js`, which `steps/contact.js` asks for; {there}"
        )
    );
    assert!(
        fails("", "require('../nope')").contains("`../nope`, which `steps/contact.js` asks for")
    );
    for name in ["fs", "node:child_process", "lodash"] {
        let bare = name.trim_start_matches("node:");
        let text = format!("ReferenceError: `{bare}` is not available in a step");
        assert!(fails("", &format!("require('{name}')")).starts_with(&text));
        assert!(fails(&format!("import x from '{name}'"), "").starts_with(&text));
    }
    assert!(fails("", "lib.nope.f()").starts_with(
        "ReferenceError: there is no library `nope`: the step has no file lib/nope.js"
    ));
    assert!(
        fails("", "lib.deep.nope").starts_with("ReferenceError: there is no library `deep.nope`")
    );
    let broken = fails("import '../lib/broken.js'", "");
    assert!(
        broken.contains("at lib/broken.js:1:18\n  1 | export const a = ;"),
        "{broken}"
    );
    let missing = fails("import { nope } from './text.js'", "");
    assert!(
        missing.starts_with("SyntaxError: ") && missing.contains("nope"),
        "{missing}"
    );
    assert!(
        content("require('./x')")
            .run()
            .retry()
            .contains("the step has no other file")
    );
}

#[test]
fn an_entry_may_be_common() {
    for source in [
        "module.exports = { condition: {a: String}, content: async () => { data.x = 1 } };",
        "exports.condition = {a: String};\nexports.content = function () { data.x = 1 };",
        "'use strict';\nconst condition = {a: String};\nmodule.exports = { condition, content() { data.x = 1 } };",
    ] {
        assert_eq!(
            step(source).condition().unwrap(),
            r#"{"a":{"$type":"string"}}"#
        );
        assert_eq!(step(source).run().data(), json!({"x": 1}));
    }
    let text = step("exports.condition = {}; exports.content = () => nope;")
        .run()
        .retry();
    assert_eq!(
        text,
        "ReferenceError: nope is not defined\n  at step.js:1:49\n  1 | exports.condition = {}; exports.content = () => nope;\n    \
         |                                                 ^"
    );
}

#[test]
fn modules_that_need_each_other() {
    let ran = step("import { a } from './a.js'; export const condition = {}; export const content = () => { data.x = a() }")
        .file("a.js", "import { b } from './b.js'; export const a = () => b() + 1;")
        .file("b.js", "import { a } from './a.js'; export const b = () => typeof a === 'function' ? 1 : 0;")
        .run();
    assert_eq!(ran.data(), json!({"x": 2}));
    let ran = content("data.x = require('./c').done")
        .file("c.js", "exports.done = 1; exports.d = require('./d')")
        .file("d.js", "exports.c = require('./c').done")
        .run();
    assert_eq!(ran.data(), json!({"x": 1}));
}

#[test]
fn a_megabyte_of_source_is_fine() {
    let source = format!(
        "export const condition = {{}}; export const content = () => {{ data.x = 1 }};\n{}",
        "// padding\n".repeat(95_000)
    );
    assert_eq!(step(&source).run().data(), json!({"x": 1}));
}

#[test]
fn nothing_of_a_step_runs_when_it_is_compiled() {
    let note = "(globalThis.seen ??= []).push(typeof data);";
    let tell = "export const condition = {}; export const content = () => { data.seen = globalThis.seen ?? null };";
    // A CommonJS file that ends the function which it stands in, and goes on.
    for rest in [
        format!("}}); {note} (function () {{"),
        format!("}}, {note} function () {{").replace(';', ","),
    ] {
        let ran = step(tell)
            .file("unused.js", &format!("exports.a = 1; {rest}"))
            .run();
        assert_eq!(ran.data(), json!({"seen": null}), "{rest}");
        let entry = format!("import a from './used.js'; {tell}");
        let ran = step(&entry)
            .file("used.js", &format!("exports.a = 1; {rest}"))
            .run();
        assert_eq!(ran.data(), json!({"seen": ["object"]}), "{rest}");
    }
    // Files that are named as the engine's own once were.
    for name in ["stepwell:stop", "stepwell:start", "stepwell:/stop"] {
        let ran = step(&format!("import './{name}'; {tell}"))
            .file(name, note)
            .run();
        assert_eq!(ran.data(), json!({"seen": ["object"]}), "{name}");
        let entry = format!(
            "export const condition = {{}}; export const content = () => import('./{name}').then((m) => {{ data.a = m.a }});"
        );
        let ran = step(&entry).file(name, "export const a = 1;").run();
        assert_eq!(ran.data(), json!({"a": 1}), "{name}");
    }
}

#[test]
fn the_engines_own_modules_cannot_be_imported() {
    for name in ["stepwell://stop", "stepwell://start", "stepwell:stop"] {
        let ran = content(
            "try { await import('./late.js') } catch (error) { data.error = error.message }",
        )
        .file("late.js", &format!("import '{name}';"))
        .run();
        let error = ran.data()["error"].to_string();
        assert!(
            error.contains(&format!("`{name}` is not available in a step")),
            "{error}"
        );
    }
}

/// Which files are compiled before the others makes no difference to a run.
#[test]
fn files_that_are_compiled_as_layers_run_in_the_order_of_their_imports() {
    let ran = step(
        "import { b } from './b.js';\nimport { a, live } from './a.js';\nimport './c.cjs.js';
        globalThis.order.push('entry');
        export const condition = {};
        export const content = async () => {
          globalThis.order.push((await import('./late.js')).late());
          data.x = [globalThis.order, a(), b(), live, require('./common.js').n];
        };",
    )
    .file(
        "a.js",
        "import { b } from './b.js';\n(globalThis.order ??= []).push('a');\nexport let live = 1;\n\
         export const a = () => { live++; return b() + 1; };",
    )
    .file(
        "b.js",
        "import './a.js';\nglobalThis.order.push('b');\nexport function b() { return 1; }",
    )
    .file("c.cjs.js", "import './d.js';\nglobalThis.order.push('c');")
    .file("d.js", "globalThis.order.push('d', this === undefined);")
    .file(
        "late.js",
        "globalThis.order.push('late');\nexport const late = () => typeof data;",
    )
    .file(
        "common.js",
        "exports.n = (globalThis.n = (globalThis.n ?? 0) + 1);",
    )
    .run();
    assert_eq!(
        ran.data()["x"],
        json!([
            ["a", "b", "d", true, "c", "entry", "late", "object"],
            2,
            1,
            2,
            1
        ])
    );
    assert_eq!(ran.host.layers.get(), 6);
}

#[test]
fn a_file_that_cannot_be_a_layer_is_one_of_the_step() {
    // It imports the entry, or one that must run to be imported: no layer of an ES module.
    for (file, text, layers) in [
        (
            "lib.js",
            "import { own } from './step.js';\nexport const lib = () => own;",
            1,
        ),
        (
            "lib.js",
            "import { n } from './n.js';\nexport const lib = () => n;",
            1,
        ),
        ("lib.js", "export const lib = () => 7;", 2),
    ] {
        let ran = step(
            "import { lib } from './lib.js';\nexport const own = 7;\nexport const condition = {};\n\
             export const content = () => { data.x = lib(); };",
        )
        .file(file, text)
        .file("n.js", "exports.n = 7;")
        .run();
        assert_eq!(ran.data()["x"], 7, "{text}");
        assert!(
            ran.host.layers.get() >= layers,
            "{text}: {}",
            ran.host.layers.get()
        );
    }
}
