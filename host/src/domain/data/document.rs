//! A task's data between its text and its values: only the members of the root that are looked
//! at are parsed, and only those that change are written anew. Most conditions and steps look at a
//! few of many.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Members that are searched one by one. A document with more of them is parsed whole.
const FEW: usize = 64;

/// The text of an object, and the values of those of its members that have been looked at.
#[derive(Debug, Clone)]
pub struct Document {
    text: Arc<str>,
    members: Members,
    /// An object.
    seen: Value,
}

#[derive(Debug, Clone)]
enum Members {
    /// Where each is in the text.
    Listed(Vec<Member>),
    /// All are seen.
    All,
}

#[derive(Debug, Clone)]
struct Member {
    name: Name,
    /// Where its value is.
    value: Range<usize>,
}

#[derive(Debug, Clone)]
enum Name {
    /// Written in the text as it is, here.
    Plain(Range<usize>),
    /// With escapes.
    Escaped(Box<str>),
}

impl Document {
    /// Takes the text of an object. Of a name that occurs twice the last one counts.
    ///
    /// # Errors
    /// The text is not that of an object. Within its members only the syntax is looked at.
    pub fn parse(text: Arc<str>) -> Result<Self, serde_json::Error> {
        let mut parser = serde_json::Deserializer::from_str(&text);
        let members = parser.deserialize_map(List { text: &text })?;
        parser.end()?;
        Ok(match members {
            Some(members) => Self {
                members: Members::Listed(members),
                seen: Value::Object(Map::new()),
                text,
            },
            None => Self {
                members: Members::All,
                seen: Value::Object(serde_json::from_str(&text)?),
                text,
            },
        })
    }

    /// The document that is this object.
    pub fn of(value: Value) -> Self {
        Self {
            text: value.to_string().into(),
            members: Members::All,
            seen: value,
        }
    }

    /// The whole of it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// An object of at least the members that [`Document::look`] was asked for.
    pub fn seen(&self) -> &Value {
        &self.seen
    }

    /// Whether [`Document::look`] would find something new.
    pub fn has_unseen(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        self.unseen(is_wanted).next().is_some()
    }

    /// Parses the members of these names.
    pub fn look(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let new: Vec<(String, Value)> = self
            .unseen(is_wanted)
            .map(|member| (self.name(member).to_owned(), self.value(member)))
            .collect();
        if let Value::Object(seen) = &mut self.seen {
            seen.extend(new);
        }
    }

    fn unseen(&self, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &Member> {
        let listed = match &self.members {
            Members::Listed(members) => members.as_slice(),
            Members::All => &[],
        };
        listed.iter().filter(move |member| {
            let name = self.name(member);
            is_wanted(name) && self.seen.get(name).is_none()
        })
    }

    /// A member of the root, if it is there.
    pub fn member(&self, name: &str) -> Option<Cow<'_, Value>> {
        if let Some(seen) = self.seen.get(name) {
            return Some(Cow::Borrowed(seen));
        }
        let Members::Listed(members) = &self.members else {
            return None;
        };
        let member = members.iter().find(|member| self.name(member) == name)?;
        Some(Cow::Owned(self.value(member)))
    }

    /// All of it, parsed.
    pub fn to_value(&self) -> Value {
        match self.members {
            Members::All => self.seen.clone(),
            // Its text was checked when it came in.
            Members::Listed(_) => serde_json::from_str(&self.text).unwrap_or_default(),
        }
    }

    /// Puts members in place of those of the same names, behind the others if there are none; or
    /// takes them away. The text of all others stays as it is.
    pub fn put(&mut self, changed: Vec<(String, Option<Value>)>) {
        if let Members::Listed(members) = &self.members {
            let (text, members) = self.spliced(members, &changed);
            self.text = text;
            self.members = Members::Listed(members);
        }
        put(&mut self.seen, changed);
        if let Members::All = self.members {
            self.text = self.seen.to_string().into();
        }
    }

    /// The text after a change of members, and where everything is in it.
    fn spliced(
        &self,
        members: &[Member],
        changed: &[(String, Option<Value>)],
    ) -> (Arc<str>, Vec<Member>) {
        let mut text = String::with_capacity(self.text.len() + 256);
        let mut listed = Vec::with_capacity(members.len() + changed.len());
        text.push('{');
        for member in members {
            let name = self.name(member);
            match changed.iter().find(|(changed, _)| changed == name) {
                None => {
                    let raw = &self.text[member.value.clone()];
                    push(&mut text, &mut listed, name, |text| text.push_str(raw));
                }
                Some((_, Some(value))) => {
                    let new = value.to_string();
                    push(&mut text, &mut listed, name, |text| text.push_str(&new));
                }
                Some((_, None)) => {}
            }
        }
        for (name, value) in changed {
            let is_there = members.iter().any(|member| self.name(member) == name);
            if let Some(value) = value
                && !is_there
            {
                let new = value.to_string();
                push(&mut text, &mut listed, name, |text| text.push_str(&new));
            }
        }
        text.push('}');
        (text.into(), listed)
    }

