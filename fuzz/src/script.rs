//! Scripts: a source is read, its types are erased, and the package is read back. Also packages as a client
//! sends them.

use std::collections::BTreeMap;

use stepwell_script::{Package, is_step_source, prepare};

/// Takes a source, which is prepared as JavaScript and as TypeScript, or a package. `true` if one of them is
/// accepted.
///
/// # Panics
/// If a package does not survive being written and read, if lines or columns of a source move, or if what
/// is left of TypeScript is no JavaScript.
pub fn run(bytes: &[u8]) -> bool {
    let package = Package::parse(bytes);
    if let Ok(package) = &package {
        survives(package);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return package.is_ok();
    };
    is_step_source(text);
    // A byte order mark is no part of the source: no column counts it.
    let source = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut accepted = package.is_ok();
    for entry in ["a.js", "a.ts"] {
        let Ok(scripts) = prepare(entry, &files(entry, text)) else {
            continue;
        };
        accepted = true;
        for script in scripts {
            survives(&script.package);
            let left = script.package.entry_text();
            assert_eq!(columns(left), columns(source), "{left}");
            let again = prepare("a.js", &files("a.js", left));
            assert!(again.is_ok(), "{left}: {}", again.unwrap_err());
        }
    }
    accepted
}

fn files(name: &str, text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), text.to_owned())])
}

fn survives(package: &Package) {
    let read = Package::parse(package.to_json().as_bytes());
    assert_eq!(&read.expect("a package that was written"), package);
}

/// The length of each line in UTF-16, which is what engines count columns in.
fn columns(text: &str) -> Vec<usize> {
    let length = |line: &str| line.chars().map(char::len_utf16).sum();
    text.split('\n').map(length).collect()
}
