//! docs/webhooks.md and docs/providers.md have every provider and every reason of refusal that the source has.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use crate::support::repository;
use stepwell_signature::{Check, Provider, Signature, providers};

const DOCUMENT: &str = "docs/webhooks.md";
/// What stands before the table, which goes to the document's end.
const HEADING: &str = "\n## Providers\n\n";

/// What is signed; a long list of members is in the provider's note.
fn content(signature: &Signature) -> String {
    let content = String::from(signature.content.clone());
    if content.len() > 120 {
        "members of the body".to_owned()
    } else {
        format!("`{content}`")
    }
}

fn row(provider: &Provider) -> String {
    let (signs, time) = match &provider.scheme.check {
        Check::Signature(signature) => {
            let content = content(signature).replace('|', "\\|");
            (content, signature.timestamp.is_some())
        }
        Check::Jwt(jwt) if jwt.body_claim.is_some() => {
            ("the body's SHA-256, in a token".to_owned(), false)
        }
        Check::Jwt(_) => ("nothing".to_owned(), true),
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

const GUIDE: &str = "docs/providers.md";
/// What stands before the sections, which go to the guide's end.
const SECTIONS: &str = "\n<!-- The rest is written by `STEPWELL_WRITE_PROVIDERS=1 cargo test --test suite docs_providers`. -->\n";
/// The longest line of prose.
const WIDTH: usize = 150;

/// A list's entry, in lines that fit.
fn entry(text: &str) -> String {
    let mut lines = vec!["-".to_owned()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().unwrap();
        if last.chars().count() + 1 + word.chars().count() <= WIDTH {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    lines.join("\n") + "\n"
}

fn signed(check: &Check) -> String {
    let published = "with a key that the service publishes, and that the server fetches";
    match check {
        Check::Signature(signature) => {
            let content = content(signature);
            let by = if signature.certificate.is_some() {
                published
            } else {
                "with the secret"
            };
            let by = if signature.algorithm.is_asymmetric() && signature.certificate.is_none() {
                "with the service's private key"
            } else {
                by
            };
            let time = signature
                .timestamp
                .as_ref()
                .map_or(String::new(), |timestamp| {
                    format!(
                        "; requests older than {} s are refused",
                        timestamp.tolerance_seconds
                    )
                });
            format!("Signed {by}: {content}{time}.")
        }
        Check::Jwt(jwt) => {
            let by = if jwt.keys.is_some() {
                published
            } else {
                "with the secret"
            };
            let body = match jwt.body_claim {
                Some(_) => "the body's SHA-256, in a JSON Web Token",
                None => "a JSON Web Token, and nothing of the body",
            };
            format!("Signed {by}: {body}.")
        }
        Check::Token(_) | Check::Basic => "Nothing is signed: the secret is sent.".to_owned(),
        Check::None => "Nothing is checked.".to_owned(),
    }
}

fn section(provider: &Provider) -> String {
    let name = &provider.name;
    let mut text = format!("\n## {}\n\n", provider.title);
    let secret = provider.secret.as_ref();
    let file = secret.map_or(String::new(), |_| " --secret-file secret.txt".to_owned());
    let token = provider.verify_token.as_ref();
    let token_file = token.map_or("", |_| " --verify-token-env VERIFY_TOKEN");
    text +=
        &format!("```sh\nstepwell webhook add {name} --provider {name}{file}{token_file}\n```\n\n");
    if let Some(secret) = secret {
        text += &entry(&format!("The {}: {}", secret.what, secret.find));
    }
    if let Some(token) = token {
        text += &entry(&format!("The {}: {}", token.what, token.find));
    }
    text += &entry(&signed(&provider.scheme.check));
    let hours = provider.dedup_hours;
    let signs_time = match &provider.scheme.check {
        Check::Signature(signature) => signature.timestamp.is_some(),
        Check::Jwt(jwt) => jwt.tolerance_seconds.is_some() && jwt.body_claim.is_some(),
        _ => false,
    };
    text += &entry(&match &provider.scheme.delivery_id {
        Some(place) => format!("A repeat is recognised by the {place}, for {hours} hours."),
        None if signs_time => {
            format!("A repeat is recognised by signature and time, for {hours} hours.")
        }
        None => {
            "No repeat is recognised; `--dedup-header` or `--dedup-pointer` names what tells one."
                .to_owned()
        }
    });
    if provider.challenge.is_some() {
        text += &entry("The server answers the question that the service asks about the URL.");
    }
    if let Some(note) = &provider.note {
        text += &entry(note);
    }
    if !provider.docs.is_empty() {
        text += &entry(&format!("[The service's documentation]({})", provider.docs));
    }
    text
}

/// Each provider has its section, and says what the source does.
#[test]
fn the_guide_has_each_provider() {
    let sections: String = providers().iter().map(section).collect();
    let path = repository().join(GUIDE);
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find(SECTIONS).unwrap() + SECTIONS.len();
    if std::env::var_os("STEPWELL_WRITE_PROVIDERS").is_some() {
        fs::write(&path, format!("{}{sections}", &text[..at])).unwrap();
        return;
    }
    assert!(
        text[at..] == sections,
        "{GUIDE} is behind: `STEPWELL_WRITE_PROVIDERS=1 cargo test --test suite docs_providers` writes it anew"
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
