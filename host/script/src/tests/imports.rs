//! What a step imports.

use super::{STEP, package, prepared, refused};

/// The names of the modules of the first of some files.
fn names(files: &[(&str, &str)]) -> Vec<String> {
    package(files).modules.into_keys().collect()
}

#[test]
fn every_kind_of_import_is_followed() {
    let text = format!(
        "import a from './a.js'; import './b'; export * from './c.js'; export {{ d }} from './d.js';\n\
         const e = import('./e.js'), f = require('./f.js');\n{STEP}"
    );
    let empty: Vec<(String, &str)> = ["a", "b", "c", "d", "e", "f", "g"]
        .map(|name| (format!("{name}.js"), ""))
        .into();
    let mut files = vec![("step.js", text.as_str())];
    files.extend(empty.iter().map(|(name, text)| (name.as_str(), *text)));
    assert_eq!(
        names(&files),
        ["a.js", "b.js", "c.js", "d.js", "e.js", "f.js", "step.js"]
    );
    let local = format!("const f = (require) => require('./none'); {STEP}");
    assert_eq!(names(&[("step.js", &local)]), ["step.js"]);
}

#[test]
fn files_are_named_as_an_engine_asks_for_them() {
    let rows = [
        ("./b.js", "b.js", "b.js"),
        ("./b", "b.js", "b.js"),
        ("./b", "b.ts", "b.js"),
        ("./b", "b.mjs", "b.js"),
        ("./b", "b.mts", "b.js"),
        ("./b.ts", "b.ts", "b.ts"),
        ("./b.mts", "b.mts", "b.mts"),
        ("./b.js", "b.ts", "b.js"),
        ("./b.mjs", "b.mts", "b.mjs"),
        ("./b", "b/index.js", "b/index.js"),
        ("./b/", "b/index.ts", "b/index.js"),
        ("./b.v2", "b.v2.js", "b.v2.js"),
        ("./x/../b.json", "b.json", "b.json"),
    ];
    for (specifier, file, name) in rows {
        let text = format!("import '{specifier}'; {STEP}");
        let content = if file.ends_with("json") { "[1]" } else { "" };
        assert_eq!(
            names(&[("a.js", &text), (file, content)]),
            ["a.js", name],
            "{specifier} {file}"
        );
    }
    let both = format!("import './b'; {STEP}");
    let package = package(&[("a.ts", &both), ("b.ts", "let b: 1"), ("b.js", "let c")]);
    assert_eq!(
        (package.entry.as_str(), package.modules["b.js"].as_str()),
        ("a.js", "let c")
    );
}

#[test]
fn folders_lead_up_and_down() {
    let files = [
        ("steps/a.js", &*format!("import '../lib/b.js'; {STEP}")),
        ("lib/b.js", "import './deep/c'; import '../steps/a.js'"),
        ("lib/deep/c.js", "import '../../d.json'"),
        ("d.json", "{}"),
    ];
    assert_eq!(
        names(&files),
        ["d.json", "lib/b.js", "lib/deep/c.js", "steps/a.js"]
    );
}

#[test]
fn built_in_modules_are_the_engines() {
    let text =
        format!("import 'crypto'; import 'node:buffer'; import 'url'; require('util'); {STEP}");
    assert_eq!(names(&[("a.js", &text)]), ["a.js"]);
}

#[test]
fn the_library_comes_along_when_it_is_used() {
    let library = [
        ("lib/text.js", "export const slug = 1"),
        ("lib/mail/send.ts", "const a: A = 1"),
        ("lib/made.js", ""),
        ("lib/made.ts", "broken("),
        ("lib/types.d.ts", "broken("),
        ("lib/read.me", "broken("),
        ("other.js", "broken("),
    ];
    let names_with = |text: &str| {
        let mut files = vec![("a.js", text)];
        files.extend(library);
        names(&files)
    };
    let all = ["a.js", "lib/made.js", "lib/mail/send.js", "lib/text.js"];
    assert_eq!(names_with(&format!("const a = lib.text.slug; {STEP}")), all);
    assert_eq!(
        names_with(&format!("import './lib/mail/send.ts'; lib.b; {STEP}"))[2],
        "lib/mail/send.ts"
    );
    for text in [
        "const lib = 1; lib.text;",
        "x.lib;",
        "function f(lib) { lib.a }",
        "/* lib.a */",
    ] {
        assert_eq!(names_with(&format!("{text} {STEP}")), ["a.js"]);
    }
}

