//! A document that a run changes. Only those of the root's members that are written are copied:
//! most runs read a little of the data and write a little beside it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::change::{Change, diff, diff_member};
use super::document::{Document, put};
use super::pointer::{Pointer, PointerError};

/// A task's data as a run sees it, with what it has written so far.
#[derive(Debug)]
pub struct Draft {
    base: Arc<Document>,
    /// Members that were read and not written.
    read: Vec<(String, Value)>,
    /// The whole document, if it was read before anything was written.
    read_whole: Option<Value>,
    written: Written,
}

/// What a run wrote.
#[derive(Debug, Clone)]
pub enum Written {
    /// Members of the root: a new value, or gone. Few, so they are searched one by one.
    Members(Vec<(String, Option<Value>)>),
    /// The whole document.
    Whole(Value),
}

impl Default for Written {
    /// Nothing.
    fn default() -> Self {
        Self::Members(Vec::new())
    }
}

impl Draft {
    /// Nothing written yet.
    pub fn new(base: Arc<Document>) -> Self {
        Self {
            base,
            read: Vec::new(),
            read_whole: None,
            written: Written::Members(Vec::new()),
        }
    }

    /// The value at a place. The whole document is put together on the first look at it.
    pub fn get(&mut self, pointer: &Pointer) -> Option<&Value> {
        let Some(first) = pointer.first() else {
            return Some(self.whole());
        };
        let Self {
            base,
            read,
            written,
            ..
        } = self;
        match written {
            Written::Whole(document) => pointer.get(document),
            Written::Members(members) => {
                let member = match members.iter().find(|(name, _)| name == first) {
                    Some((_, member)) => member.as_ref()?,
                    None => read_member(base, read, first)?,
                };
                pointer.get_below_first(member)
            }
        }
    }

    /// As [`Pointer::set`].
    pub fn set(&mut self, pointer: &Pointer, value: Value) -> Result<(), PointerError> {
        match pointer.first() {
            None => {
                let mut document = Value::Null;
                pointer.set(&mut document, value)?;
                self.written = Written::Whole(document);
                Ok(())
            }
            Some(first) => match &mut self.written {
                // A member of the root, which may be put there whatever it was.
                Written::Members(members) if pointer.depth() == 1 => {
                    let value = Some(value);
                    match members.iter_mut().find(|(name, _)| name == first) {
                        Some((_, member)) => *member = value,
                        None => members.push((first.to_owned(), value)),
                    }
                    Ok(())
                }
                _ => self.change(first, |document| pointer.set(document, value)),
            },
        }
    }

    /// As [`Pointer::remove`]. What is not there is not copied.
    pub fn remove(&mut self, pointer: &Pointer) -> Result<(), PointerError> {
        match pointer.first() {
            Some(_) if self.get(pointer).is_none() => Ok(()),
            Some(first) => self.change(first, |document| pointer.remove(document).map(drop)),
            None => pointer.remove(&mut Value::Null).map(drop),
        }
    }

    /// What was written.
    pub fn into_written(self) -> Written {
        self.written
    }

    /// Changes one member of the root, as a document of that member alone.
    fn change<T>(
        &mut self,
        first: &str,
        change: impl FnOnce(&mut Value) -> Result<T, PointerError>,
    ) -> Result<T, PointerError> {
        let members = match &mut self.written {
            Written::Whole(document) => return change(document),
            Written::Members(members) => members,
        };
        let place = members.iter().position(|(name, _)| name == first);
        let member = match place {
            Some(place) => members[place].1.take(),
            None => self.base.member(first).map(Cow::into_owned),
        };
        let mut alone = Value::Object(Map::from_iter(
            member.map(|member| (first.to_owned(), member)),
        ));
        let changed = change(&mut alone);
        let member = alone.as_object_mut().and_then(|map| map.remove(first));
        match place {
            Some(place) => members[place].1 = member,
            // A change that was refused has written nothing.
            None if changed.is_ok() => members.push((first.to_owned(), member)),
            None => {}
        }
        changed
    }

    fn whole(&mut self) -> &Value {
        if let Written::Members(members) = &mut self.written {
            if members.is_empty() {
                return self.read_whole.get_or_insert_with(|| self.base.to_value());
            }
            let read = self.read_whole.take();
            let mut document = read.unwrap_or_else(|| self.base.to_value());
            put(&mut document, std::mem::take(members));
            self.written = Written::Whole(document);
        }
        match &self.written {
            Written::Whole(document) => document,
            Written::Members(_) => &Value::Null, // It was put together above.
        }
    }
}

