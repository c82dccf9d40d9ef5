//! Words that a comment or a document says nothing with, and names that are riddles.

use std::fs;
use std::path::Path;

use regex::Regex;

use super::circles::texts_and_comments;
use super::sources;

/// A reader wants to know who: a caller, a sender, another node.
const WORDS: &str = r"(?i)\b(?:whoever|somebody|nobody|anybody)\b";
/// Names that had to be looked up to be understood.
const NAMES: &str = r"\b(?:Together|Carried|Told|stood_on|now_is|Much|Desk|Broom|Going|Stands)\b";

/// The comments of a source that have one of the words, and the lines of its code that have one of the names.
fn found(text: &str) -> Vec<String> {
    let (words, names) = (Regex::new(WORDS).unwrap(), Regex::new(NAMES).unwrap());
    let skipped = texts_and_comments();
    let mut found: Vec<String> = skipped
        .find_iter(text)
        .map(|part| part.as_str())
        .filter(|part| part.starts_with("//") && words.is_match(part))
        .map(str::to_owned)
        .collect();
    let code = skipped.replace_all(text, " ");
    let lines = code.lines().filter(|line| names.is_match(line));
    found.extend(lines.map(|line| line.trim().to_owned()));
    found
}

#[test]
fn comments_and_documents_say_who() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut wrong, mut files) = (Vec::new(), 0);
    for path in sources(root) {
        let inside = path.strip_prefix(root).unwrap();
        // The JavaScript engine is checked in as it was built: its sources change only with it.
        if inside.starts_with("guest-sdk/js") {
            continue;
        }
        files += 1;
        let found = found(&fs::read_to_string(&path).unwrap());
        wrong.extend(
            found
                .iter()
                .map(|line| format!("{}: {line}", inside.display())),
        );
    }
    let words = Regex::new(WORDS).unwrap();
    let documents = fs::read_dir(root.join("docs")).unwrap();
    let documents = documents.map(|entry| entry.unwrap().path());
    for path in documents.chain(["README.md", "CHANGELOG.md"].map(|name| root.join(name))) {
        files += 1;
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| words.is_match(line));
        wrong.extend(lines.map(|line| format!("{}: {line}", path.display())));
    }
    assert!(
        files > 500,
        "only {files} files were found: the test looks in the wrong place"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_word_is_found_in_comments_and_a_name_in_code() {
    for planted in [
        "/// Nobody waits for it.",
        "let a = 1; // Whoever asks.",
        "struct Told(u8);",
        "let head = head.stood_on;",
    ] {
        assert_eq!(found(planted).len(), 1, "{planted}");
    }
    for fine in [
        "let user = \"nobody\";",
        "NoBody,",
        "let text = \"// whoever\"; // a comment",
        "fn is_told() {}",
        "// Told twice.",
    ] {
        assert_eq!(found(fine), [""; 0], "{fine}");
    }
}
