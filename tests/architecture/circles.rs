//! Which file imports from which, and that none does so in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::sources;

/// A module by the names on the way to it, e.g. `["store", "sled", "keys"]`.
type Module = Vec<String>;

/// The modules of a crate with their files; tests are none.
fn modules(root: &Path) -> BTreeMap<Module, PathBuf> {
    let mut found = BTreeMap::new();
    for path in sources(root) {
        let inside = path.strip_prefix(root).unwrap().with_extension("");
        let mut names: Module = inside
            .components()
            .map(|part| part.as_os_str().to_str().unwrap().to_owned())
            .collect();
        if names.iter().any(|name| name == "tests") || names == ["lib"] || names == ["main"] {
            continue;
        }
        names.pop_if(|last| last == "mod");
        found.insert(names, path);
    }
    found
}

/// A file without its tests.
pub fn untested(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

/// Matches each text, character and line comment of a source.
pub fn texts_and_comments() -> Regex {
    // In this order: a text may hold what looks like a comment, and a comment a quotation mark.
    Regex::new(r##"r#"(?s:.*?)"#|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)'|//[^\n]*"##).unwrap()
}

/// A file's code without its tests, comments and texts.
fn code(text: &str) -> String {
    let code = texts_and_comments().replace_all(untested(text), " ");
    // Who may see a name is no import.
    let visible = Regex::new(r"pub\([^)]*\)").unwrap();
    visible.replace_all(&code, "pub").into_owned()
}

/// The paths of a `use` tree: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn paths(before: &[String], tree: &str, into: &mut Vec<Vec<String>>) {
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    for part in parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (way, inner) = match part.split_once('{') {
            Some((way, inner)) => (way, inner.strip_suffix('}')),
            None => (part.split(" as ").next().unwrap(), None),
        };
        let mut path = before.to_vec();
        let names = way
            .split("::")
            .map(str::trim)
            .filter(|name| !name.is_empty());
        path.extend(names.map(str::to_owned));
        match inner {
            Some(inner) => paths(&path, inner, into),
            None => into.push(path),
        }
    }
}

/// Every path in a file's code that may lead to another file. What a module's root gives out
/// (`pub use`) is no import: it says only where a name can be found.
fn all_paths(code: &str) -> Vec<Vec<String>> {
    let uses = Regex::new(r"\b(pub\s+)?use\s+([^;]+);").unwrap();
    let mut found = Vec::new();
    for statement in uses.captures_iter(code) {
        let mut own = Vec::new();
        paths(&[], &statement[2], &mut own);
        let given_out = statement.get(1).is_some();
        own.retain(|path| !given_out || path[0] == "crate" || path[0] == "super");
        found.extend(own);
    }
    let rest = uses.replace_all(code, "");
    let inline = Regex::new(r"(?:^|[^\w:])([a-z_]\w*(?:::\w+)+)").unwrap();
    for path in inline.captures_iter(&rest) {
        found.push(path[1].split("::").map(str::to_owned).collect());
    }
    found
}

/// The module that a path in `module` leads to: the longest beginning of it that is one.
fn resolve(
    modules: &BTreeMap<Module, PathBuf>,
    module: &Module,
    path: &[String],
) -> Option<Module> {
    let (mut at, mut rest) = (module.clone(), path);
    match path[0].as_str() {
        "crate" => (at, rest) = (Vec::new(), &path[1..]),
        "super" | "self" => {
            while let Some(first) = rest.first() {
                match first.as_str() {
                    "super" => drop(at.pop()),
                    "self" => {}
                    _ => break,
                }
                rest = &rest[1..];
            }
        }
        child => {
            at.push(child.to_owned());
            if !modules.contains_key(&at) {
                return None;
            }
            rest = &path[1..];
        }
    }
    let mut found = modules.contains_key(&at).then(|| at.clone());
    for name in rest {
        at.push(name.clone());
        if modules.contains_key(&at) {
            found = Some(at.clone());
        }
    }
    found
}

/// The imports that are part of a circle, as `a -> b`.
fn circles(root: &Path) -> (usize, Vec<String>) {
    let modules = modules(root);
    let mut imports: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    let mut count = 0;
    for (module, file) in &modules {
        let code = code(&fs::read_to_string(file).unwrap());
        let own = imports.entry(module.clone()).or_default();
        let paths = all_paths(&code);
        own.extend(
            paths
                .iter()
                .filter_map(|path| resolve(&modules, module, path)),
        );
        own.remove(module);
        count += own.len();
    }
    // What imports nothing that is left, or is imported by nothing that is left, is in no circle.
    loop {
        let imported: BTreeSet<Module> = imports.values().flatten().cloned().collect();
        let before = imports.len();
        imports.retain(|module, own| !own.is_empty() && imported.contains(module));
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        for own in imports.values_mut() {
            own.retain(|other| left.contains(other));
        }
        if imports.len() == before {
            break;
        }
    }
    let arrow = |from: &Module, to: &Module| format!("{} -> {}", from.join("::"), to.join("::"));
    let lines = imports
        .iter()
        .flat_map(|(from, own)| own.iter().map(move |to| arrow(from, to)));
    (count, lines.collect())
}

#[test]
fn no_files_import_from_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (count, circles) = circles(&root);
    assert!(
        count > 500,
        "only {count} imports were found: the test looks in the wrong place"
    );
    assert!(circles.is_empty(), "in a circle:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("a/mod.rs", "mod b; mod c; pub use b::B; /// crate::d\n");
    write(
        "a/b.rs",
        "use super::c::{self, X as Y};\nfn f() { \"crate::a::d\"; }",
    );
    write(
        "a/c.rs",
        "pub struct X;\n#[cfg(test)]\nmod tests { use super::super::b::B; }",
    );
    write("d.rs", "use crate::{a::{b::B}, e};");
    write("e.rs", "fn f() { g(); }");
    assert_eq!(circles(home.path()).1, [""; 0]);
    for back in [
        "use crate::d;",
        "fn f() { crate::d::g(); }",
        "use super::d::G;",
    ] {
        write("e.rs", back);
        assert_eq!(circles(home.path()).1, ["d -> e", "e -> d"], "{back}");
    }
    write("e.rs", "mod f;\nfn g() { f::h(); }");
    write("e/f.rs", "use super::super::d::X;");
    assert_eq!(circles(home.path()).1, ["d -> e", "e -> e::f", "e::f -> d"]);
}
