//! The task's document as the global `data`: a plain object. In a large document the large members
//! are accessors that parse their own text when they are first touched, so that a step pays for
//! what it reads.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use rquickjs::{Ctx, FromJs, Function, Object, Value};

use crate::json::{self, Member};

/// An object of so many bytes is worth taking apart.
const LARGE_OBJECT: usize = 2048;
/// A member of so many bytes is worth leaving alone; below it an accessor costs more than parsing.
const LARGE_MEMBER: usize = 256;

/// The JSON text of the document as the run found it.
#[derive(Clone)]
pub struct Document(Rc<Inner>);

struct Inner {
    text: String,
    /// Where the document's own members are: found once, asked for at the begin and the end.
    members: OnceCell<Vec<(String, Range<usize>)>>,
}

impl Document {
    pub fn new(text: String) -> Self {
        let members = OnceCell::new();
        Self(Rc::new(Inner { text, members }))
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The members of the object that a part of the text is.
    pub fn members<'a>(&'a self, part: &'a str) -> Vec<Member<'a>> {
        if part.len() < self.text().len() {
            return json::members(part);
        }
        let place = |member: Member| {
            let start = self.offset(member.value);
            (member.key.into_owned(), start..start + member.value.len())
        };
        let find = || json::members(self.text()).into_iter().map(place).collect();
        let members = self.0.members.get_or_init(find).iter();
        members
            .map(|(key, place)| Member {
                key: Cow::Borrowed(key),
                value: self.text().get(place.clone()).unwrap_or("null"),
            })
            .collect()
    }

    /// The value of the text between two offsets, as a step sees it. `lazy` is the prelude's: it
    /// makes a member one that calls this when it is touched.
    pub fn value<'js>(
        &self,
        ctx: &Ctx<'js>,
        lazy: &Function<'js>,
        from: usize,
        to: usize,
    ) -> rquickjs::Result<Value<'js>> {
        let text = self.text().get(from..to).unwrap_or("null");
        if text.len() < LARGE_OBJECT || !text.starts_with('{') {
            return ctx.json_parse(text);
        }
        let mut shell = String::with_capacity(LARGE_OBJECT);
        let mut copied = from;
        let mut left = Vec::new();
        for member in self.members(text) {
            if member.value.len() >= LARGE_MEMBER {
                let start = self.offset(member.value);
                shell.push_str(&self.text()[copied..start]);
                shell.push_str("null");
                copied = start + member.value.len();
                left.push((member.key, start, copied));
            }
        }
        shell.push_str(&self.text()[copied..to]);
        let value = ctx.json_parse(shell)?;
        for (key, start, end) in left {
            lazy.call::<_, ()>((value.clone(), &*key, start as f64, end as f64))?;
        }
        Ok(value)
    }

    /// Whether a member that had this text, in an object that had that one, may be untouched.
    pub fn may_be_lazy(object: &str, member: &str) -> bool {
        object.len() >= LARGE_OBJECT && member.len() >= LARGE_MEMBER
    }

    /// Where a part of the text begins.
    pub fn offset(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.text().as_ptr() as usize
    }
}

/// What the prelude lends to the write-back; see `prelude/data.js`.
#[derive(Clone)]
pub struct Lender<'js> {
    /// Where an untouched member's text begins, or -1.
    pub untouched: Function<'js>,
    /// What JSON would make of an object that is not plain.
    pub plain: Function<'js>,
    /// `Object.prototype`, whatever `Object` is by now.
    pub object_prototype: Object<'js>,
}

impl<'js> FromJs<'js> for Lender<'js> {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<Self> {
        let own = Object::from_js(ctx, value)?;
        Ok(Self {
            untouched: own.get("untouched")?,
            plain: own.get("plain")?,
            object_prototype: own.get("objectPrototype")?,
        })
    }
}
