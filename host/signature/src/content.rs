//! What a signature signs: a template over parts of the request.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::pointer;
use crate::refused::Refused;
use crate::request::Request;

/// The signed content, a template such as `v0:{timestamp}:{body}`. Text stands for itself; in braces
/// stand
///
/// | | |
/// |---|---|
/// | `{body}` | the raw body |
/// | `{body_sha256}` | the body's SHA-256 in lower-case hex |
/// | `{body_crc32}` | the body's CRC-32 as a decimal number. It is no digest: another body with the same one is easily made |
/// | `{timestamp}` | the timestamp as the sender wrote it |
/// | `{id}` | the delivery's id |
/// | `{method}` | the method in upper case |
/// | `{url}` | the whole URL |
/// | `{url_unescaped}` | the URL with `%3A %2F %3F %40 %21 %24 %27 %28 %29 %2A %2C %3B` decoded |
/// | `{params}` | names and values of a form body, sorted by name, values of one name sorted and without repeats; nothing if the body is no form |
/// | `{header:NAME}`, `{query:NAME}`, `{pointer:/a/b}` | the value in that [`Place`] |
/// | `{pointer?:/a/b}` | the same, or nothing if nothing stands there |
/// | `{lines:A,B}` | of each of these members of the JSON body that is there: its name, a line feed, its value, a line feed |
/// | `{secret}` | the secret, where the key is a [published one](crate::Certificate) |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Content(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Body,
    BodySha256,
    BodyCrc32,
    Timestamp,
    Id,
    Method,
    Url,
    UrlUnescaped,
    Params,
    Secret,
    Lines(Vec<String>),
    Optional(Place),
    At(Place),
}

/// Why a template is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A `{` without its `}`, or a `}` without its `{`.
    #[error("a brace of the signed content has no partner")]
    Unbalanced,
    /// A name in braces that has no meaning.
    #[error("`{{{0}}}` is no part of a request; see the documentation of the signed content")]
    Unknown(String),
    /// There is nothing to sign.
    #[error("the signed content is empty")]
    Empty,
}

impl TryFrom<String> for Content {
    type Error = ContentError;

    fn try_from(text: String) -> Result<Self, ContentError> {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(start);
            let inner = from.strip_prefix('{').ok_or(ContentError::Unbalanced)?;
            let (name, after) = inner.split_once('}').ok_or(ContentError::Unbalanced)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::named(name).ok_or_else(|| ContentError::Unknown(name.to_owned()))?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            Err(ContentError::Empty)
        } else {
            Ok(Self(parts))
        }
    }
}

impl Part {
    fn named(name: &str) -> Option<Self> {
        let place = |name: &str, kind: fn(String) -> Place| {
            let place = kind(name.to_owned());
            if place.problem().is_none() {
                Some(Self::At(place))
            } else {
                None
            }
        };
        Some(match name {
            "body" => Self::Body,
            "body_sha256" => Self::BodySha256,
            "body_crc32" => Self::BodyCrc32,
            "secret" => Self::Secret,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "method" => Self::Method,
            "url" => Self::Url,
            "url_unescaped" => Self::UrlUnescaped,
            "params" => Self::Params,
            _ => match name.split_once(':')? {
                ("header", name) => return place(name, Place::Header),
                ("query", name) => return place(name, Place::Query),
                ("pointer", name) => return place(name, Place::Pointer),
                ("pointer?", name) => match place(name, Place::Pointer)? {
                    Self::At(place) => Self::Optional(place),
                    _ => return None,
                },
                ("lines", names) => {
                    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
                    if names
                        .iter()
                        .any(|name| name.is_empty() || name.contains('/'))
                    {
                        return None;
                    }
                    Self::Lines(names)
                }
                _ => return None,
            },
        })
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Body => f.write_str("{body}"),
            Part::BodySha256 => f.write_str("{body_sha256}"),
            Part::BodyCrc32 => f.write_str("{body_crc32}"),
            Part::Secret => f.write_str("{secret}"),
            Part::Lines(names) => write!(f, "{{lines:{}}}", names.join(",")),
            Part::Timestamp => f.write_str("{timestamp}"),
            Part::Id => f.write_str("{id}"),
            Part::Method => f.write_str("{method}"),
            Part::Url => f.write_str("{url}"),
            Part::UrlUnescaped => f.write_str("{url_unescaped}"),
            Part::Params => f.write_str("{params}"),
            Part::Optional(place) => match place {
                Place::Pointer(name) => write!(f, "{{pointer?:{name}}}"),
                _ => Ok(()),
            },
            Part::At(Place::Header(name)) => write!(f, "{{header:{name}}}"),
            Part::At(Place::Query(name)) => write!(f, "{{query:{name}}}"),
            Part::At(Place::Pointer(name) | Place::Pair(name)) => write!(f, "{{pointer:{name}}}"),
        })
    }
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        content.to_string()
    }
}

/// What the template is filled with.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub request: &'a Request<'a>,
    pub timestamp: Option<&'a str>,
    pub id: Option<&'a str>,
    /// What the user has set, where that is no key.
    pub secret: Option<&'a [u8]>,
}

