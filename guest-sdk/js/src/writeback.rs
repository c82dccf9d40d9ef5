//! Finds what a run did to the document. It walks what was touched beside the text that was there,
//! and asks for a change only where the two differ: a number nobody touched keeps its digits.

mod arrays;
mod before;
mod parts;
mod written;

use rquickjs::{
    Array, Atom, Ctx, FromJs, IntoJs, Object, Value, atom::PredefinedAtom, object::Filter,
};

use crate::document::{Document, WritebackGlue};
use crate::fault;
use crate::json;
use crate::plain::{self, Key, Shapes, unread};
use before::Before;

/// The deepest that a document may be nested; the host refuses more.
const DEPTH: usize = 128;

/// One change to the document, for the host.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Set { pointer: String, json: String },
    Remove { pointer: String },
}

/// The changes that make `document` what the global `data` is now; or why there can be none.
pub fn changes<'js>(
    ctx: &Ctx<'js>,
    document: &Document,
    shapes: Shapes,
    glue: WritebackGlue<'_, 'js>,
    data: &Value<'js>,
) -> Result<Vec<Change>, String> {
    let has_parts = document.is_large();
    if has_parts {
        let read = unread::become_read(ctx, data.as_raw());
        read.map_err(|error| format!("`data` cannot be read: {}", fault::headline(ctx, error)))?;
    }
    if !data.is_object() || data.is_array() || data.is_function() {
        let kind = fault::kind(data);
        return Err(format!("`data` must stay an object, and it is {kind}"));
    }
    let mut walk = Walk {
        ctx,
        document,
        shapes,
        has_parts,
        glue,
        changes: Vec::new(),
        pointer: String::new(),
        open: Vec::new(),
        place: None,
    };
    walk.compare(data, document.text(), 0)?;
    Ok(walk.changes)
}

struct Walk<'a, 'js> {
    ctx: &'a Ctx<'js>,
    document: &'a Document,
    shapes: Shapes,
    /// Parts of the document may be unread.
    has_parts: bool,
    glue: WritebackGlue<'a, 'js>,
    changes: Vec<Change>,
    /// Where the walk is.
    pointer: String,
    /// The objects and arrays it is inside of.
    open: Vec<Value<'js>>,
    /// Where the number is that it looks at, by which those are told apart that JavaScript cannot.
    place: Option<(Value<'js>, Key)>,
}

type Walked<T = ()> = Result<T, String>;

impl<'a, 'js> Walk<'a, 'js> {
    /// Notes how `value`, which is plain and not undefined, differs from what `was` there. What ends
    /// before the offset `same` is known to be the same, and what begins before it was looked at.
    fn compare(&mut self, value: &Value<'js>, was: &'a str, mut same: usize) -> Walked {
        let from = self.document.offset(was);
        if from + was.len() <= same {
            return Ok(());
        }
        if self.has_parts
            && let Some(compared) = self.compare_part(value, was)
        {
            return compared;
        }
        let is_new = value.is_object() && from >= same;
        if is_new {
            let first_difference =
                self.document
                    .first_difference(self.ctx, self.shapes, value, was);
            match first_difference.map_err(|error| self.threw(error))? {
                Some(at) => same = from + at,
                None => return Ok(()),
            }
        }
        let unchanged = match was.as_bytes().first() {
            _ if plain::is_raw(self.shapes, value) => false,
            Some(b'{') if value.is_object() && !value.is_array() && !value.is_function() => {
                return self.compare_object(value, was, same, is_new);
            }
            Some(b'[') if value.is_array() => return self.compare_array(value, was, same),
            Some(b'"') => match value.as_string() {
                Some(_) => plain::is_text(was, &self.text(value)?),
                None => false,
            },
            Some(b't' | b'f') => value.as_bool() == Some(was == "true"),
            Some(b'n') => value.is_null() || value.as_number().is_some_and(|n| !n.is_finite()),
            _ => value.as_number() == was.parse().ok() && value.is_number(),
        };
        if !unchanged {
            self.set(value)?;
        }
        Ok(())
    }

    fn set(&mut self, value: &Value<'js>) -> Walked {
        let mut json = String::new();
        let is_simple = value.is_string() || value.is_bool() || value.is_null();
        if is_simple || !self.write_plain(value, &mut json)? {
            self.write(value, &mut json)?;
        }
        let pointer = self.pointer.clone();
        self.changes.push(Change::Set { pointer, json });
        Ok(())
    }

