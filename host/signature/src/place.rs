//! Where a value stands in a request.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pointer;
use crate::request::{Request, Unreadable};

/// Where a value stands. Written as one key and its value: `{"header": "x-signature"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Place {
    /// A header. If the request has it twice, the request is refused.
    Header(String),
    /// A parameter of the URL's query. If the URL has it twice, the request is refused.
    Query(String),
    /// A string, number or boolean in the JSON body, named by a JSON Pointer (RFC 6901).
    Pointer(String),
    /// An element of the signature header, where that is a list of pairs
    /// ([`Format::Pairs`](crate::Format::Pairs)). Only a timestamp can stand here.
    Pair(String),
}

impl Place {
    /// The value as text; `None` if it is absent, empty or no scalar. Always `None` for a [`Place::Pair`], which
    /// is read with the signature.
    ///
    /// # Errors
    /// A header or parameter is given twice, or is not UTF-8.
    pub(crate) fn read<'a>(
        &self,
        request: &Request<'a>,
    ) -> Result<Option<Cow<'a, str>>, Unreadable> {
        match self {
            Self::Header(name) => Ok(request.header(name)?.map(Cow::Borrowed)),
            Self::Query(name) => request.query(name),
            Self::Pointer(path) => Ok(pointer::scalar(request.body, path).map(Cow::Owned)),
            Self::Pair(_) => Ok(None),
        }
    }

    /// Whether anything stands there, readable or not.
    pub(crate) fn is_taken(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Pointer(path) => pointer::exists(request.body, path),
            _ => !matches!(self.read(request), Ok(None)),
        }
    }

    /// What is wrong with it as a description, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Header(name) | Self::Query(name) | Self::Pair(name) if name.is_empty() => {
                Some("a name is empty")
            }
            Self::Pointer(path) if !path.starts_with('/') => Some("a JSON pointer begins with `/`"),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header `{name}`"),
            Self::Query(name) => write!(f, "query parameter `{name}`"),
            Self::Pointer(path) => write!(f, "`{path}` of the body"),
            Self::Pair(key) => write!(f, "`{key}=` of the signature header"),
        }
    }
}
