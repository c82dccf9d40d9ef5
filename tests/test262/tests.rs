//! What test262's figures rest on, tested apart from it: a benchmark has no test runner. The parts
//! are compiled in a second time, from the same files, and run a small suite of their own.

#![allow(clippy::unwrap_used, dead_code, reason = "a test")]

mod front;
mod judge;
mod plan;
mod report;
mod run;
mod suite;

use std::fs;
use std::path::Path;

use front::{Front, Negative};
use judge::{FileResult, Verdict};
use plan::{Mode, Plan};
use report::Report;
use run::Runner;
use stepwell::domain::limits::StepLimits;
use suite::Suite;
use tempfile::TempDir;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_front_matter_is_read_with_its_lists_in_either_form() {
    let text = "// a licence\r/*---\rflags: [onlyStrict, async]\rincludes:\r  - a.js\r  - b.js\r\
                negative:\r  phase: parse\r  type: SyntaxError\rinfo: |\r  x: [\r---*/\r";
    let front = Front::of(text).unwrap();
    assert!(front.is("onlyStrict") && front.is("async") && !front.is("module"));
    assert_eq!(front.includes, ["a.js", "b.js"]);
    let negative = Negative {
        phase: "parse".into(),
        kind: "SyntaxError".into(),
    };
    assert_eq!(front.negative, Some(negative));
    assert!(Front::of("1;").unwrap_err().contains("no `/*---`"));
    assert!(
        Front::of("/*---\nflags: [")
            .unwrap_err()
            .contains("never ends")
    );
    assert!(Front::of("/*---\nflags: {a: 1}\n---*/").is_err());
}

#[test]
fn a_test_is_run_as_its_flags_say_or_left_out_for_a_reason() {
    use Mode::{Module, Raw, Sloppy, Strict};
    let of = |file: &str, yaml: &str, text: &str| {
        let front = Front::of(&format!("/*---\n{yaml}\n---*/")).unwrap();
        plan::of(file, &front, text)
    };
    for (flags, modes) in [
        ("", vec![Sloppy, Strict]),
        ("onlyStrict", vec![Strict]),
        ("noStrict, async", vec![Sloppy]),
        ("module", vec![Module]),
        ("raw", vec![Raw]),
    ] {
        let plan = of("language/a.js", &format!("flags: [{flags}]"), "");
        assert_eq!(plan, Plan::Run(modes), "{flags}");
    }
    for (file, yaml, text) in [
        ("a.js", "features: [Map, Temporal]", ""),
        ("a.js", "features: [cross-realm]", ""),
        ("a.js", "features: [Atomics]", ""),
        ("a.js", "flags: [CanBlockIsTrue]", ""),
        ("a.js", "", "$262.createRealm()"),
        ("language/global-code/a.js", "", ""),
        (
            "built-ins/Function/prototype/restricted-property-caller.js",
            "",
            "",
        ),
    ] {
        let plan = of(file, yaml, text);
        assert!(
            matches!(plan, Plan::NotApplicable(_)),
            "{file} {yaml} {text}"
        );
    }
}

#[test]
fn both_layouts_of_the_suite_are_read() {
    let folder = TempDir::new().unwrap();
    write(
        folder.path(),
        &[
            ("GIT-INFO", "commit 0123abc\nAuthor: A\n"),
            (
                "shell.js",
                "// GENERATED\n// file: assert.js\n1;\n// file: sta.js\n2;\n",
            ),
            (
                "language/shell.js",
                "// GENERATED\n// file: more.js\n3;\n// file: sta.js\n4;\n",
            ),
            ("language/a.js", "5;\n\nreportCompare(0, 0);\n"),
            ("language/b_FIXTURE.js", ""),
        ],
    );
    let copy = Suite::open(folder.path()).unwrap();
    assert_eq!(copy.version(), "0123abc");
    assert_eq!(copy.harness("more.js"), Some("3;"));
    assert_eq!(
        copy.harness("sta.js").map(str::trim),
        Some("2;"),
        "the topmost counts"
    );
    let files = copy.files(&["language".into()]).unwrap();
    assert_eq!(files, ["language/a.js"]);
    assert_eq!(copy.text(&files[0]).unwrap().trim(), "5;");

    let folder = TempDir::new().unwrap();
    write(
        folder.path(),
        &[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/refs/heads/main", "cafe\n"),
            ("harness/assert.js", ""),
            ("harness/sta.js", ""),
            ("harness/sm/deep.js", "6;"),
            ("test/language/a.js", "7;"),
        ],
    );
    let own = Suite::open(folder.path()).unwrap();
    assert_eq!(
        (own.version(), own.harness("sm/deep.js")),
        ("cafe", Some("6;"))
    );
    assert_eq!(own.files(&["language".into()]).unwrap(), ["language/a.js"]);
    assert!(own.files(&["none".into()]).is_err());

    let folder = TempDir::new().unwrap();
    assert!(Suite::open(folder.path()).is_err());
}

