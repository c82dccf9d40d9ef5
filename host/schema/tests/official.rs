//! The official tests of the language, of commit 44401e0 of <https://github.com/json-schema-org/JSON-Schema-Test-Suite>
//! (`official/`, its licence beside them), without those whose files are about fetching a schema.
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use stepwell_condition::Budget;
use stepwell_schema::Schema;

/// A draft's tests, its URI, how many of them there are, and how many groups have schemas that lead outside themselves.
fn passes(tests: &str, uri: &str, count: usize, outside: usize) {
    let files: Value = serde_json::from_str(tests).unwrap();
    let (mut tested, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for (file, groups) in files.as_object().unwrap() {
        for group in groups.as_array().unwrap() {
            let mut schema = group["schema"].clone();
            if let Value::Object(members) = &mut schema {
                members.entry("$schema").or_insert(json!(uri));
            }
            let name = format!("{file}: {}", group["description"]);
            let schema = match Schema::compile(&schema) {
                Ok(schema) => schema,
                Err(error) => {
                    assert!(
                        error.message.contains("nothing is fetched"),
                        "{name}: {error}"
                    );
                    refused.push(name);
                    continue;
                }
            };
            for test in group["tests"].as_array().unwrap() {
                let found = schema.check(&test["data"], &mut Budget::new(100_000));
                let is_valid = found.as_ref().is_ok_and(Vec::is_empty);
                if found.is_err() || Value::Bool(is_valid) != test["valid"] {
                    wrong.push(format!("{name}, {}: {found:?}", test["description"]));
                }
                tested += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((tested, refused.len()), (count, outside), "{refused:?}");
}

#[test]
fn draft_4() {
    let uri = "http://json-schema.org/draft-04/schema#";
    passes(include_str!("official/draft4.json"), uri, 597, 2);
}

#[test]
fn draft_6() {
    let uri = "http://json-schema.org/draft-06/schema#";
    passes(include_str!("official/draft6.json"), uri, 812, 2);
}

#[test]
fn draft_7() {
    let uri = "http://json-schema.org/draft-07/schema#";
    passes(include_str!("official/draft7.json"), uri, 900, 2);
}

#[test]
fn draft_2019_09() {
    let uri = "https://json-schema.org/draft/2019-09/schema";
    passes(include_str!("official/draft2019-09.json"), uri, 1_219, 2);
}

#[test]
fn draft_2020_12() {
    let uri = "https://json-schema.org/draft/2020-12/schema";
    passes(include_str!("official/draft2020-12.json"), uri, 1_246, 7);
}
