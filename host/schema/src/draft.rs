//! The drafts of the language, and in what they differ.

use std::fmt;

/// A draft; each has what those before it have, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Draft {
    /// Draft 4: `id`, and bounds that are exclusive by a word.
    Draft4,
    /// Draft 6: `$id`, `const`, `contains`, `propertyNames`, and true and false as schemas.
    Draft6,
    /// Draft 7: `if`.
    Draft7,
    /// 2019-09: `$anchor`, `$recursiveRef`, `unevaluated…`, and keywords beside `$ref`.
    Draft2019,
    /// 2020-12: `prefixItems`, `$dynamicRef`.
    Draft2020,
}

/// The URIs of the drafts, without what stands behind their `#`.
const URIS: [(&str, Draft); 5] = [
    ("json-schema.org/draft/2020-12/schema", Draft::Draft2020),
    ("json-schema.org/draft/2019-09/schema", Draft::Draft2019),
    ("json-schema.org/draft-07/schema", Draft::Draft7),
    ("json-schema.org/draft-06/schema", Draft::Draft6),
    ("json-schema.org/draft-04/schema", Draft::Draft4),
];

impl Draft {
    /// The draft that a `$schema` names.
    pub(crate) fn named(uri: &str) -> Option<Self> {
        let uri = uri.strip_suffix('#').unwrap_or(uri);
        let uri = uri
            .strip_prefix("https://")
            .or_else(|| uri.strip_prefix("http://"))?;
        URIS.iter()
            .find(|(known, _)| *known == uri)
            .map(|(_, draft)| *draft)
    }

    /// The keyword with a schema's URI.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Draft4 => "id",
            _ => "$id",
        }
    }

    /// Whether what stands beside a `$ref` counts for nothing.
    pub(crate) fn ignores_beside_ref(self) -> bool {
        self < Self::Draft2019
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft4 => "draft 4",
            Self::Draft6 => "draft 6",
            Self::Draft7 => "draft 7",
            Self::Draft2019 => "2019-09",
            Self::Draft2020 => "2020-12",
        })
    }
}
