//! The tables that people read say what the data says.

use std::collections::BTreeMap;

use crate::support::vectors;
use stepwell_signature::{Check, providers};

/// What a scheme signs, in words.
fn signed(check: &Check) -> String {
    match check {
        Check::Signature(signature) => {
            let content = format!("`{}`", String::from(signature.content.clone()));
            match &signature.body_hash {
                Some(hash) => format!(
                    "{content}; of a body that is no form, its SHA-256 in {}",
                    hash.at
                ),
                None if signature.certificate.is_some() => {
                    format!("{content}, with a published certificate; not the rest of the body")
                }
                None if signature.partial => format!("{content}; not the rest of the body"),
                None => content,
            }
        }
        Check::Jwt(jwt) => match &jwt.body_claim {
            Some(claim) => {
                format!("a JSON Web Token with the body's SHA-256 in the claim `{claim}`")
            }
            None => "nothing: a JSON Web Token with a published key says who sends".to_owned(),
        },
        Check::Token(_) | Check::Basic => "nothing: a token or password says who sends".to_owned(),
        Check::None => "nothing, and who sends is not checked".to_owned(),
    }
}

/// The table in the crate's documentation.
#[test]
fn the_crate_says_what_each_scheme_signs() {
    let mut rows: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for provider in providers() {
        rows.entry(signed(&provider.scheme.check))
            .or_default()
            .push(&provider.name);
    }
    let text = include_str!("../src/lib.rs");
    let table: Vec<String> = rows
        .iter()
        .map(|(signed, names)| format!("//! | {signed} | {} |", names.join(", ")))
        .collect();
    assert!(
        text.contains(&table.join("\n")),
        "src/lib.rs has another table than\n{}",
        table.join("\n")
    );
}

/// The table in the vectors' README.
#[test]
fn the_readme_says_who_made_each_vector() {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, vector) in vectors() {
        rows.entry(vector.source).or_default().push(name);
    }
    let text = include_str!("vectors/README.md");
    let table: Vec<String> = rows
        .iter()
        .map(|(source, names)| format!("| {source} | {} |", names.join(", ")))
        .collect();
    assert!(
        text.contains(&table.join("\n")),
        "README.md has another table than\n{}",
        table.join("\n")
    );
}
