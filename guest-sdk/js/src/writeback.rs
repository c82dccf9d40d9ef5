//! Finds what a run did to the document. It walks what was touched beside the text that was there,
//! and asks for a change only where the two differ: a number nobody touched keeps its digits.

use rquickjs::{
    Array, Atom, Coerced, Ctx, FromJs, Object, Value, atom::PredefinedAtom, object::Filter,
};

use crate::document::{Document, Lender};
use crate::fault;
use crate::json::{self, Member};

/// The deepest that a document may be nested; the host refuses more.
const DEPTH: usize = 128;
/// Up to so many members are searched one by one.
const FEW: usize = 16;

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
    lender: Lender<'js>,
    data: &Value<'js>,
) -> Result<Vec<Change>, String> {
    if !data.is_object() || data.is_array() || data.is_function() {
        let kind = fault::kind(data);
        return Err(format!("`data` must stay an object, and it is {kind}"));
    }
    let mut walk = Walk {
        ctx,
        document,
        lender,
        changes: Vec::new(),
        pointer: String::new(),
        open: Vec::new(),
    };
    walk.compare_object(data, document.text())?;
    Ok(walk.changes)
}

struct Walk<'a, 'js> {
    ctx: &'a Ctx<'js>,
    document: &'a Document,
    lender: Lender<'js>,
    changes: Vec<Change>,
    /// Where the walk is.
    pointer: String,
    /// The objects and arrays it is inside of.
    open: Vec<Value<'js>>,
}

type Walked<T = ()> = Result<T, String>;

