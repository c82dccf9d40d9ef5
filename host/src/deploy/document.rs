//! YAML as a tree in which every node knows its line and column. What the nodes mean is not its
//! business; how much a small file may blow up to is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location, Spanned};

/// The largest manifest, in bytes.
pub const BYTES: u64 = 1024 * 1024;
/// The most nodes that a manifest may have, those that aliases repeat included. Three names for
/// each of the 20,000 steps that a workspace may have.
const NODES: usize = 100_000;
/// The deepest nesting; a manifest's own is below ten.
const DEPTH: usize = 64;

/// A node and where it stands.
pub type Node = Spanned<Tree>;

/// The kind of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the manifest's order; a key may be there twice.
    Map(Vec<(Spanned<String>, Node)>),
}

/// Why a text is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1; 0 if it is not known.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
}

/// Reads one YAML document.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES,
            max_events: 4 * NODES,
            max_depth: DEPTH,
            max_documents: 1,
        },
        // A billion laughs: what aliases repeat counts as if it had been written out.
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES,
            max_replay_stack_depth: 16,
        },
        // The reader knows the path, and finds the others as well.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        let line = usize::try_from(at.line()).unwrap_or_default();
        let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        SyntaxError {
            line: at.line(),
            column: at.column(),
            message: message(&error) + &unquoted(line).unwrap_or_default(),
        }
    })
}

/// A hint if a value of the line begins with a sign that means something in YAML, as in
/// `cron: * * * * *`.
fn unquoted(line: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches("- ");
    let value = match line.split_once(": ") {
        Some((key, value)) if !key.contains(['"', '\'']) => value,
        _ => line,
    };
    let value = value.trim();
    let first = value.chars().next().filter(|c| "*&!%@`|>".contains(*c))?;
    // `*name` and `&name` alone are an alias and an anchor, which may be meant.
    let is_reference = matches!(first, '*' | '&') && value[1..].starts_with(char::is_alphabetic);
    (!is_reference).then(|| {
        let short: String = value.chars().take(40).collect();
        format!(
            "; a text that begins with `{first}` needs quotes: \"{}\"",
            short.replace('"', "\\\"")
        )
    })
}

/// What is wrong, without the place, which stands before it in the message.
fn message(error: &Error) -> String {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => message(error),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => format!(
            "more than a manifest may have: one document, {NODES} nodes (what aliases repeat included), {DEPTH} levels"
        ),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            let end = line.find(" at line ").unwrap_or(line.len());
            format!("not YAML: {}", &line[..end])
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whatever)
    }
}

struct Whatever;

impl<'de> Visitor<'de> for Whatever {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        serde_json::Number::from_f64(value)
            .map(Tree::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value()?;
            if map.len() >= NODES {
                return Err(A::Error::custom("too many entries"));
            }
            map.push((key, value));
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> SyntaxError {
        parse(text).expect_err("it is wrong")
    }

    #[test]
    fn nodes_know_their_kind_and_place() {
        let node = parse("a: 1\nb:\n  - yes\n  - true\n  - ~\n  - \"2\"\n  - 0.5\n").unwrap();
        let Tree::Map(entries) = &node.value else {
            panic!("{node:?}");
        };
        let (key, list) = &entries[1];
        assert_eq!(
            (
                key.value.as_str(),
                key.referenced.line(),
                key.referenced.column()
            ),
            ("b", 2, 1)
        );
        let Tree::List(items) = &list.value else {
            panic!("{list:?}");
        };
        assert_eq!(items[3].referenced.line(), 6);
        assert_eq!(items[3].referenced.column(), 5);
        let kinds: Vec<&Tree> = items.iter().map(|item| &item.value).collect();
        assert_eq!(*kinds[0], Tree::Text("yes".into()));
        assert_eq!(*kinds[1], Tree::Bool(true));
        assert_eq!(*kinds[2], Tree::Null);
        assert_eq!(*kinds[3], Tree::Text("2".into()));
        assert!(matches!(kinds[4], Tree::Number(number) if number.to_string() == "0.5"));
    }

    #[test]
    fn wrong_syntax_says_where() {
        for (text, line) in [
            ("a: [1, 2\nb: 3\n", 2),
            ("a: b: c\n", 1),
            ("a:\n\t- b\n", 2),
            ("- a\nb: c\n", 2),
            ("a: *nowhere\n", 1),
            ("a: 1\n---\nb: 2\n", 2),
        ] {
            let error = wrong(text);
            assert_eq!(error.line, line, "{text}: {error:?}");
            assert!(!error.message.contains("line"), "{error:?}");
        }
    }

    #[test]
    fn a_text_that_needs_quotes_is_named() {
        for (text, hint) in [
            ("cron: * * * * *\n", "needs quotes: \"* * * * *\""),
            (
                "a:\n  - cron: */5 * * * *\n",
                "needs quotes: \"*/5 * * * *\"",
            ),
            ("cron: @daily\n", "needs quotes: \"@daily\""),
            ("- @daily\n", "begins with `@` needs quotes"),
            ("K: `date`\n", "begins with ``` needs quotes"),
        ] {
            let error = wrong(text);
            assert!(error.message.contains(hint), "{text}: {error:?}");
        }
        for text in ["a: *nowhere\n", "a: [1\n", "a: b: c\n"] {
            assert!(!wrong(text).message.contains("quotes"), "{text}");
        }
    }

    #[test]
    fn bombs_are_defused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let error = wrong(&laughs);
        assert!(error.message.contains("what aliases repeat"), "{error:?}");
        wrong(&"[".repeat(10_000));
        wrong(&"- ".repeat(10_000));
        wrong(&"{a: ".repeat(10_000));
        wrong(&"- x\n".repeat(NODES + 1));
        wrong("a: &a [*a]\n");
    }
}
