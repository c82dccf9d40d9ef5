//! What is to be done with a test: how often it is run and in which modes, or why it is not
//! applicable to a step. Every rule is here, and each has a name that the report counts by.

use super::front::Front;

/// How a test is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A script, as its text is.
    Sloppy,
    /// A script with `"use strict"` before it.
    Strict,
    /// A module.
    Module,
    /// A script as its text is, without the harness.
    Raw,
}

/// What is to be done with a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It is run in each of these modes, and passes if it passes in all.
    Run(Vec<Mode>),
    /// It asks for what a step by design does not have.
    NotApplicable(&'static str),
}

/// What QuickJS-ng's own test262.conf skips or does not name: it does not claim to have it.
const NOT_CLAIMED: [&str; 14] = [
    "Atomics.waitAsync",
    "FinalizationRegistry.prototype.cleanupSome",
    "ShadowRealm",
    "Temporal",
    "await-dictionary",
    "canonical-tz",
    "decorators",
    "import-assertions",
    "import-defer",
    "intl-normative-optional",
    "legacy-regexp",
    "source-phase-imports",
    "source-phase-imports-module-source",
    "tail-call-optimization",
];

/// Files and folders that QuickJS-ng's own test262.conf excludes, each for a reason given there.
const EXCLUDED: [&str; 6] = [
    "built-ins/Function/prototype/restricted-property-caller.js",
    "built-ins/Function/prototype/restricted-property-arguments.js",
    "built-ins/ThrowTypeError/unique-per-realm-function-proto.js",
    "language/identifier-resolution/assign-to-global-undefined",
    "language/expressions/assignment/S11.13.1_A6_T",
    "language/expressions/compound-assignment/S11.13.2_A6.",
];

/// What only a test's host can do; a step's has none of it.
const HOST: [(&str, &str); 6] = [
    ("$262.createRealm", "a second realm"),
    ("$262.agent", "threads and the memory they share"),
    ("$262.gc", "the garbage collector by call"),
    ("$262.evalScript", "a second script"),
    ("$262.IsHTMLDDA", "document.all"),
    ("$262.AbstractModuleSource", "module sources"),
];

/// Tests that wait in a loop until the clock has moved on.
const CLOCK: [&str; 1] = ["language/expressions/dynamic-import/await-import-evaluation.js"];

/// Files about what a script's own declarations leave behind, each with the mode in which that
/// shows. A step is a module; a script reaches the engine by indirect `eval`, which differs in just
/// this: its variables can be deleted, and with `"use strict"` no other script sees them.
const SCRIPTS: &str = include_str!("scripts.txt");

/// Whether a file is about a script's own declarations, when it is run in this mode.
fn about_scripts(file: &str, mode: Mode) -> bool {
    // SpiderMonkey's copy marks by name what is strict.
    let file = file
        .strip_suffix("-strict.js")
        .map_or_else(|| file.to_owned(), |name| format!("{name}.js"));
    let mode = match mode {
        Mode::Sloppy => "sloppy",
        Mode::Strict => "strict",
        Mode::Module | Mode::Raw => return false,
    };
    let mut lines = SCRIPTS.lines().filter_map(|line| line.split_once(' '));
    lines.any(|(own, path)| own == mode && file.starts_with(path))
}

/// What is to be done with the test `file`.
pub fn of(file: &str, front: &Front, text: &str) -> Plan {
    let needs = |feature: &str| front.features.iter().any(|own| own == feature);
    if NOT_CLAIMED.iter().any(|feature| needs(feature)) || file.starts_with("built-ins/Temporal/") {
        return Plan::NotApplicable("a feature that QuickJS-ng does not claim");
    }
    if EXCLUDED.iter().any(|path| file.starts_with(path)) {
        return Plan::NotApplicable("excluded by QuickJS-ng");
    }
    if needs("cross-realm") {
        return Plan::NotApplicable("a second realm");
    }
    if needs("IsHTMLDDA") {
        return Plan::NotApplicable("document.all");
    }
    let threads = ["Atomics", "SharedArrayBuffer"];
    if threads.iter().any(|feature| needs(feature))
        || front.is("CanBlockIsFalse")
        || front.is("CanBlockIsTrue")
    {
        return Plan::NotApplicable("threads and the memory they share");
    }
    if needs("host-gc-required") || front.includes.iter().any(|name| name == "async-gc.js") {
        return Plan::NotApplicable("the garbage collector by call");
    }
    if let Some((_, what)) = HOST.iter().find(|(call, _)| text.contains(call)) {
        return Plan::NotApplicable(what);
    }
    if CLOCK.contains(&file) {
        return Plan::NotApplicable("a clock that moves while the step computes");
    }
    let module = front.is("module");
    let mut modes = if front.is("raw") && !module {
        vec![Mode::Raw]
    } else if module {
        vec![Mode::Module]
    } else if front.is("onlyStrict") {
        vec![Mode::Strict]
    } else if front.is("noStrict") {
        vec![Mode::Sloppy]
    } else {
        vec![Mode::Sloppy, Mode::Strict]
    };
    modes.retain(|mode| !about_scripts(file, *mode));
    match modes.is_empty() {
        true => Plan::NotApplicable("what a script's declarations leave behind"),
        false => Plan::Run(modes),
    }
}
