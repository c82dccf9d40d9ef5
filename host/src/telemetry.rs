//! How the server tells what it does: tracing events on standard error. What may be in them is the
//! business of the code that emits them; the rule is: never bodies, URL keys or secrets.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A word that is neither a level nor a part of the server.
    #[error(
        "`{word}` in the log filter `{filter}` is no level; use error, warn, info, debug, trace or off, or e.g. `info,stepwell::engine=debug`{}", near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
    )]
    NoLevel {
        /// The refused word.
        word: String,
        /// The whole filter.
        filter: String,
        /// A level that is written nearly so.
        near: Option<&'static str>,
    },
    /// The filter is wrong.
    #[error(
        "`{filter}` is not a log filter: {source}; use a level (error, warn, info, debug, trace) or e.g. `info,stepwell::engine=debug`"
    )]
    BadFilter {
        /// The refused filter.
        filter: String,
        source: tracing_subscriber::filter::ParseError,
    },
    /// It was set up before.
    #[error("logging is set up already")]
    SetUpAlready,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The crates whose events reach the log.
const CRATES: [&str; 12] = [
    "stepwell",
    "axum",
    "h2",
    "hickory_net",
    "hickory_proto",
    "hickory_resolver",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "tokio",
    "wasmtime",
];
/// The parts of this crate that a filter may name.
const PARTS: [&str; 21] = [
    "app",
    "build",
    "catalog",
    "cli",
    "client",
    "clock",
    "coding",
    "connectors",
    "deploy",
    "domain",
    "engine",
    "http",
    "ingest",
    "machine",
    "private_file",
    "sandbox",
    "settings",
    "store",
    "telemetry",
    "terminal",
    "vault",
];

/// Which events are logged.
#[derive(Debug)]
pub struct Filter {
    filter: EnvFilter,
    /// The targets that it names and that no part of the server logs under.
    pub unknown: Vec<String>,
}

impl Filter {
    /// Reads a level, or directives as `tracing_subscriber::EnvFilter` has them. Targets without a
    /// directive are logged from the level `error` on.
    ///
    /// # Errors
    /// A word that is neither a level nor a known target: `warning` would be taken for a target, and
    /// nothing at all be logged. Whatever `EnvFilter` refuses.
    pub fn parse(text: &str) -> Result<Self, TelemetryError> {
        let short = |text: &str| text.chars().take(120).collect::<String>();
        let no_level = |word: &str| TelemetryError::NoLevel {
            word: short(word),
            filter: short(text),
            near: near(word),
        };
        let mut unknown = Vec::new();
        let mut has_level = false;
        for directive in directives(text) {
            if is_level(directive) {
                has_level = true;
                continue;
            }
            // A span's fields may hold a `=` too.
            let (target, level) = match directive.split_once('[') {
                Some((target, span)) => (target, span.rsplit_once("]=").map(|(_, level)| level)),
                None => match directive.split_once('=') {
                    Some((target, level)) => (target, Some(level)),
                    None => (directive, None),
                },
            };
            if let Some(level) = level
                && !is_level(level)
            {
                return Err(no_level(level));
            }
            if is_known(target) || target.is_empty() {
                continue;
            }
            if directive == target && !target.contains("::") {
                return Err(no_level(target));
            }
            unknown.push(short(target));
        }
        let plain = directives(text).join(",");
        let filter = EnvFilter::try_new(plain).map_err(|source| TelemetryError::BadFilter {
            filter: short(text),
            source,
        })?;
        let filter = match has_level {
            true => filter,
            false => filter.add_directive(LevelFilter::ERROR.into()),
        };
        Ok(Self { filter, unknown })
    }
}

/// The directives of a filter: its parts between commas that are in no brackets.
fn directives(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let parts = text.split(move |c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn is_level(word: &str) -> bool {
    let is_figure = matches!(word, "0" | "1" | "2" | "3" | "4" | "5");
    is_figure || LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

/// The level that a word is meant for: `warning`, `err`, `inof`.
fn near(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let begins =
        |level: &&&str| word.starts_with(**level) || (word.len() > 2 && level.starts_with(&word));
    let distance = |level: &str| strsim::damerau_levenshtein(&word, level);
    let near = LEVELS.iter().find(begins).or_else(|| {
        let nearest = LEVELS.iter().min_by_key(|level| distance(level));
        nearest.filter(|level| distance(level) <= 2 && word.len() > 2)
    });
    near.copied()
}

fn is_known(target: &str) -> bool {
    let mut parts = target.split("::");
    let root = parts.next().unwrap_or_default();
    let inner = parts.next();
    CRATES.contains(&root) && (root != "stepwell" || inner.is_none_or(|part| PARTS.contains(&part)))
}

/// Sets up logging for this process: lines for people (in colour on a terminal, unless `NO_COLOR` is
/// set), or with `json` one JSON object a line.
pub fn init(json: bool, filter: Filter) -> Result<(), TelemetryError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter.filter)
        .with_writer(std::io::stderr);
    if json {
        builder.json().flatten_event(true).try_init()
    } else {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.with_ansi(colour).try_init()
    }
    .map_err(|_| TelemetryError::SetUpAlready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_with_the_levels() {
        for (filter, hint) in [
            ("warning", "did you mean `warn`?"),
            ("err", "did you mean `error`?"),
            ("information", "`information` in the log filter"),
            ("inof", "did you mean `info`?"),
            ("verbose", "use error, warn, info, debug, trace or off"),
            ("info,warning", "did you mean `warn`?"),
            ("stepwell=warning", "did you mean `warn`?"),
            ("info,stepwell::engine=loud", "`loud` in"),
            ("stepwell[run]=7", "`7` in"),
            ("stepwel", "`stepwel` in"),
            ("6", "`6` in"),
            ("silent", "or off"),
        ] {
            let error = Filter::parse(filter).unwrap_err().to_string();
            assert!(error.contains(hint), "{filter}: {error}");
        }
    }

    #[test]
    fn levels_and_known_targets_are_taken_and_others_told() {
        for (filter, unknown) in [
            ("info", &[] as &[&str]),
            ("WARN", &[]),
            ("off", &[]),
            ("3", &[]),
            (" info , stepwell::engine=debug ", &[]),
            ("stepwell", &[]),
            ("hyper,info", &[]),
            ("stepwell::store::sled=trace", &[]),
            ("[task{id=1}]=debug", &[]),
            ("info,stepwell[run{a=\"b\"}]=trace", &[]),
            ("info,stepwel::engine=debug", &["stepwel::engine"]),
            ("stepwell::engin", &["stepwell::engin"]),
            (
                "stepwell::engines=info,nginx=debug",
                &["stepwell::engines", "nginx"],
            ),
        ] {
            let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(parsed.unknown, unknown, "{filter}");
        }
    }

    #[test]
    fn errors_are_logged_unless_a_level_says_otherwise() {
        for (filter, has_errors) in [
            ("stepwell::engine=debug", true),
            ("info", false),
            ("off", false),
        ] {
            let shown = Filter::parse(filter).unwrap().filter.to_string();
            let directives: Vec<&str> = shown.split(',').map(str::trim).collect();
            assert_eq!(directives.contains(&"error"), has_errors, "{shown}");
        }
    }

    #[test]
    fn the_parts_and_crates_are_those_that_there_are() {
        let text = include_str!("lib.rs");
        let parts = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod "));
        let parts: Vec<&str> = parts.map(|part| part.trim_end_matches(';')).collect();
        assert_eq!(parts, PARTS);
        let lock = include_str!("../../Cargo.lock").replace('-', "_");
        for name in CRATES {
            assert!(lock.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
