//! What the suites' figures rest on, tested apart from them: a benchmark has no test runner. The parts
//! are compiled in a second time, from the same files, and run small suites of their own.

#![allow(clippy::unwrap_used, dead_code, reason = "a test")]

mod judge;
mod options;
mod plan;
mod report;
mod run;
mod suite;

use std::fs;
use std::path::Path;

use judge::Ran;
use report::Report;
use run::Runner;
use stepwell::domain::limits::StepLimits;
use suite::{Plan, Suite};
use tempfile::TempDir;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn limits() -> StepLimits {
    StepLimits {
        fuel: 200_000_000,
        ..StepLimits::default()
    }
}

/// Each run of a file, or why it is not applicable.
fn ran(suite: &Suite, runner: &Runner, file: &str) -> Result<Vec<(String, Ran)>, &'static str> {
    match suite.plan(file).unwrap() {
        Plan::NotApplicable(what) => Err(what),
        Plan::Run(cases) => Ok(cases
            .into_iter()
            .map(|case| (case.name.clone(), runner.run(&case)))
            .collect()),
    }
}

const WEB: &str = r##"// META: title=own
// META: script=/common/helper.js
// META: script=resources/more.js
// META: variant=?1
// META: variant=?document
const { search } = location;
test(() => assert_equals(helper(more), 3), `passes ${search}`);
test(() => assert_equals(0, -0), "zeros differ");
test(() => assert_throws_js(TypeError, () => null.a), "throws");
test(() => assert_throws_js(TypeError, () => { throw new RangeError("r"); }), "throws another");
test(() => assert_throws_dom("InvalidCharacterError", () => atob("%")), "throws of the DOM");
test(() => assert_array_equals([1, [2]], [1, 2]), "arrays differ");
test(() => assert_object_equals({ a: { b: 1 } }, { a: { b: 1 } }), "objects");
test(() => assert_implements_optional(globalThis.nope, "nope"), "optional");
async_test((t) => setTimeout(t.step_func_done(() => assert_true(true)), 1000), "timer");
async_test(() => {}, "never ends");
promise_test(async () => { await null; throw new Error("late"); }, "rejects");
promise_test((t) => promise_rejects_js(t, TypeError, Promise.reject(new TypeError())), "is rejected");
promise_test(() => new Promise(() => {}), "never settles");
promise_test(async () => {
  const response = await fetch("resources/data.json");
  const { lone } = await response.json();
  test(() => assert_equals(lone, "\ud83d"), "a test that a promise made");
}, "fetches");
"##;

