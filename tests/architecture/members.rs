//! The command line and what it uses read types: no member of a JSON document by its name.

use std::fs;
use std::path::Path;

use regex::Regex;

use super::circles::untested;
use super::sources;

/// What reads a member by its name, or takes a JSON value apart.
fn by_name() -> Regex {
    let index = r#"[\w)\]?]\s*\[\s*"[^"]*"\s*\]"#;
    let lookup = r#"\.\s*(?:get|get_mut|pointer|pointer_mut|remove|contains_key)\s*\(\s*&?"#;
    let apart = r"\.\s*as_(?:array|object|u64|i64|f64|bool|null)(?:_mut)?\s*\(|\bValue::as_\w+";
    Regex::new(&format!(r#"{index}|{lookup}"|{apart}"#)).unwrap()
}

fn members_read(folder: &Path) -> (usize, Vec<String>) {
    let (pattern, mut found, mut files) = (by_name(), Vec::new(), 0);
    for path in sources(folder) {
        let inside = path.strip_prefix(folder).unwrap();
        if inside.components().any(|part| part.as_os_str() == "tests")
            || inside.ends_with("tests.rs")
        {
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).unwrap();
        let places = pattern
            .find_iter(untested(&text))
            .map(|place| place.as_str().to_owned());
        found.extend(places.map(|place| format!("{}: {place}", inside.display())));
    }
    (files, found)
}

#[test]
fn no_member_of_an_answer_is_read_by_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (module, least) in [("client", 5), ("build", 4), ("deploy", 10), ("cli", 40)] {
        let (files, found) = members_read(&root.join(module));
        assert!(
            files >= least,
            "only {files} files in {module}: the test looks in the wrong place"
        );
        assert!(
            found.is_empty(),
            "{module} reads members by their names; read a type of stepwell_api:\n{}",
            found.join("\n")
        );
    }
}

#[test]
fn a_member_that_is_read_by_its_name_is_found() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a.rs");
    for planted in [
        r#"let id = task["id"].clone();"#,
        r#"let id = answer.document()["id"].clone();"#,
        r#"let id = task.get("id");"#,
        "let id = task\n    .get(\n        \"id\");",
        r#"let id = task.pointer("/runs/0");"#,
        "let all = list.as_array();",
        "let id = member(task).and_then(Value::as_str);",
    ] {
        fs::write(&file, format!("fn f() {{ {planted} }}\n")).unwrap();
        assert_eq!(members_read(home.path()).1.len(), 1, "{planted}");
    }
    for fine in [
        r#"client.get::<Steps>(&["steps", name], &[]);"#,
        r#"let path = ["tasks", id.as_str()];"#,
        r#"let columns = vec!["a"]; map.get(&key);"#,
        "}\n#[cfg(test)]\nmod tests { fn g() { task[\"id\"]; }",
    ] {
        fs::write(&file, format!("fn f() {{ {fine} }}\n")).unwrap();
        assert_eq!(members_read(home.path()).1, [""; 0], "{fine}");
    }
}
