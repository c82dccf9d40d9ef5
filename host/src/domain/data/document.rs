//! A task's data between its text and its values: only the members of the root that are looked at are parsed, and
//! only those that change are written anew. Most conditions and steps look at a few of many.
//!
//! Values take up to a hundred times the memory of their text (each `1,` of `[1,1,1]` is counted as 96 bytes), so
//! large ones are dropped after each use ([`Document::drop_large_values`]) and parsed again for the next.

mod members;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::de::Deserializer;
use serde_json::{Map, Value};

use super::as_written::is_as_written;
use super::memory::memory_estimate;
use members::{List, Member, Name, One};

/// Text whose values are kept between two uses, in bytes: that of nearly all webhooks.
const KEPT_BYTES: usize = 8 * 1024;
/// The text of an object, and the values of those of its members that have been looked at.
#[derive(Debug, Clone)]
pub struct Document {
    text: Arc<str>,
    /// Whether the text is as its value would be written, once that was asked for.
    as_written: OnceLock<bool>,
    members: Members,
    /// An object.
    seen: Value,
}

#[derive(Debug, Clone)]
enum Members {
    /// Where each is in the text.
    Listed(Vec<Member>),
    /// They are too many. Either all are seen or none.
    Many { are_seen: bool },
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
        let members = match members {
            Some(members) => Members::Listed(members),
            None => Members::Many { are_seen: false },
        };
        Ok(Self {
            members,
            seen: Value::Object(Map::new()),
            as_written: OnceLock::new(),
            text,
        })
    }

    /// The document that is this object.
    pub fn of(value: Value) -> Self {
        Self {
            text: value.to_string().into(),
            as_written: true.into(),
            members: Members::Many { are_seen: true },
            seen: value,
        }
    }

    /// The whole of it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The whole of it, if that is what its value would be written as: it need not be parsed to be given to a guest.
    pub fn text_as_written(&self) -> Option<&Arc<str>> {
        let is_it = *self.as_written.get_or_init(|| is_as_written(&self.text));
        is_it.then_some(&self.text)
    }

    /// A member of the root, if its text is what its value would be written as, and its place is known.
    pub(super) fn member_as_written(&self, name: &str) -> Option<&str> {
        let Members::Listed(members) = &self.members else {
            return None;
        };
        let member = members.iter().find(|member| self.name(member) == name)?;
        let text = &self.text[member.value.clone()];
        is_as_written(text).then_some(text)
    }

    /// An object of at least the members that [`Document::parse_members`] was asked for.
    pub fn seen(&self) -> &Value {
        &self.seen
    }

    /// Whether [`Document::parse_members`] may find something new.
    pub fn has_unseen(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        match self.members {
            Members::Listed(_) => self.unseen(is_wanted).next().is_some(),
            Members::Many { are_seen } => !are_seen,
        }
    }

    /// Parses the members of these names. Returns how many bytes of text they had.
    pub fn parse_members(&mut self, is_wanted: impl Fn(&str) -> bool) -> usize {
        if let Members::Many { are_seen: false } = self.members {
            self.see_all();
            return self.text.len();
        }
        let mut bytes = 0;
        let new: Vec<(String, Value)> = self
            .unseen(is_wanted)
            .inspect(|member| bytes += member.value.len())
            .map(|member| (self.name(member).to_owned(), self.value(member)))
            .collect();
        if let Value::Object(seen) = &mut self.seen {
            seen.extend(new);
        }
        bytes
    }

    /// Drops the parsed values, unless they are small.
    pub fn drop_large_values(&mut self) {
        if self.seen_bytes() > KEPT_BYTES {
            self.seen = Value::Object(Map::new());
            if let Members::Many { are_seen } = &mut self.members {
                *are_seen = false;
            }
        }
    }

    /// Whether [`Document::drop_large_values`] would drop anything.
    pub fn has_large(&self) -> bool {
        self.seen_bytes() > KEPT_BYTES
    }

    /// Bytes of the text that has been read so far.
    fn seen_bytes(&self) -> usize {
        if self.text.len() <= KEPT_BYTES {
            return 0;
        }
        match &self.members {
            Members::Many { are_seen: true } => self.text.len(),
            Members::Many { are_seen: false } => 0,
            Members::Listed(members) => {
                let is_seen = |member: &&Member| self.seen.get(self.name(member)).is_some();
                let seen = members.iter().filter(is_seen);
                seen.map(|member| member.value.len()).sum()
            }
        }
    }

    /// Roughly what reading a member of the root, or all of it, takes in memory that nothing has parsed yet.
    pub fn parsing_memory(&self, name: Option<&str>) -> u64 {
        match (&self.members, name) {
            (Members::Many { are_seen: true }, _) => 0,
            (Members::Listed(members), Some(name)) if self.seen.get(name).is_none() => {
                let member = members.iter().find(|member| self.name(member) == name);
                member.map_or(0, |member| {
                    memory_estimate(&self.text[member.value.clone()])
                })
            }
            (Members::Listed(_), Some(_)) => 0,
            _ => memory_estimate(&self.text),
        }
    }

    fn see_all(&mut self) {
        // Its text was checked when it came in.
        self.seen = serde_json::from_str(&self.text).unwrap_or_default();
        self.members = Members::Many { are_seen: true };
    }

    fn unseen(&self, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &Member> {
        let listed = match &self.members {
            Members::Listed(members) => members.as_slice(),
            Members::Many { .. } => &[],
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
        match &self.members {
            Members::Many { are_seen: true } => None,
            Members::Many { are_seen: false } => {
                let mut parser = serde_json::Deserializer::from_str(&self.text);
                let found = parser.deserialize_map(One { name }).ok()?;
                found.map(Cow::Owned)
            }
            Members::Listed(members) => {
                let member = members.iter().find(|member| self.name(member) == name)?;
                Some(Cow::Owned(self.value(member)))
            }
        }
    }

    /// All of it, parsed.
    pub fn to_value(&self) -> Value {
        match self.members {
            Members::Many { are_seen: true } => self.seen.clone(),
            // Its text was checked when it came in.
            _ => serde_json::from_str(&self.text).unwrap_or_default(),
        }
    }

    /// Puts members in place of those of the same names, behind the others if there are none; or
    /// takes them away. The text of all others stays as it is.
    pub fn put(&mut self, changed: Vec<(String, Option<Value>)>) {
        match &self.members {
            Members::Listed(members) => {
                let (text, members) = self.spliced(members, &changed);
                self.text = text;
                self.as_written = OnceLock::new();
                self.members = Members::Listed(members);
                put(&mut self.seen, changed);
            }
            Members::Many { are_seen } => {
                if !are_seen {
                    self.see_all();
                }
                put(&mut self.seen, changed);
                self.text = self.seen.to_string().into();
                self.as_written = true.into();
            }
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

#[cfg(test)]
mod tests;
