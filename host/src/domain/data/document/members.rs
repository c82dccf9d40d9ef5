//! Reads where the members of an object are, or one of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Members that are searched one by one. A document with more of them is parsed whole.
const FEW: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: Name,
    /// Where its value is.
    pub(super) value: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Name {
    /// Written in the text as it is, here.
    Plain(Range<usize>),
    /// With escapes.
    Escaped(Box<str>),
}

/// Lists the members of an object; `None` if they are many.
pub(super) struct List<'a> {
    pub(super) text: &'a str,
}

impl List<'_> {
    /// Where in the text a part of it is.
    fn place(&self, part: &str) -> Range<usize> {
        let at = part.as_ptr() as usize - self.text.as_ptr() as usize;
        at..at + part.len()
    }
}

impl<'de> Visitor<'de> for List<'de> {
    type Value = Option<Vec<Member>>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names: Vec<Key<'de>> = Vec::with_capacity(24);
        let mut members: Vec<Member> = Vec::with_capacity(24);
        let mut few = true;
        while let Some(name) = map.next_key::<Key<'de>>()? {
            let raw: &'de RawValue = map.next_value()?;
            if !few {
                continue;
            }
            let value = self.place(raw.get());
            if let Some(before) = names.iter().position(|other| other.0 == name.0) {
                members[before].value = value;
                continue;
            }
            members.push(Member {
                name: match &name.0 {
                    Cow::Borrowed(name) => Name::Plain(self.place(name)),
                    Cow::Owned(name) => Name::Escaped(name.as_str().into()),
                },
                value,
            });
            names.push(name);
            few = members.len() <= FEW;
        }
        Ok(few.then_some(members))
    }
}

/// A member's name, borrowed from the text if it stands there as it is.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the value of one member. Of a name that occurs twice the last one counts.
pub(super) struct One<'a> {
    pub(super) name: &'a str,
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Key<'de>>()? {
            match name.0 == self.name {
                true => found = Some(map.next_value()?),
                false => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}