#[test]
fn each_step_of_a_file_has_its_own_modules() {
    let text = format!("import './b.js';\n{STEP} import './c.js';\n{STEP} lib.d;");
    let scripts = prepared(&[
        ("a.js", &text),
        ("b.js", ""),
        ("c.js", ""),
        ("lib/d.js", ""),
    ])
    .unwrap();
    let names = |part: usize| scripts[part].package.modules.keys().collect::<Vec<_>>();
    assert_eq!(names(0), ["a.js", "b.js", "c.js"]);
    assert_eq!(names(1), ["a.js", "b.js", "lib/d.js"]);
}

#[test]
fn common_modules_pass() {
    let step =
        "const b = require('./b');\nexports.condition = {};\nmodule.exports.content = () => b;";
    let files = [
        ("a.js", step),
        ("b.js", "with (a) {}\nmodule.exports = { b: delete c };"),
    ];
    assert_eq!(package(&files).modules["b.js"], files[1].1);
    assert_eq!(
        names(&[("a.js", "module.exports = { condition: {}, content() {} };")]),
        ["a.js"]
    );
}

/// What stands before a step, files beside it, and what is said.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

#[test]
fn refusals() {
    let rows: [Row; 12] = [
        (
            "import fs from 'fs';",
            &[],
            "a.js:1:16: `fs` is not available in a step; there are `buffer`, `crypto`, `querystring`, `url` and `util`, \
             and files by `./` and `../`",
        ),
        (
            "\n  require('node:fs/promises');",
            &[],
            "a.js:2:11: `fs/promises` is not available in a step; there are `buffer`, `crypto`, `querystring`, `url` and \
             `util`, and files by `./` and `../`",
        ),
        ("import './b';", &[], "a.js:1:8: there is no file `b`"),
        (
            "import '../b.js';",
            &[],
            "a.js:1:8: `../b.js` leaves the step's folder",
        ),
        (
            "import '/b.js';",
            &[],
            "a.js:1:8: `/b.js` is no path in the step's folder; begin it with `./` or `../`",
        ),
        (
            "import './b.tsx';",
            &[("b.tsx", "")],
            "a.js:1:8: JSX needs generated code; a step has `.js`, `.mjs`, `.ts`, `.mts` and `.json` files",
        ),
        (
            "import './b.txt';",
            &[("b.txt", "")],
            "a.js:1:8: there is no file `b.txt`",
        ),
        (
            "import './b'; import './b.ts';",
            &[("b.ts", "")],
            "a.js:1:22: `b.ts` is imported with its ending here and without it elsewhere, or the other way round; write \
             it in one way",
        ),
        (
            "lib.b;",
            &[("lib/b.mjs", ""), ("lib/b.ts", "")],
            "lib/b.ts: `lib/b.mjs` and this file have one name in a step; rename one of them",
        ),
        (
            "import './b';",
            &[("b.js", "\nlet a; let a;")],
            "b.js:2:12: Identifier `a` has already been declared",
        ),
        (
            "import './b.json';",
            &[("b.json", "{\n  1}")],
            "b.json:2:3: not JSON: key must be a string",
        ),
        (
            "@b class C {}",
            &[],
            "a.js:1:1: a decorator needs generated code; call the function instead",
        ),
    ];
    for (text, others, message) in rows {
        let text = format!("{text} {STEP}");
        let mut files = vec![("a.js", text.as_str())];
        files.extend(others);
        assert_eq!(refused(&files), message);
    }
}

