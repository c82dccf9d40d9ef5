//! The query tests of the npm packages `mingo` and `sift`, which both follow MongoDB, asked of the
//! condition language: how many of their answers it has, and why it has another one or none. Their
//! sources are not part of this repository, and nothing is downloaded:
//!
//! ```text
//! MINGO=FOLDER SIFT=FOLDER NODE_PATH=FOLDER/node_modules cargo bench -p stepwell-condition --bench mongodb
//! ```
//!
//! Each folder is a checkout of the package; `node` must be there, and `esbuild` in the folder of
//! NODE_PATH.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value, json};
use stepwell_condition::Pattern;

/// A refusal by a part of its message, and what it comes to.
const REFUSALS: [(&str, &str); 10] = [
    (
        "this is a regular expression",
        "refused: `$ne` of a regular expression",
    ),
    (
        "is not a kind",
        "refused: BSON's types by other names or numbers",
    ),
    (
        "is not an operator",
        "refused: an operator that conditions do not have",
    ),
    (
        "at the root these are allowed",
        "refused: an operator that conditions do not have",
    ),
    (
        "looks at one value",
        "refused: an operator on the whole document",
    ),
    (
        "stands beside the plain key",
        "refused: operators beside plain keys below the root",
    ),
    ("`$elemMatch` takes", "refused: `$elemMatch` of no object"),
    ("`$not` takes", "refused: `$not` of a plain value"),
    (
        "takes values and `$regex`",
        "refused: a pattern in a list of values",
    ),
    ("takes", "refused: an operand of another kind"),
];

const UNKNOWN: &str = "otherwise: for none of these reasons";

/// What the manual says is otherwise than in MongoDB: the query as it would be written for that.
type Rewrite = fn(&Value) -> Value;
const OTHERWISE: [(&str, Rewrite); 3] = [
    (
        "a plain value does not look into an array",
        |value| match value {
            Value::Array(_) | Value::Object(_) => value.clone(),
            scalar => json!({"$eq": scalar}),
        },
    ),
    (
        "a plain object or array is a pattern, not the whole value",
        |value| match value {
            Value::Array(_) => json!({"$eq": value}),
            Value::Object(map) if !map.keys().any(|key| key.starts_with('$')) => {
                json!({"$eq": value})
            }
            other => other.clone(),
        },
    ),
    ("`$regex` looks at the value alone", |value| {
        match value.get("$regex") {
            Some(_) => json!({"$in": [value]}),
            None => value.clone(),
        }
    }),
];

fn main() {
    let mut any = false;
    for (library, variable) in [("mingo", "MINGO"), ("sift", "SIFT")] {
        let Some(folder) = std::env::var_os(variable) else {
            continue;
        };
        any = true;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/mongodb/extract.mjs");
        let ran = Command::new("node")
            .arg(script)
            .arg(library)
            .arg(folder)
            .output();
        let ran = ran.unwrap_or_else(|error| panic!("node does not start: {error}"));
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        report(library, &String::from_utf8(ran.stdout).unwrap());
    }
    if !any {
        println!("set MINGO or SIFT to the folder of a checkout of that package");
    }
}

fn report(library: &str, lines: &str) {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut same, mut all) = (0, 0);
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if case.get("left_out").is_some() {
            continue;
        }
        all += 1;
        match judge(&case) {
            None => same += 1,
            Some(reason) => {
                let cases = reasons.entry(reason).or_default();
                cases.push(line.chars().take(300).collect());
            }
        }
    }
    println!("{library}: {same} of {all} have the same answer");
    for (reason, cases) in reasons {
        println!("  {:>4}  {reason}", cases.len());
        // One is enough where the reason is known.
        let shown = if reason == UNKNOWN { cases.len() } else { 1 };
        for case in &cases[..shown] {
            println!("          {case}");
        }
    }
}

/// Why the answer is not the library's; `None` if it is.
fn judge(case: &Value) -> Option<String> {
    let (mut query, mut document) = (case["query"].clone(), case["document"].clone());
    // A condition is about an object; sift also asks single values.
    if !document.is_object() || !query.is_object() {
        (query, document) = (json!({"value": query}), json!({"value": document}));
    }
    let expected = case["matches"].as_bool().unwrap();
    let answer = |query: &Value| Pattern::parse(query).map(|pattern| pattern.matches(&document));
    match answer(&query) {
        Ok(given) if given == expected => None,
        Ok(_) => {
            let explains = |rewrite: &dyn Fn(&Value) -> Value| {
                answer(&rewritten(&query, rewrite)).is_ok_and(|given| given == expected)
            };
            let one = OTHERWISE.iter().find(|(_, rewrite)| explains(rewrite));
            Some(match one {
                Some((reason, _)) => format!("otherwise: {reason}"),
                None if spreads(&query, &document) => {
                    "otherwise: a path does not spread over an array's elements".to_owned()
                }
                None => UNKNOWN.to_owned(),
            })
        }
        Err(error) => {
            let kind = REFUSALS
                .iter()
                .find(|(part, _)| error.message.contains(part));
            Some(kind.map_or_else(
                || format!("refused: {}", error.message),
                |(_, kind)| (*kind).to_owned(),
            ))
        }
    }
}

/// The query with what stands under its plain keys changed, within logical operators too.
fn rewritten(query: &Value, rewrite: &dyn Fn(&Value) -> Value) -> Value {
    let Value::Object(map) = query else {
        return query.clone();
    };
    let members = map.iter().map(|(key, value)| {
        let value = match (key.as_str(), value) {
            ("$and" | "$or" | "$nor", Value::Array(branches)) => branches
                .iter()
                .map(|branch| rewritten(branch, rewrite))
                .collect(),
            ("$not" | "$elemMatch", value) => rewritten(value, rewrite),
            _ if key.starts_with('$') => value.clone(),
            _ => {
                let inner = rewritten(value, rewrite);
                if inner == *value {
                    rewrite(value)
                } else {
                    inner
                }
            }
        };
        (key.clone(), value)
    });
    Value::Object(members.collect::<Map<_, _>>())
}

/// Whether a path of the query goes through an array of the document.
fn spreads(query: &Value, document: &Value) -> bool {
    let Value::Object(map) = query else {
        return query
            .as_array()
            .is_some_and(|items| items.iter().any(|item| spreads(item, document)));
    };
    map.iter().any(|(key, value)| {
        if key.starts_with('$') {
            return spreads(value, document);
        }
        let mut at = Some(document);
        let mut through = false;
        for part in key.split('.') {
            through |= at.is_some_and(Value::is_array);
            at = at.and_then(|value| match value {
                Value::Array(items) => items
                    .iter()
                    .find(|item| item.get(part).is_some())
                    .and_then(|item| item.get(part)),
                other => other.get(part),
            });
        }
        through || at.is_some_and(|below| spreads(value, below))
    })
}