impl<'a, 'js> Walk<'a, 'js> {
    /// Notes how `value`, which is plain and not undefined, differs from what `was` there.
    fn compare(&mut self, value: &Value<'js>, was: &'a str) -> Walked {
        let unchanged = match was.as_bytes().first() {
            Some(b'{') if value.is_object() && !value.is_array() && !value.is_function() => {
                return self.compare_object(value, was);
            }
            Some(b'[') if value.is_array() => return self.compare_array(value, was),
            Some(b'"') => match value.as_string() {
                Some(_) => json::unquote(was) == self.text(value)?,
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
        self.write(value, &mut json)?;
        let pointer = self.pointer.clone();
        self.changes.push(Change::Set { pointer, json });
        Ok(())
    }

    fn compare_object(&mut self, value: &Value<'js>, was: &'a str) -> Walked {
        let object = self.enter(value)?;
        let mut before = Before::new(self.document.members(was));
        for atom in object.own_keys::<Atom>(Filter::new().string().enum_only()) {
            let atom = atom.map_err(|error| self.threw(error))?;
            let key = self.key(&atom)?;
            let at = before.find(&key);
            if let Some(at) = at {
                let text = before.members[at].value;
                if Document::may_be_lazy(was, text) && self.is_untouched(&object, &key, text)? {
                    before.kept[at] = true;
                    continue;
                }
            }
            let outer = self.pointer.len();
            json::push_token(&mut self.pointer, &key);
            let member = object.get(atom).map_err(|error| self.threw(error))?;
            let member = self.plain(member)?;
            if !member.is_undefined() {
                match at {
                    Some(at) => {
                        before.kept[at] = true;
                        self.compare(&member, before.members[at].value)?;
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

    fn is_untouched(&self, object: &Object<'js>, key: &str, was: &str) -> Walked<bool> {
        let begins: f64 = self
            .lender
            .untouched
            .call((object.clone(), key))
            .map_err(|error| self.threw(error))?;
        Ok(begins == self.document.offset(was) as f64)
    }

    fn compare_array(&mut self, value: &Value<'js>, was: &'a str) -> Walked {
        self.enter(value)?;
        let Some(array) = value.as_array() else {
            return Ok(());
        };
        let before = json::elements(was);
        let gone = if array.len() < before.len() {
            self.gone(array, &before)?
        } else {
            None
        };
        let gone = match gone {
            Some(gone) => gone,
            None => {
                for index in 0..array.len() {
                    self.element(array, index, before.get(index).copied())?;
                }
                (array.len()..before.len()).collect()
            }
        };
        for index in gone.into_iter().rev() {
            let pointer = format!("{}/{index}", self.pointer);
            self.changes.push(Change::Remove { pointer });
        }
        self.open.pop();
        Ok(())
    }

    /// The elements that are missing from a shorter array, if those that are left are the same as
    /// before: what `shift`, `pop`, `splice` and `filter` do.
    fn gone(&mut self, array: &Array<'js>, before: &[&'a str]) -> Walked<Option<Vec<usize>>> {
        let mut gone = Vec::new();
        let mut index = 0;
        for (at, was) in before.iter().enumerate() {
            let noted = self.changes.len();
            let same = index < array.len() && {
                self.element(array, index, Some(was))?;
                self.changes.len() == noted
            };
            self.changes.truncate(noted);
            if same {
                index += 1;
            } else if before.len() - array.len() == gone.len() {
                return Ok(None);
            } else {
                gone.push(at);
            }
        }
        Ok(Some(gone))
    }

    fn element(&mut self, array: &Array<'js>, index: usize, was: Option<&'a str>) -> Walked {
        let outer = self.pointer.len();
        json::push_token(&mut self.pointer, &index.to_string());
        let value = self.array_member(array, index)?;
        match was {
            Some(was) => self.compare(&value, was)?,
            None => self.set(&value)?,
        }
        self.pointer.truncate(outer);
        Ok(())
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

    /// Appends the JSON of a value that is plain and not undefined.
    fn write(&mut self, value: &Value<'js>, out: &mut String) -> Walked {
        if value.is_null() {
            out.push_str("null");
        } else if let Some(truth) = value.as_bool() {
            out.push_str(if truth { "true" } else { "false" });
        } else if let Some(number) = value.as_number() {
            if number.is_finite() {
                out.push_str(&self.number(value)?);
            } else {
                out.push_str("null");
            }
        } else if value.is_string() {
            json::quote(&self.text(value)?, out);
        } else if let Some(array) = value.as_array() {
            self.enter(value)?;
            out.push('[');
            for index in 0..array.len() {
                if index > 0 {
                    out.push(',');
                }
                let outer = self.pointer.len();
                json::push_token(&mut self.pointer, &index.to_string());
                let element = self.array_member(array, index)?;
                self.write(&element, out)?;
                self.pointer.truncate(outer);
            }
            out.push(']');
            self.open.pop();
        } else if value.is_object() && !value.is_function() {
            self.write_object(value, out)?;
        } else {
            let kind = fault::kind(value);
            let help = if value.is_big_int() {
                "; use a number or a string"
            } else {
                ""
            };
            return Err(format!(
                "{} is {kind}, which JSON cannot hold{help}",
                self.place()
            ));
        }
        Ok(())
    }

    fn write_object(&mut self, value: &Value<'js>, out: &mut String) -> Walked {
        let object = self.enter(value)?;
        out.push('{');
        let mut first = true;
        for atom in object.own_keys::<Atom>(Filter::new().string().enum_only()) {
            let atom = atom.map_err(|error| self.threw(error))?;
            let key = self.key(&atom)?;
            let outer = self.pointer.len();
            json::push_token(&mut self.pointer, &key);
            let member = object.get(atom).map_err(|error| self.threw(error))?;
            let member = self.plain(member)?;
            if !member.is_undefined() {
                if !first {
                    out.push(',');
                }
                first = false;
                json::quote(&key, out);
                out.push(':');
                self.write(&member, out)?;
            }
            self.pointer.truncate(outer);
        }
        out.push('}');
        self.open.pop();
        Ok(())
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
        let usual = value.is_array()
            || object
                .get_prototype()
                .is_none_or(|prototype| prototype == self.lender.object_prototype);
        let to_json: Value = object
            .get(PredefinedAtom::ToJSON)
            .map_err(|error| self.threw(error))?;
        if usual && !to_json.is_function() {
            return Ok(value);
        }
        let made = self.lender.plain.call((value,));
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

    /// A number's shortest text, as JavaScript has it.
    fn number(&self, value: &Value<'js>) -> Walked<String> {
        if let Some(int) = value.as_int() {
            return Ok(int.to_string());
        }
        let text = Coerced::<String>::from_js(self.ctx, value.clone());
        text.map(|text| text.0).map_err(|error| self.threw(error))
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

/// An object's members as they were, found in any order but fastest in their own.
struct Before<'a> {
    members: Vec<Member<'a>>,
    kept: Vec<bool>,
    next: usize,
    /// Indices in the order of the keys, once the members turned up in another order.
    sorted: Vec<usize>,
}

impl<'a> Before<'a> {
    fn new(members: Vec<Member<'a>>) -> Self {
        Self {
            kept: vec![false; members.len()],
            next: 0,
            sorted: Vec::new(),
            members,
        }
    }

    fn find(&mut self, key: &str) -> Option<usize> {
        let is_it = |member: &Member| member.key == key;
        let found = if self.members.get(self.next).is_some_and(is_it) {
            Some(self.next)
        } else if self.members.len() <= FEW {
            self.members.iter().position(is_it)
        } else {
            let members = &self.members;
            if self.sorted.is_empty() {
                self.sorted = (0..members.len()).collect();
                self.sorted.sort_by_key(|&at| &members[at].key);
            }
            let place = self
                .sorted
                .binary_search_by(|&at| (*members[at].key).cmp(key));
            place.ok().map(|place| self.sorted[place])
        }?;
        self.next = found + 1;
        Some(found)
    }
}
