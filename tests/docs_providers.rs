//! docs/webhooks.md has every provider and every reason of refusal that the source has.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use crate::support::repository;
use stepwell_signature::{Check, Provider, providers};

const DOCUMENT: &str = "docs/webhooks.md";
/// What stands before the table, which goes to the document's end.
const HEADING: &str = "\n## Providers\n\n";

fn row(provider: &Provider) -> String {
    let (signs, time) = match &provider.scheme.check {
        Check::Signature(signature) => {
            let content = String::from(signature.content.clone()).replace('|', "\\|");
            (format!("`{content}`"), signature.timestamp.is_some())
        }
        Check::Jwt(_) => ("the body's SHA-256, in a token".to_owned(), false),
        Check::Token(_) | Check::Basic | Check::None => ("nothing".to_owned(), false),
    };
    let secret = provider.secret.as_ref().map_or("", |secret| &secret.what);
    let name = match provider.docs.as_str() {
        "" => provider.title.clone(),
        docs => format!("[{}]({docs})", provider.title),
    };
    let mark = |is: bool| if is { "yes" } else { "" };
    let question = mark(provider.challenge.is_some());
    format!(
        "| `{}` | {name} | {secret} | {signs} | {} | {question} |\n",
        provider.name,
        mark(time)
    )
}

#[test]
fn the_table_of_providers_is_that_of_the_source() {
    let mut table = "| name | service | secret | signed | time | asks |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    table.extend(providers().iter().map(row));
    table.push_str("| `custom` | [described by you](#custom-schemes) | | | | |\n");
    let path = repository().join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find(HEADING).unwrap() + HEADING.len();
    if std::env::var_os("STEPWELL_WRITE_PROVIDERS").is_some() {
        fs::write(&path, format!("{}{table}", &text[..at])).unwrap();
        return;
    }
    assert!(
        text[at..] == table,
        "{DOCUMENT} is behind: `STEPWELL_WRITE_PROVIDERS=1 cargo test --test suite docs_providers` writes the table anew"
    );
}

#[test]
fn every_reason_of_refusal_is_told() {
    let text = fs::read_to_string(repository().join(DOCUMENT)).unwrap();
    let source = repository().join("host/signature/src/refused.rs");
    let source = fs::read_to_string(source).unwrap();
    let codes = regex::Regex::new("=> \"([a-z-]+)\"").unwrap();
    let codes: Vec<&str> = (codes.captures_iter(&source))
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(text.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn the_example_of_a_scheme_is_one() {
    let text = fs::read_to_string(repository().join(DOCUMENT)).unwrap();
    let blocks = text.split("```json\n").skip(1);
    let mut blocks = blocks.map(|block| block.split("```").next().unwrap());
    let block = blocks
        .find(|block| block.starts_with("{\"check\""))
        .unwrap();
    let scheme: stepwell_signature::Scheme = serde_json::from_str(block).unwrap();
    scheme.check().unwrap();
}