/// The small suite: each test, and whether it passes, fails (`Some(text)` is in the reason), is
/// contained or not applicable.
enum Due {
    Passed,
    Failed(&'static str),
    Contained(&'static str),
    NotApplicable,
}

#[test]
fn every_way_to_pass_and_to_fail_is_told_from_the_others() {
    use Due::{Contained, Failed, NotApplicable, Passed};
    let tests = [
        ("pass", "", "assert(helper(1) === 2);", Passed),
        (
            "fail",
            "",
            "assert(helper(1) === 3);",
            Failed("Test262Error: no"),
        ),
        (
            "sloppy",
            "flags: [noStrict]",
            "with ({ a: 1 }) assert(a === 1);",
            Passed,
        ),
        (
            "strict",
            "flags: [onlyStrict]",
            "assert((function () { return this })() === undefined);",
            Passed,
        ),
        (
            "either",
            "",
            "assert((function () { return this })() === undefined);",
            Failed("no"),
        ),
        (
            "parse",
            "negative: {phase: parse, type: SyntaxError}",
            "$DONOTEVALUATE(); ??",
            Passed,
        ),
        (
            "parsed",
            "negative: {phase: parse, type: SyntaxError}",
            "$DONOTEVALUATE();",
            Failed("a SyntaxError at parse was due"),
        ),
        (
            "runtime",
            "negative: {phase: runtime, type: RangeError}",
            "throw new RangeError();",
            Passed,
        ),
        (
            "fine",
            "negative: {phase: runtime, type: RangeError}",
            "1;",
            Failed("there was none"),
        ),
        (
            "raw",
            "flags: [raw]",
            "if (typeof assert !== 'undefined') throw 1;",
            Passed,
        ),
        (
            "done",
            "flags: [async]",
            "setTimeout(() => $DONE(), 5);",
            Passed,
        ),
        (
            "reject",
            "flags: [async]",
            "Promise.reject(new RangeError('r')).then($DONE, $DONE);",
            Failed("RangeError: r"),
        ),
        ("never", "flags: [async]", "1;", Failed("never settles")),
        (
            "module",
            "flags: [module]",
            "import { a } from './deep/a_FIXTURE.js'; assert(a === 2 && this === undefined);",
            Passed,
        ),
        (
            "imports",
            "flags: [async]",
            "import('./deep/a_FIXTURE.js').then((m) => assert(m.a === 2)).then($DONE, $DONE);",
            Passed,
        ),
        (
            "absent",
            "flags: [module]\nnegative: {phase: resolution, type: SyntaxError}",
            "import { b } from './deep/a_FIXTURE.js';",
            Passed,
        ),
        (
            "hostile",
            "",
            "var data = 5; Object.prototype.toJSON = () => 7; JSON.stringify = null; Promise.prototype.then = null; Array.prototype[0] = 8;",
            Passed,
        ),
        (
            "detach",
            "",
            "var b = new ArrayBuffer(8); $262.detachArrayBuffer(b); assert(b.byteLength === 0);",
            Passed,
        ),
        ("endless", "", "for (;;);", Contained("out of fuel")),
        (
            "deep",
            "",
            "assert.throws(() => { (function f() { f(); })(); });",
            Passed,
        ),
        ("realm", "", "$262.createRealm();", NotApplicable),
        ("harness", "includes: [none.js]", "", Failed("no none.js")),
    ];
    let folder = TempDir::new().unwrap();
    write(
        folder.path(),
        &[
            (
                "harness/assert.js",
                "function assert(truth) { if (truth !== true) throw new Test262Error('no'); }\n\
                 assert.throws = (run) => { try { run(); } catch { return; } assert(false); };\n",
            ),
            (
                "harness/sta.js",
                "function Test262Error(message) { this.message = message; }\n\
                 function $DONOTEVALUATE() { throw 'evaluated'; }\n\
                 const helper = (n) => n + 1;\n",
            ),
            (
                "test/language/deep/a_FIXTURE.js",
                "import './b_FIXTURE.js'; export const a = 1 + globalThis.b;",
            ),
            ("test/language/deep/b_FIXTURE.js", "globalThis.b = 1;"),
        ],
    );
    for (name, yaml, text, _) in &tests {
        let text = format!("/*---\n{yaml}\n---*/\n{text}\n");
        write(
            folder.path(),
            &[(&format!("test/language/{name}.js"), &text)],
        );
    }
    let suite = Suite::open(folder.path()).unwrap();
    assert_eq!(
        suite.files(&["language".into()]).unwrap().len(),
        tests.len()
    );
    let limits = StepLimits {
        fuel: 100_000_000,
        ..StepLimits::default()
    };
    let runner = Runner::new(limits).unwrap();
    let mut report = Report::new("own");
    for (name, _, _, due) in &tests {
        let file = format!("language/{name}.js");
        let result = runner.file(&suite, &file).unwrap();
        let as_due = match (due, result.worst()) {
            (Passed, Some((_, Verdict::Passed))) => true,
            (Failed(part), Some((_, Verdict::Failed(why)))) => why.contains(part),
            (Contained(part), Some((_, Verdict::Contained(why)))) => why.contains(part),
            (NotApplicable, None) => matches!(result, FileResult::NotApplicable(_)),
            _ => false,
        };
        assert!(as_due, "{name}: {result:?}");
        report.add(&file, result);
    }
    let counts = &report.folders.values().collect::<Vec<_>>();
    let passed = counts.iter().map(|c| c.passed).sum::<u64>();
    let failed = counts.iter().map(|c| c.failed).sum::<u64>();
    let left_out = counts.iter().map(|c| c.not_applicable).sum::<u64>();
    assert_eq!((passed, failed, left_out), (13, 8, 1));
    assert_eq!((report.host_faults(), report.failures.len()), (0, 8));
    assert!(
        report
            .table()
            .contains("| **all** | 21 | 13 | 61.90 % | 8 | 1 | 0 | 1 |"),
        "{}",
        report.table()
    );
}
