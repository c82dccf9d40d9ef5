//! Which tests ask for what a step by design does not have. Every rule is here or in `absent.txt`, and
//! each has a name that the report counts by.

use super::suite::NODE;

/// Variants of a file that need a document.
pub const VARIANTS: [&str; 2] = ["?XMLHttpRequest", "?document"];

/// Tests of a file that are not applicable: reason, the file's path or its beginning, and what the
/// test's name has in it, or nothing for all tests of the file. Tabs between, one rule a line.
const ABSENT: &str = include_str!("absent.txt");

/// Words that tell what a script asks of its host.
const HOST: [(&str, &str); 8] = [
    ("document.", "a document"),
    ("createElement", "a document"),
    ("<iframe", "a document"),
    ("contentWindow", "a document"),
    ("XMLHttpRequest", "XMLHttpRequest"),
    ("new Worker(", "threads"),
    ("test_driver", "a user"),
    ("MessageChannel", "messages between realms"),
];

/// Files of Node's that are about what a step has.
const NODE_FILES: [&str; 11] = [
    "test-buffer-",
    "test-crypto-hash.js",
    "test-crypto-hmac.js",
    "test-url-",
    "test-whatwg-url-",
    "test-querystring",
    "test-btoa-atob.js",
    "test-structuredClone-global.js",
    "test-whatwg-encoding-custom-",
    "test-webcrypto-digest.js",
    "test-webcrypto-sign-verify-hmac.js",
];

/// The modules of Node's that a test may ask for.
const NODE_MODULES: [&str; 10] = [
    "assert",
    "assert/strict",
    "buffer",
    "crypto",
    "querystring",
    "test",
    "url",
    "util",
    "../common",
    "../common/wpt",
];

/// A rule of `absent.txt`.
fn rules() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = ABSENT.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut fields = line.splitn(3, '\t');
        Some((fields.next()?, fields.next()?, fields.next().unwrap_or("")))
    })
}

/// Why a file as a whole is not applicable, by its name.
pub fn left_out(file: &str) -> Option<&'static str> {
    let mut rules = rules().filter(|(_, path, name)| name.is_empty() && file.starts_with(path));
    rules.next().map(|(reason, ..)| reason)
}

/// Why a single test of a file is not applicable.
pub fn test_left_out(file: &str, test: &str) -> Option<&'static str> {
    let mut rules = rules().filter(|(_, path, name)| {
        !name.is_empty() && file.starts_with(path) && test.contains(name)
    });
    rules.next().map(|(reason, ..)| reason)
}

/// What a file's script asks for that a step does not have.
pub fn lacks(file: &str, script: &str) -> Option<&'static str> {
    // What runs in any realm asks before it uses a document.
    if file.ends_with(".any.js") || script.contains("typeof document") {
        return None;
    }
    let guarded = rules().any(|(_, path, name)| !name.is_empty() && file == path);
    if guarded {
        return None;
    }
    if file.ends_with("-manual.html") {
        return Some("a user");
    }
    let mut words = HOST.iter().filter(|(word, _)| script.contains(word));
    words.next().map(|(_, what)| *what)
}

/// Whether a file of Node's is about what a step has.
pub fn of_node(name: &str) -> bool {
    name.ends_with(".js") && NODE_FILES.iter().any(|begin| name.starts_with(begin))
}

/// What a file of Node's asks for that a step does not have.
pub fn node_lacks(file: &str, text: &str) -> Option<&'static str> {
    if let Some(what) = left_out(file) {
        return Some(what);
    }
    for part in text.split("require(").skip(1) {
        let Some(name) = part.split(['\'', '"']).nth(1) else {
            continue;
        };
        let bare = name.strip_prefix("node:").unwrap_or(name);
        let fixture = name.starts_with("../fixtures/") || name == "../common/fixtures";
        if bare.starts_with("internal/") {
            return Some("Node's internals");
        }
        if !fixture && !NODE_MODULES.contains(&bare) {
            return Some("a module that a step does not have");
        }
    }
    if text.contains("process.binding") || text.contains("--expose-internals") {
        return Some("Node's internals");
    }
    if text.contains("process.execPath") || text.contains("spawnPromisified") {
        return Some("processes");
    }
    debug_assert!(file.starts_with(NODE));
    None
}
