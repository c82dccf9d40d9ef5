//! A document that a run changes. Only those of the root's members that are written are copied:
//! most runs read a little of the data and write a little beside it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::change::{Change, diff, diff_member};
use super::check::VIA;
use super::document::{Document, put};
use super::memory::value_memory;
use super::pointer::{Pointer, PointerError};

/// A task's data as a run sees it, with what it has written so far.
#[derive(Debug)]
pub struct Draft {
    base: Arc<Document>,
    /// Members that were read and not written.
    read: Vec<(String, Value)>,
    /// The whole document, if it was read before anything was written.
    read_whole: Option<Value>,
    written: DraftWrites,
}

/// The changes that a run made to the task's data.
#[derive(Debug, Clone)]
pub enum DraftWrites {
    /// Members of the root: a new value, or gone. Few, so they are searched one by one.
    Members(Vec<(String, Option<Value>)>),
    /// The whole document.
    Whole(Value),
}

impl Default for DraftWrites {
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
            written: DraftWrites::Members(Vec::new()),
        }
    }

    /// The value at a place. The whole document is parsed on the first look at it.
    pub fn get(&mut self, pointer: &Pointer) -> Option<&Value> {
        let Some(first) = pointer.first() else {
            return Some(self.whole());
        };
        pointer.get_below_first(self.member(first)?)
    }

    /// The text of the whole document, if nothing was written and its original text is at hand.
    pub fn text(&self) -> Option<&Arc<str>> {
        match &self.written {
            DraftWrites::Members(members) if members.is_empty() => self.base.text_as_written(),
            _ => None,
        }
    }

    /// The text of a member of the root that was not written, if that is what its value would be written as.
    pub fn member_text(&self, pointer: &Pointer) -> Option<&str> {
        let name = pointer.first().filter(|_| pointer.depth() == 1)?;
        match &self.written {
            DraftWrites::Members(members) if members.iter().all(|(other, _)| other != name) => {
                self.base.member_as_written(name)
            }
            _ => None,
        }
    }

    /// A member of the root.
    pub fn member(&mut self, name: &str) -> Option<&Value> {
        match &self.written {
            DraftWrites::Whole(document) => document.get(name),
            DraftWrites::Members(members) => {
                match members.iter().find(|(other, _)| other == name) {
                    Some((_, member)) => member.as_ref(),
                    None => read_member(&self.base, &mut self.read, name),
                }
            }
        }
    }

    /// How many values the object or array has that contains the place, the value itself included. A container that was
    /// not parsed yet is parsed for it. 0 for members of the root, unless the whole document was written, and for the
    /// root. It is the bound of what moves when the value is removed, for which a run is charged.
    pub fn container_len(&mut self, pointer: &Pointer) -> usize {
        let count = |value: &Value| match value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        };
        match (pointer.parent(), &self.written) {
            (Some(parent), DraftWrites::Members(_)) if parent.is_root() => 0,
            (Some(parent), _) => self.get(&parent).map_or(0, count),
            (None, _) => 0,
        }
    }

    /// As [`Pointer::set`]. `$via` stays as it is: setting it to its current value does nothing.
    ///
    /// # Errors
    /// Also [`PointerError::ViaReadOnly`] and [`PointerError::RootVia`].
    pub fn set(&mut self, pointer: &Pointer, mut value: Value) -> Result<(), PointerError> {
        match pointer.first() {
            Some(VIA) => match self.get(pointer) {
                Some(there) if is_same(there, &value) => Ok(()),
                _ => Err(PointerError::ViaReadOnly(pointer.to_string())),
            },
            None => {
                self.keep_via(&mut value)?;
                let mut document = Value::Null;
                pointer.set(&mut document, value)?;
                self.written = DraftWrites::Whole(document);
                Ok(())
            }
            Some(first) => match &mut self.written {
                // A member of the root, which may be put there whatever it was.
                DraftWrites::Members(members) if pointer.depth() == 1 => {
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

    /// As [`Pointer::remove`]. Removing a missing value copies nothing.
    ///
    /// # Errors
    /// Also [`PointerError::ViaReadOnly`].
    pub fn remove(&mut self, pointer: &Pointer) -> Result<(), PointerError> {
        match pointer.first() {
            Some(_) if self.get(pointer).is_none() => Ok(()),
            Some(VIA) => Err(PointerError::ViaReadOnly(pointer.to_string())),
            Some(first) => self.change(first, |document| pointer.remove(document).map(drop)),
            None => pointer.remove(&mut Value::Null).map(drop),
        }
    }

    /// Roughly what the value at a place takes in memory, in bytes, if it is of what was written: never more than
    /// [`memory_estimate`](super::memory_estimate) of its text. 0 if it is not.
    pub fn written_memory(&self, pointer: &Pointer) -> u64 {
        let value = match (&self.written, pointer.first()) {
            (DraftWrites::Whole(document), _) => pointer.get(document),
            (DraftWrites::Members(members), Some(first)) => {
                let member = members.iter().find(|(name, _)| name == first);
                let member = member.and_then(|(_, member)| member.as_ref());
                member.and_then(|member| pointer.get_below_first(member))
            }
            (DraftWrites::Members(_), None) => None,
        };
        value.map_or(0, value_memory)
    }

    /// Estimated bytes needed to parse what reading or changing this place needs; 0 if that is parsed already.
    pub fn memory_to_parse(&self, pointer: &Pointer) -> u64 {
        match (&self.written, pointer.first()) {
            (DraftWrites::Whole(_), _) => 0,
            (DraftWrites::Members(_), None) if self.read_whole.is_some() => 0,
            (DraftWrites::Members(members), Some(first))
                if members.iter().any(|(name, _)| name == first)
                    || self.read.iter().any(|(name, _)| name == first) =>
            {
                0
            }
            (DraftWrites::Members(_), first) => self.base.parsing_memory(first),
        }
    }

    /// Roughly what a change of a place copies in memory, in bytes: the member of the root that has the place, unless the
    /// changes have that already.
    pub fn copied(&self, pointer: &Pointer) -> u64 {
        let (DraftWrites::Members(members), Some(first)) = (&self.written, pointer.first()) else {
            return 0;
        };
        if members.iter().any(|(name, _)| name == first) {
            return 0;
        }
        match self.base.parsing_memory(Some(first)) {
            0 => self
                .base
                .member(first)
                .map_or(0, |there| value_memory(&there)),
            unread => unread,
        }
    }

    /// Drops values that were parsed only to be read. They are parsed again when they are read again.
    pub fn forget_read(&mut self) {
        self.read.clear();
        self.read_whole = None;
    }

    /// The changes that the run made.
    pub fn into_written(self) -> DraftWrites {
        self.written
    }

    /// A document that is to take the place of this one has the same `$via`, down to the digits of its
    /// numbers, which a guest may have read in another form.
    fn keep_via(&self, document: &mut Value) -> Result<(), PointerError> {
        let Some(members) = document.as_object_mut() else {
            // Setting it says what is wrong.
            return Ok(());
        };
        match (members.get_mut(VIA), self.base.member(VIA)) {
            (None, None) => Ok(()),
            (Some(new), Some(via)) if is_same(&via, new) => {
                *new = via.into_owned();
                Ok(())
            }
            _ => Err(PointerError::RootVia),
        }
    }

    /// Changes one member of the root, as a document of that member alone.
    fn change<T>(
        &mut self,
        first: &str,
        change: impl FnOnce(&mut Value) -> Result<T, PointerError>,
    ) -> Result<T, PointerError> {
        let members = match &mut self.written {
            DraftWrites::Whole(document) => return change(document),
            DraftWrites::Members(members) => members,
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
        if let DraftWrites::Members(members) = &mut self.written {
            if members.is_empty() {
                return self.read_whole.get_or_insert_with(|| self.base.to_value());
            }
            let read = self.read_whole.take();
            let mut document = read.unwrap_or_else(|| self.base.to_value());
            put(&mut document, std::mem::take(members));
            self.written = DraftWrites::Whole(document);
        }
        match &self.written {
            DraftWrites::Whole(document) => document,
            DraftWrites::Members(_) => &Value::Null, // It was parsed above.
        }
    }
}

impl DraftWrites {
    /// Applies the changes to the document that the draft began with, which is copied only if
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

/// Whether two values are equal: members in any order, and numbers by value.
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64().is_some_and(|one| Some(one) == other.as_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let mut members = one.iter();
            one.len() == other.len()
                && members
                    .all(|(name, one)| other.get(name).is_some_and(|other| is_same(one, other)))
        }
        (one, other) => one == other,
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
mod tests;