    fn name<'a>(&'a self, member: &'a Member) -> &'a str {
        match &member.name {
            Name::Plain(place) => &self.text[place.clone()],
            Name::Escaped(name) => name,
        }
    }

    fn value(&self, member: &Member) -> Value {
        // Its text was checked when it came in.
        serde_json::from_str(&self.text[member.value.clone()]).unwrap_or_default()
    }
}

/// Puts members of an object in place of those of the same names, or takes them away.
pub(super) fn put(object: &mut Value, changed: Vec<(String, Option<Value>)>) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    for (name, member) in changed {
        match member {
            Some(value) => map.insert(name, value),
            None => map.shift_remove(&name),
        };
    }
}

/// Appends a member to a document's text.
fn push(text: &mut String, listed: &mut Vec<Member>, name: &str, write: impl FnOnce(&mut String)) {
    if !listed.is_empty() {
        text.push(',');
    }
    let is_plain = !name
        .bytes()
        .any(|byte| byte < b' ' || byte == b'"' || byte == b'\\');
    let name = if is_plain {
        text.push('"');
        let at = text.len();
        text.push_str(name);
        text.push('"');
        Name::Plain(at..at + name.len())
    } else {
        text.push_str(&Value::from(name).to_string());
        Name::Escaped(name.into())
    };
    text.push(':');
    let at = text.len();
    write(text);
    listed.push(Member {
        name,
        value: at..text.len(),
    });
}

/// Lists the members of an object; `None` if they are many.
struct List<'a> {
    text: &'a str,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text.into()).unwrap()
    }

    #[test]
    fn what_nobody_looks_at_is_not_parsed_and_stays_as_it_is() {
        let mut one = document(" {\"a\" : 1.50 ,\"b\":[ 1,\"x\\u00e9\" ], \"c\" : {\"d\":null}} ");
        assert_eq!(one.seen(), &json!({}));
        one.look(|name| name == "b" || name == "none");
        assert_eq!(one.seen(), &json!({"b": [1, "xé"]}));
        assert!(!one.has_unseen(|name| name == "b"));
        assert_eq!(one.member("a").unwrap().to_string(), "1.50");
        assert_eq!(one.member("none"), None);
        one.put(vec![
            ("c".into(), Some(json!(true))),
            ("new \"\u{1}".into(), Some(json!({"x": 1}))),
            ("gone".into(), None),
        ]);
        let expected = r#"{"a":1.50,"b":[ 1,"x\u00e9" ],"c":true,"new \"\u0001":{"x":1}}"#;
        assert_eq!(&**one.text(), expected);
        assert_eq!(one.member("new \"\u{1}").as_deref(), Some(&json!({"x": 1})));
        one.put(vec![("a".into(), None), ("new \"\u{1}".into(), None)]);
        assert_eq!(&**one.text(), r#"{"b":[ 1,"x\u00e9" ],"c":true}"#);
    }

    #[test]
    fn only_an_object_is_one() {
        for text in [
            "[1]",
            "1",
            "null",
            "",
            "{",
            "{\"a\":}",
            "{} 1",
            "{\"a\":1,}",
        ] {
            assert!(Document::parse(text.into()).is_err(), "{text}");
        }
        assert_eq!(&**document("{}").text(), "{}");
        let mut empty = document("{}");
        empty.put(vec![("a".into(), Some(json!(1)))]);
        assert_eq!(&**empty.text(), r#"{"a":1}"#);
        empty.put(vec![("a".into(), None)]);
        assert_eq!(&**empty.text(), "{}");
    }

    proptest! {
        /// A document is the object that its text is, whatever is done with it.
        #[test]
        fn a_document_is_its_object(
            names in prop::collection::vec("[ab\"\\\\é]{0,2}", 0..90),
            acts in prop::collection::vec(("[ab\"\\\\é]{0,2}", prop::option::of(any::<i8>()), any::<bool>()), 0..12),
        ) {
            // With names twice, and those with escapes.
            let members: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(n, name)| format!("{} : {n}", Value::from(name.as_str())))
                .collect();
            let text = format!("{{{}}}", members.join(" ,"));
            let mut plain: Value = serde_json::from_str(&text).unwrap();
            let mut one = document(&text);
            for (name, value, look) in acts {
                if look {
                    one.look(|other| other == name);
                }
                let member = one.member(&name).map(Cow::into_owned);
                prop_assert_eq!(member.as_ref(), plain.get(&name));
                let value = value.map(Value::from);
                one.put(vec![(name.clone(), value.clone())]);
                let map = plain.as_object_mut().unwrap();
                match value {
                    Some(value) => map.insert(name, value),
                    None => map.shift_remove(&name),
                };
                prop_assert_eq!(&one.to_value(), &plain);
                prop_assert_eq!(one.to_value().to_string(), plain.to_string());
                prop_assert_eq!(&serde_json::from_str::<Value>(one.text()).unwrap(), &plain);
            }
            one.look(|_| true);
            prop_assert_eq!(one.seen(), &plain);
        }
    }
}