impl Content {
    pub(crate) fn has(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    pub(crate) fn reads(&self, place: &Place) -> bool {
        self.0.iter().any(|part| match (part, place) {
            (Part::At(at) | Part::Optional(at), place) => at == place,
            (Part::Lines(names), Place::Pointer(path)) => path
                .strip_prefix('/')
                .is_some_and(|path| names.iter().any(|name| name == path)),
            _ => false,
        })
    }

    /// Passes the signed content in pieces, so that a body is not copied.
    pub(crate) fn render(
        &self,
        inputs: &Inputs<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refused> {
        self.0.iter().try_for_each(|part| part.render(inputs, sink))
    }

    /// Whether `{body}` is in it once, and nothing else that is made of the body.
    pub(crate) fn has_body_once(&self) -> bool {
        let made_of_body = self.0.iter().filter(|part| part.reads_body());
        made_of_body.eq([&Part::Body])
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl Part {
    fn reads_body(&self) -> bool {
        match self {
            Self::Body | Self::BodySha256 | Self::BodyCrc32 | Self::Params | Self::Lines(_) => true,
            Self::At(place) | Self::Optional(place) => matches!(place, Place::Pointer(_)),
            _ => false,
        }
    }

    /// The same of one part.
    pub(crate) fn render(
        &self,
        inputs: &Inputs<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refused> {
        let request = inputs.request;
        match self {
            Self::Text(text) => sink(text.as_bytes()),
            Self::Body => sink(request.body),
            Self::BodySha256 => {
                sink(
                    HEXLOWER
                        .encode(digest::digest(&digest::SHA256, request.body).as_ref())
                        .as_bytes(),
                );
            }
            Self::Timestamp => sink(inputs.timestamp.unwrap_or_default().as_bytes()),
            Self::Id => sink(inputs.id.unwrap_or_default().as_bytes()),
            Self::Method => sink(request.method.as_bytes()),
            Self::Url => sink(request.url.as_bytes()),
            Self::UrlUnescaped => sink(unescaped(request.url).as_bytes()),
            Self::Params => params(request).iter().for_each(|(name, value)| {
                sink(name.as_bytes());
                sink(value.as_bytes());
            }),
            Self::BodyCrc32 => {
                sink(crc32fast::hash(request.body).to_string().as_bytes());
            }
            Self::Secret => sink(inputs.secret.unwrap_or_default()),
            Self::Lines(names) => {
                for (at, name) in names.iter().enumerate() {
                    if let Some(value) = pointer::text(request.body, &format!("/{name}")) {
                        // Else one member could hold the lines of others, and one signed text would be two messages. A
                        // reader who begins at the end knows which lines are the first member's.
                        if at > 0 && value.contains('\n') {
                            let place = format!("a line feed in `/{name}` of the body");
                            return Err(Refused::Unexpected { place });
                        }
                        [name.as_str(), "\n", &value, "\n"]
                            .iter()
                            .for_each(|text| sink(text.as_bytes()));
                    }
                }
            }
            Self::Optional(place) => {
                let value = place.read(request).ok().flatten();
                sink(value.as_deref().unwrap_or_default().as_bytes());
            }
            Self::At(place) => match place.read(request) {
                Ok(Some(text)) => sink(text.as_bytes()),
                Ok(None) => {
                    return Err(Refused::ContentMissing {
                        place: place.to_string(),
                    });
                }
                Err(why) => {
                    return Err(Refused::unreadable(why, place.to_string(), |place| {
                        Refused::ContentMissing { place }
                    }));
                }
            },
        }
        Ok(())
    }
}

fn params<'a>(request: &Request<'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    if !request.is_form() {
        return Vec::new();
    }
    let mut all: Vec<_> = form_urlencoded::parse(request.body).collect();
    all.sort();
    all.dedup();
    all
}

/// The escapes that HubSpot's senders decode before they sign.
fn unescaped(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let escape = rest
            .get(at + 1..at + 3)
            .unwrap_or_default()
            .to_ascii_uppercase();
        let plain = match escape.as_str() {
            "3A" => ':',
            "2F" => '/',
            "3F" => '?',
            "40" => '@',
            "21" => '!',
            "24" => '$',
            "27" => '\'',
            "28" => '(',
            "29" => ')',
            "2A" => '*',
            "2C" => ',',
            "3B" => ';',
            _ => {
                text.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        };
        text.push(plain);
        rest = &rest[at + 3..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_reads_and_writes_itself() {
        let text = "v0:{timestamp}.{id}{body}{body_sha256}{method}{url}{url_unescaped}{params}{header:x}{query:q}{pointer:/a/b}{pointer?:/c}{lines:A,B}{body_crc32}{secret};";
        let content = Content::try_from(text.to_owned()).expect("a template");
        assert_eq!(content.to_string(), text);
        for broken in [
            "",
            "{",
            "}",
            "{body",
            "body}",
            "{{body}}",
            "{bodies}",
            "{header:}",
            "{pointer:a}",
            "{pair:t}",
            "{pointer?:a}",
            "{lines:}",
            "{lines:A,}",
            "{lines:a/b}",
        ] {
            assert!(Content::try_from(broken.to_owned()).is_err(), "{broken}");
        }
    }

    #[test]
    fn only_some_escapes_are_decoded() {
        assert_eq!(
            unescaped("https://a/%3Aé%2f%20%zz%%"),
            "https://a/:é/%20%zz%%"
        );
    }
}
