//! The imports and exports of a step.

use super::error::ComponentError;

/// The interfaces that a step may import, as prefixes up to the version. Guests built with a standard library
/// import the WASI interfaces whether they use them or not; these are all answered by the
/// sandbox's own clocks, randomness and logs, or are empty.
const ALLOWED: [&str; 8] = [
    "stepwell:step/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/preopens@0.2",
    "wasi:filesystem/types@0.2",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/network@0.2",
];

/// The interface that a step exports.
pub(super) const EXPORTS: [&str; 2] = ["condition", "run"];

/// Whether a step may import an interface of this name.
pub(super) fn is_allowed(import: &str) -> bool {
    ALLOWED.iter().any(|prefix| import.starts_with(prefix))
        && !import.starts_with("stepwell:step/script")
}

/// The refusal of an import that a step may not have.
pub(super) fn refuse_import(import: &str) -> ComponentError {
    ComponentError::ForeignImport {
        hint: hint(import),
        import: import.to_owned(),
    }
}

fn hint(import: &str) -> &'static str {
    if import.starts_with("wasi:http/") || import.starts_with("wasi:sockets/") {
        "; use `connectors.fetch` of stepwell:step for calls to other systems"
    } else if import.starts_with("wasi:filesystem/") {
        "; a step has no files: keep what you need in the task's data"
    } else {
        "; a step has data, task, connectors and console of stepwell:step@0.1.0, and of WASI 0.2 clocks, random, io and standard streams"
    }
}

/// A component without one of the functions that a step has.
pub(super) fn no_export(name: &str) -> ComponentError {
    ComponentError::NotAStep(format!("it exports no function `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_may_import() {
        for allowed in [
            "stepwell:step/data@0.1.0",
            "wasi:io/poll@0.2.12",
            "wasi:filesystem/types@0.2.4",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for foreign in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "env",
            "wasi:filesystem/types@0.3.0",
            "stepwell:step/script@0.1.0",
        ] {
            assert!(!is_allowed(foreign), "{foreign}");
        }
        assert!(hint("wasi:http/types@0.2.0").contains("connectors.fetch"));
    }
}
