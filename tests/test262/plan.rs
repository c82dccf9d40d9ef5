//! What is to be done with a test: how often it is run and in which ways, or why it is not
//! applicable to a step. Every rule is here, and each has a name that the report counts by.

use super::front::Front;

/// One way to run a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
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
    /// It is run in each of these ways, and passes if it passes in all.
    Run(Vec<Way>),
    /// It asks for what a step by design does not have.
    NotApplicable(&'static str),
}

/// What QuickJS-ng's own test262.conf skips: it does not claim to have it.
const NOT_CLAIMED: [&str; 13] = [
    "Atomics.waitAsync",
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
    "language/identifier-resolution/assign-to-global-undefined.js",
    "language/expressions/assignment/S11.13.1_A6_T",
    "language/expressions/compound-assignment/S11.13.2_A6.",
];

/// What only a test's host can do; a step's has none of it.
const HOST: [(&str, &str); 6] = [
    ("$262.createRealm", "a second realm"),
    ("$262.agent", "threads"),
    ("$262.gc", "the garbage collector by call"),
    ("$262.evalScript", "a second script"),
    ("$262.IsHTMLDDA", "document.all"),
    ("$262.AbstractModuleSource", "module sources"),
];

/// Folders about the bindings that one script leaves to the next. A step is a module; scripts
/// reach the engine by indirect `eval`, whose bindings differ from these in just that.
const SCRIPTS: [&str; 1] = ["language/global-code/"];

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
    if front.is("CanBlockIsFalse") || front.is("CanBlockIsTrue") {
        return Plan::NotApplicable("threads");
    }
    if let Some((_, what)) = HOST.iter().find(|(call, _)| text.contains(call)) {
        return Plan::NotApplicable(what);
    }
    let module = front.is("module");
    if !module && SCRIPTS.iter().any(|folder| file.starts_with(folder)) {
        return Plan::NotApplicable("bindings of one script in the next");
    }
    Plan::Run(if front.is("raw") && !module {
        vec![Way::Raw]
    } else if module {
        vec![Way::Module]
    } else if front.is("onlyStrict") {
        vec![Way::Strict]
    } else if front.is("noStrict") {
        vec![Way::Sloppy]
    } else {
        vec![Way::Sloppy, Way::Strict]
    })
}