    /// As [`Walk::compare`]. `is_new`: nothing ran since it was found out what is the same, so that those of the first
    /// members that are have their places.
    fn compare_object(
        &mut self,
        value: &Value<'js>,
        was: &'a str,
        same: usize,
        is_new: bool,
    ) -> Walked {
        let object = self.enter(value)?;
        let offset = self.document.offset(was);
        let end = |at: usize| Some(self.document.scan(offset + at)?.end - offset);
        let mut before = Before::new(json::members_of(was, end));
        let known = match is_new {
            true => before.keep_while(|text| self.document.offset(text) + text.len() <= same),
            false => 0,
        };
        let keys = object.own_keys::<Atom>(Filter::new().string().enum_only());
        for atom in keys.skip(known) {
            let atom = atom.map_err(|error| self.threw(error))?;
            let key = self.key(&atom)?;
            let at = before.find(&key);
            if let Some(at) = at {
                let text = before.members[at].value;
                if self.document.offset(text) + text.len() <= same {
                    before.kept[at] = true;
                    continue;
                }
                if Document::may_be_lazy(was, text) && self.is_deferred(&object, &*key, text)? {
                    before.kept[at] = true;
                    continue;
                }
            }
            let outer = self.pointer.len();
            json::push_token(&mut self.pointer, &key);
            let member = object.get(atom).map_err(|error| self.threw(error))?;
            let member = self.plain(member)?;
            if !member.is_undefined() {
                self.place = member
                    .is_number()
                    .then(|| (value.clone(), Key::Name(key.as_bytes().into())));
                match at {
                    Some(at) if member.is_number() && is_long(before.members[at].value) => {
                        before.kept[at] = true;
                        let was = before.members[at].value;
                        let same = self.document.is_same_member(
                            self.ctx,
                            self.shapes,
                            (value, &key),
                            &member,
                            was,
                        );
                        if !same.map_err(|error| self.threw(error))? {
                            self.set(&member)?;
                        }
                    }
                    Some(at) => {
                        before.kept[at] = true;
                        self.compare(&member, before.members[at].value, same)?;
                    }
                    None => self.set(&member)?,
                }
            }
            self.pointer.truncate(outer);
        }
        for (member, kept) in before.members.iter().zip(&before.kept) {
            if !kept {
                let mut pointer = self.pointer.clone();
                json::push_token(&mut pointer, &member.key);
                self.changes.push(Change::Remove { pointer });
            }
        }
        self.open.pop();
        Ok(())
    }

    /// Whether a member or element is the accessor that was made for this text.
    fn is_deferred<K: IntoJs<'js>>(&self, object: &Object<'js>, key: K, was: &str) -> Walked<bool> {
        let getter = self.glue.getter();
        let getter = getter.and_then(|getter| getter.call((object.clone(), key)));
        let getter: Value = getter.map_err(|error| self.threw(error))?;
        if !getter.is_function() {
            return Ok(false);
        }
        let place = self.document.deferred(plain::address(&getter));
        Ok(place.is_some_and(|(from, _)| from == self.document.offset(was)))
    }

    fn array_member(&self, array: &Array<'js>, index: usize) -> Walked<Value<'js>> {
        let value = array.get(index).map_err(|error| self.threw(error))?;
        let value = self.plain(value)?;
        Ok(if value.is_undefined() {
            Value::new_null(self.ctx.clone())
        } else {
            value
        })
    }

    /// Steps into an object or array; refuses one that it is inside of already.
    fn enter(&mut self, value: &Value<'js>) -> Walked<Object<'js>> {
        if self.open.contains(value) {
            return Err(format!(
                "{} is a cycle: it is an object that it lies in itself",
                self.place()
            ));
        }
        if self.open.len() >= DEPTH {
            return Err(format!(
                "{} is nested deeper than {DEPTH} levels",
                self.place()
            ));
        }
        self.open.push(value.clone());
        Object::from_js(self.ctx, value.clone()).map_err(|error| self.threw(error))
    }

    /// What JSON makes of a value before it writes it: `toJSON` is called, a boxed value unboxed.
    fn plain(&self, value: Value<'js>) -> Walked<Value<'js>> {
        let Some(object) = value.as_object().filter(|_| !value.is_function()) else {
            return Ok(value);
        };
        if self.has_parts && self.is_plain_part(&value)? {
            return Ok(value);
        }
        let object_prototype = self.glue.object_prototype();
        let object_prototype = object_prototype.map_err(|error| self.threw(error))?;
        let usual = value.is_array()
            || object
                .get_prototype()
                .is_none_or(|prototype| prototype == *object_prototype);
        let to_json: Value = object
            .get(PredefinedAtom::ToJSON)
            .map_err(|error| self.threw(error))?;
        if usual && !to_json.is_function() {
            return Ok(value);
        }
        let made = self.glue.plain().and_then(|plain| plain.call((value,)));
        made.map_err(|error| self.threw(error))
    }

    /// A string's text; half a surrogate pair becomes U+FFFD.
    fn text(&self, value: &Value<'js>) -> Walked<String> {
        fault::text(value).ok_or_else(|| format!("{} is too long a text", self.place()))
    }

    /// A property's name. By way of a string: an atom's own text is cut at a NUL and not checked.
    fn key(&self, atom: &Atom<'js>) -> Walked<String> {
        self.text(&atom.to_value().map_err(|error| self.threw(error))?)
    }

    fn place(&self) -> String {
        if self.pointer.is_empty() {
            "it".to_owned()
        } else {
            format!("`{}`", self.pointer)
        }
    }

    /// An exception on the way: a getter's, a proxy's, `toJSON`'s.
    fn threw(&self, error: rquickjs::Error) -> String {
        let thrown = fault::headline(self.ctx, error);
        format!("{} cannot be read: {thrown}", self.place())
    }
}

/// Whether a text is a number with so many digits that others may be rounded to the same.
fn is_long(text: &str) -> bool {
    text.len() > 15 && text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}