#[test]
fn every_way_to_pass_and_to_fail_is_told_from_the_others() {
    let folder = TempDir::new().unwrap();
    write(
        folder.path(),
        &[
            ("resources/testharness.js", ""),
            ("common/helper.js", "const helper = (n) => n + 1;"),
            ("url/resources/more.js", "const more = 2;"),
            ("url/resources/data.json", r#"{"lone": "\ud83d"}"#),
            ("url/own.any.js", WEB),
            ("url/crash.window.js", "test(() => {}, 'a'); null.b;"),
            ("url/fuel.any.js", "for (;;);"),
            ("url/none.any.js", "1;"),
            ("url/missing.any.js", "// META: script=none.js\n"),
            (
                "url/page.html",
                "<script src=\"/resources/testharness.js\"></script><script src=\"resources/more.js\">\
                 </script><script>setup({ single_test: true }); assert_equals(more, 2); done();</script>",
            ),
            (
                "url/frame.html",
                "<script src=/resources/testharness.js></script><script>document.body</script>",
            ),
            (
                "url/toascii.window.js",
                "test(() => {}, 'x (using <a>)');test(() => {}, 'x (using URL)');",
            ),
        ],
    );
    let suite = Suite::open(folder.path()).unwrap();
    let files = suite.files(&["url".into(), "absent".into()]).unwrap();
    assert_eq!(files.len(), 8, "{files:?}");
    let runner = Runner::new(limits()).unwrap();
    let mut report = Report::default();
    for file in &files {
        match ran(&suite, &runner, file) {
            Ok(runs) => runs
                .into_iter()
                .for_each(|(name, ran)| report.add(&name, ran)),
            Err(what) => report.leave_out(file, what),
        }
    }
    let failed: Vec<String> = report
        .failures
        .iter()
        .map(|one| format!("{} | {} | {}", one.file, one.test, one.why))
        .collect();
    let due = [
        "url/crash.window.js | the file | TypeError",
        "url/fuel.any.js | the file | contained: ",
        "url/none.any.js | the file | the file has no test",
        "url/own.any.js?1 | zeros differ | expected -0 and got 0",
        "url/own.any.js?1 | throws another | threw RangeError: r",
        "url/own.any.js?1 | arrays differ | element 1: expected 2 and got [2]",
        "url/own.any.js?1 | never ends | it never ends",
        "url/own.any.js?1 | rejects | Error: late",
        "url/own.any.js?1 | never settles | it never settles",
    ];
    assert_eq!(failed.len(), due.len(), "{failed:#?}");
    for (failed, due) in failed.iter().zip(due) {
        assert!(failed.starts_with(due), "{failed} is not {due}");
    }
    let counts = &report.folders["url"];
    assert_eq!((counts.files, counts.whole), (6, 2));
    assert_eq!(
        (counts.passed, counts.contained, counts.host_faults),
        (11, 1, 0)
    );
    let absent: Vec<_> = report
        .not_applicable
        .iter()
        .map(|(what, n)| (*what, *n))
        .collect();
    assert_eq!(
        absent,
        [
            ("a document", 2),
            ("a script that the copy of the suite does not have", 1),
            ("optional, or left out by the file itself", 1),
        ]
    );
    let row = "| **url** | 6 | 2 | 20 | 11 | 55.00 % | 1 | 0 | 4 |";
    assert!(report.table().contains(row), "{}", report.table());
}

#[test]
fn a_file_of_nodes_is_one_test() {
    let folder = TempDir::new().unwrap();
    let node = |name: &str| format!("parallel/test-buffer-{name}.js");
    let files = [
        (
            "pass",
            "require('../common'); const a = require('assert'); a.strictEqual(Buffer.from('a').length, 1);\n\
          a.deepStrictEqual([{ b: 1 }], [{ b: 1 }]); a.throws(() => { throw new TypeError('t'); }, { name: 'TypeError', message: /t/ });",
        ),
        (
            "deep",
            "require('node:assert').deepStrictEqual({ a: [1] }, { a: [2] });",
        ),
        (
            "error",
            "require('assert').throws(() => { throw new Error('x'); }, TypeError);",
        ),
        ("call", "require('../common').mustCall(() => {});"),
        (
            "called",
            "setTimeout(require('../common').mustCall(() => {}), 50);",
        ),
        (
            "cases",
            "const { test } = require('node:test'); test('a', async () => { throw new Error('in a'); });",
        ),
        ("skip", "require('../common').skip('not here');"),
        ("fs", "require('fs');"),
        ("internal", "require('internal/util');"),
        (
            "fixture",
            "require('assert').strictEqual(require('../fixtures/own').n, 5);",
        ),
    ];
    write(
        folder.path(),
        &[
            ("fixtures/wpt/resources/testharness.js", ""),
            ("fixtures/wpt/common/a.js", ""),
            ("fixtures/own.js", "exports.n = 5;"),
            ("parallel/test-fs-read.js", ""),
        ],
    );
    for (name, text) in files {
        write(folder.path(), &[(&node(name), text)]);
    }
    let suite = Suite::open(folder.path()).unwrap();
    assert_eq!(suite.files(&["node".into()]).unwrap().len(), files.len());
    let runner = Runner::new(limits()).unwrap();
    let came = |name: &str| match ran(&suite, &runner, &format!("node/test-buffer-{name}.js")) {
        Err(what) => what.to_owned(),
        Ok(runs) => match &runs[..] {
            [(_, Ran::Finished(result))] => result.clone(),
            other => format!("{other:?}"),
        },
    };
    for pass in ["pass", "called", "fixture"] {
        assert_eq!(came(pass), "[\"the file\"]", "{pass}");
    }
    assert!(came("deep").contains("is not deeply"), "{}", came("deep"));
    assert!(
        came("error").contains("TypeError was due"),
        "{}",
        came("error")
    );
    assert!(came("call").contains("called 0 times instead of 1"));
    assert!(came("cases").contains("in a"), "{}", came("cases"));
    assert!(came("skip").contains("absent"), "{}", came("skip"));
    assert_eq!(came("fs"), "a module that a step does not have");
    assert_eq!(came("internal"), "Node's internals");
}

#[test]
fn a_folder_that_is_no_suite_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let error = Suite::open(folder.path()).err().unwrap();
    assert!(
        error.contains("it has no `resources` and `common`"),
        "{error}"
    );
}
