//! How the value is laid out in which a signature stands.

use serde::{Deserialize, Serialize};

/// How the value that holds the signature is laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Format {
    /// The signature alone.
    #[default]
    Bare,
    /// A fixed text, then the signature: `sha256=…`.
    Prefix(String),
    /// Several signatures, of which one must fit: `v1,… v1,…`.
    List {
        /// What stands between them. Spaces around an entry are ignored.
        separator: char,
        /// What stands before each. Entries that begin otherwise are ignored.
        prefix: String,
    },
    /// Pairs of key and value: `t=…,v1=…,v1=…`.
    Pairs {
        /// What stands between them. Spaces around a pair are ignored.
        separator: char,
        /// The key of a signature. If it stands there several times, one signature must fit.
        key: String,
    },
}

impl Format {
    /// The texts of the signatures in a value.
    pub(crate) fn cut<'v>(&'v self, value: &'v str) -> Box<dyn Iterator<Item = &'v str> + 'v> {
        match self {
            Self::Bare => Box::new(std::iter::once(value)),
            Self::Prefix(prefix) => Box::new(value.strip_prefix(prefix.as_str()).into_iter()),
            Self::List { separator, prefix } => Box::new(
                value
                    .split(*separator)
                    .filter_map(|entry| entry.trim().strip_prefix(prefix.as_str())),
            ),
            Self::Pairs { separator, key } => Box::new(pairs(value, *separator, key)),
        }
    }
}

/// The values of that key in a list of pairs.
pub(crate) fn pairs<'v>(
    value: &'v str,
    separator: char,
    key: &'v str,
) -> impl Iterator<Item = &'v str> {
    value.split(separator).filter_map(move |pair| {
        let (name, text) = pair.trim().split_once('=')?;
        if name == key { Some(text) } else { None }
    })
}