impl Written {
    /// Applies what was written to the document that the draft stood on, which is copied only if
    /// another handle holds it, and gives the difference. No difference: the document is as it was.
    pub fn apply_to(self, base: &mut Arc<Document>) -> Vec<Change> {
        match self {
            Self::Whole(document) => {
                let changes = diff(&base.to_value(), &document);
                if !changes.is_empty() {
                    *base = Arc::new(Document::of(document));
                }
                changes
            }
            Self::Members(members) => {
                let changes: Vec<Change> = members
                    .iter()
                    .flat_map(|(name, new)| {
                        diff_member(name, base.member(name).as_deref(), new.as_ref())
                    })
                    .collect();
                if !changes.is_empty() {
                    Arc::make_mut(base).put(members);
                }
                changes
            }
        }
    }
}

/// A member of the root that was not written.
fn read_member<'a>(
    base: &'a Document,
    read: &'a mut Vec<(String, Value)>,
    name: &str,
) -> Option<&'a Value> {
    // Each is parsed once.
    if let Some(place) = read.iter().position(|(read, _)| read == name) {
        return Some(&read[place].1);
    }
    let member = match base.member(name)? {
        Cow::Borrowed(member) => return Some(member),
        Cow::Owned(member) => member,
    };
    read.push((name.to_owned(), member));
    read.last().map(|(_, member)| member)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Clone)]
    enum Act {
        Get(String),
        Set(String, i32),
        Remove(String),
    }

    fn act() -> impl Strategy<Value = Act> {
        let pointer = "(/[ab]){0,3}";
        prop_oneof![
            pointer.prop_map(Act::Get),
            (pointer, any::<i32>()).prop_map(|(at, value)| Act::Set(at, value)),
            pointer.prop_map(Act::Remove),
        ]
    }

    #[test]
    fn a_name_that_came_twice_is_there_once() {
        let came = r#"{"a":1,"b":{"c":1,"c":[2]},"a":{"d":3}}"#;
        let mut draft = Draft::new(Arc::new(Document::parse(came.into()).unwrap()));
        let at = |place: &str| Pointer::parse(place).unwrap();
        let text = |draft: &mut Draft, place| draft.get(&at(place)).unwrap().to_string();
        assert_eq!(text(&mut draft, "/a"), r#"{"d":3}"#);
        assert_eq!(text(&mut draft, "/b"), r#"{"c":[2]}"#);
        let whole = r#"{"a":{"d":3},"b":{"c":[2]}}"#;
        assert_eq!(text(&mut draft, ""), whole);
        draft.set(&at("/a"), json!(1)).unwrap();
        let mut after = Arc::new(Document::parse(came.into()).unwrap());
        draft.into_written().apply_to(&mut after);
        assert_eq!(after.to_value(), json!({"a": 1, "b": {"c": [2]}}));
    }

    proptest! {
        /// A draft behaves as the document would, and its difference leads from one to the other.
        #[test]
        fn a_draft_is_the_document(acts in prop::collection::vec(act(), 0..20)) {
            let base = json!({"a": {"a": {"b": 1}, "b": [1, 2]}, "b": {"a": 7}, "c": 1});
            let document = Document::parse(base.to_string().into()).unwrap();
            let (mut plain, mut draft) = (base.clone(), Draft::new(Arc::new(document.clone())));
            for act in acts {
                match act {
                    Act::Get(at) => {
                        let at = Pointer::parse(&at).unwrap();
                        prop_assert_eq!(draft.get(&at), at.get(&plain));
                    }
                    Act::Set(at, value) => {
                        let at = Pointer::parse(&at).unwrap();
                        let value = json!(value);
                        prop_assert_eq!(draft.set(&at, value.clone()), at.set(&mut plain, value));
                    }
                    Act::Remove(at) => {
                        let at = Pointer::parse(&at).unwrap();
                        prop_assert_eq!(draft.remove(&at), at.remove(&mut plain).map(drop));
                    }
                }
            }
            let mut after = Arc::new(document);
            let changes = draft.into_written().apply_to(&mut after);
            prop_assert_eq!(after.to_value(), plain.clone());
            let mut patched = base;
            super::super::change::apply(&mut patched, &changes).unwrap();
            prop_assert_eq!(patched, plain);
        }
    }
}