/// One step is one package, from whichever folder above it was read.
#[test]
fn a_package_begins_at_the_folder_that_all_its_modules_are_in() {
    let step = format!("import './lib/a.js'; {STEP}");
    let near = package(&[("step.js", step.as_str()), ("lib/a.js", "")]);
    let far = package(&[("p/q/step.js", step.as_str()), ("p/q/lib/a.js", "")]);
    assert_eq!(near, far);
    assert_eq!(far.entry, "step.js");
    let above = format!("import '../lib/a.js'; {STEP}");
    let package_of = |root: &str| {
        let (step, a) = (format!("{root}steps/step.js"), format!("{root}lib/a.js"));
        package(&[(step.as_str(), above.as_str()), (a.as_str(), "")])
    };
    assert_eq!(package_of(""), package_of("p/q/"));
    assert_eq!(package_of("p/").entry, "steps/step.js");
    // A way through a folder keeps the folder; names that only begin alike are no folder.
    let around = format!("import '../q/a.js'; {STEP}");
    assert_eq!(
        names(&[("p/q/step.js", &around), ("p/q/a.js", "")]),
        ["q/a.js", "q/step.js"]
    );
    let beside = format!("import '../ab/a.js'; {STEP}");
    assert_eq!(
        names(&[("p/a/step.js", &beside), ("p/ab/a.js", "")]),
        ["a/step.js", "ab/a.js"]
    );
    // The library is looked for at the root.
    let library = format!("{STEP} lib.a;");
    assert_eq!(
        names(&[("p/step.js", &library), ("lib/a.js", "")]),
        ["lib/a.js", "p/step.js"]
    );
    assert_eq!(
        names(&[("lib/step.js", &library), ("lib/a.js", "")]),
        ["lib/a.js", "lib/step.js"]
    );
}

#[test]
fn a_name_that_a_module_does_not_export_is_refused_at_its_import() {
    let helper = "export const yes = 1; export default 2; export { yes as also }; const no = 3;";
    for (import, message) in [
        (
            "import { yes, no } from './b.js';",
            "a.js:2:15: `b.js` exports no `no`",
        ),
        (
            "import { nope as yes } from './b.js';",
            "a.js:2:10: `b.js` exports no `nope`",
        ),
        (
            "export { nope } from './b.js';",
            "a.js:2:10: `b.js` exports no `nope`",
        ),
    ] {
        let text = format!("// a step\n{import}\n{STEP}");
        assert_eq!(refused(&[("a.js", &text), ("b.js", helper)]), message);
    }
    let default = format!("import b from './b.js';\n{STEP}");
    assert_eq!(
        refused(&[("a.js", &default), ("b.js", "export const b = 1;")]),
        "a.js:1:8: `b.js` exports no `default`"
    );
    // What only running it tells is the engine's to say; and all that is exported is taken.
    for (import, helper) in [
        ("import b, { yes, also } from './b.js';", helper),
        ("import * as b from './b.js';", helper),
        ("import { any } from './b.js';", "export * from './c.js';"),
        ("import { any } from './b.js';", "exports.any = 1;"),
        ("import { any } from './b.js';", "module.exports = make();"),
        ("import any from './b.json';", helper),
    ] {
        let text = format!("{import}\n{STEP}");
        let files = [
            ("a.js", text.as_str()),
            ("b.js", helper),
            ("c.js", ""),
            ("b.json", "1"),
        ];
        assert!(names(&files).contains(&"a.js".to_owned()), "{import}");
    }
    // Types are gone before names are looked at.
    let typed = format!(
        "import type {{ A }} from './b.ts'; import {{ type B, yes }} from './b.ts'; yes;\n{STEP}"
    );
    let helper = "export type A = 1; export interface B {} export const yes = 1;";
    assert_eq!(
        names(&[("a.ts", &typed), ("b.ts", helper)]),
        ["a.js", "b.ts"]
    );
}
