//! The numbers of a run's data that JavaScript would write otherwise than they were written: their
//! texts, so that a number which the step only moves is written as it came.
//!
//! A JavaScript number has no identity. One that is moved alone is known by its value: it is written
//! as the one text that was rounded to it. If there were several of different values, nobody can
//! tell which it was, and that is an error rather than another's id. A number that stayed in its object
//! or array is known by its place there, wherever the object is moved to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use rquickjs::{Persistent, Value};

use super::number;

/// Objects and arrays that are remembered for their numbers.
const HOLDERS: usize = 100_000;

#[derive(Default)]
pub struct Numbers {
    /// By the bits of the double.
    spelled: RefCell<ByBits<u64, Spelling>>,
    /// By the address of an object, which is kept, so that the address stays its own.
    holders: RefCell<ByBits<usize, Holder>>,
}

/// A table by integers.
pub type ByBits<K, V> = HashMap<K, V, BuildHasherDefault<Bits>>;

/// A hash of one integer. What makes many of them the same costs its own run.
#[derive(Default)]
pub struct Bits(u64);

impl Hasher for Bits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, bits: u64) {
        // The multiplier of FxHash; the upper bits are the better ones, and the table takes the lower ones.
        let product = (self.0 ^ bits).wrapping_mul(0x517c_c1b7_2722_0a95);
        self.0 = product ^ product >> 32;
    }

    fn write_usize(&mut self, bits: usize) {
        self.write_u64(bits as u64);
    }
}

struct Spelling {
    text: Rc<str>,
    /// A text of another value that is rounded to the same double.
    other: Option<Rc<str>>,
}

struct Holder {
    _kept: Persistent<Value<'static>>,
    marks: Marks,
}

/// The noted numbers of an object or array as it was made.
#[derive(Clone)]
pub struct Marks {
    /// In the order of their keys.
    pub all: Rc<[Mark]>,
    /// How many elements the array had; None for an object.
    pub length: Option<u32>,
}

/// A number of an object or array.
#[derive(Clone)]
pub struct Mark {
    pub key: Key,
    pub bits: u64,
    pub text: Rc<str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Name(Rc<[u8]>),
    Index(u32),
}

/// Two numbers of the data that JavaScript cannot tell apart.
#[derive(Debug)]
pub struct Ambiguous {
    a: Rc<str>,
    b: Rc<str>,
}

impl std::fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { a, b } = self;
        write!(
            f,
            "is either {a} or {b}, which are the same number in JavaScript; move the object that holds it, or write JSON.rawJSON(\"{a}\")"
        )
    }
}

impl Numbers {
    pub fn is_empty(&self) -> bool {
        self.spelled.borrow().is_empty()
    }

    /// Whether numbers of objects or arrays are remembered.
    pub fn has_marks(&self) -> bool {
        !self.holders.borrow().is_empty()
    }

    /// Notes how a number of this value was written.
    pub fn note(&self, value: f64, text: &str) -> Rc<str> {
        let mut spelled = self.spelled.borrow_mut();
        let spelling = spelled.entry(value.to_bits());
        let spelling = spelling.or_insert_with(|| Spelling {
            text: text.into(),
            other: None,
        });
        if super::text::is_same(spelling.text.as_bytes(), text.as_bytes()) {
            return Rc::clone(&spelling.text);
        }
        let text: Rc<str> = text.into();
        if spelling.other.is_none() && !number::is_equal(&spelling.text, &text) {
            spelling.other = Some(Rc::clone(&text));
        }
        text
    }

    /// Remembers the noted numbers of an object or array.
    pub fn hold(&self, address: usize, kept: Persistent<Value<'static>>, marks: Marks) {
        let mut holders = self.holders.borrow_mut();
        if holders.len() < HOLDERS {
            let _kept = kept;
            holders.insert(address, Holder { _kept, marks });
        }
    }

    /// What is remembered of one address belongs to another from here on, whose object is kept instead.
    pub fn moved(&self, from: usize, to: usize, kept: Persistent<Value<'static>>) {
        let old = self.holders.borrow_mut().remove(&from);
        if let Some(Holder { marks, .. }) = old {
            self.hold(to, kept, marks);
        }
    }

    /// The noted numbers of the object or array at this address.
    pub fn marks(&self, address: usize) -> Option<Marks> {
        let holders = self.holders.borrow();
        if holders.is_empty() {
            return None;
        }
        holders.get(&address).map(|holder| holder.marks.clone())
    }

    /// How a number is written: as it was noted, or as JavaScript does. `marks` and `key` say where it
    /// is. A short text of the same value in `document` is another number, too.
    pub fn text(
        &self,
        value: f64,
        place: Option<(&[Mark], &Key)>,
        document: &str,
    ) -> Result<Option<Rc<str>>, Ambiguous> {
        let bits = value.to_bits();
        if let Some((marks, key)) = place {
            if let Some(mark) = in_place(marks, key)
                && mark.bits == bits
            {
                return Ok(Some(Rc::clone(&mark.text)));
            }
            let from = marks.partition_point(|mark| mark.key < *key);
            let of_key = marks[from..].iter().take_while(|mark| mark.key == *key);
            // A name may come twice; the last one counts.
            if let Some(mark) = of_key.filter(|mark| mark.bits == bits).last() {
                return Ok(Some(Rc::clone(&mark.text)));
            }
        }
        let spelled = self.spelled.borrow();
        let Some(spelling) = spelled.get(&bits) else {
            return Ok(None);
        };
        if let Some(other) = &spelling.other {
            let (a, b) = (Rc::clone(&spelling.text), Rc::clone(other));
            return Err(Ambiguous { a, b });
        }
        let mut short = Vec::new();
        if number::push_short(value, &mut short)
            && let Ok(short) = std::str::from_utf8(&short)
            && !number::is_equal(short, &spelling.text)
            && stands_in(short, document)
        {
            let (a, b) = (short.into(), Rc::clone(&spelling.text));
            return Err(Ambiguous { a, b });
        }
        Ok(Some(Rc::clone(&spelling.text)))
    }

    pub fn clear(&self) {
        self.holders.take();
        self.spelled.take();
    }
}

/// The mark of an element, if all before it have one since the first that has: then it stands so far behind that one.
fn in_place<'a>(marks: &'a [Mark], key: &Key) -> Option<&'a Mark> {
    let (Key::Index(first), Key::Index(index)) = (&marks.first()?.key, key) else {
        return None;
    };
    let mark = marks.get(index.checked_sub(*first)? as usize)?;
    matches!(&mark.key, Key::Index(at) if at == index).then_some(mark)
}

/// Whether a JSON text has this number.
fn stands_in(number: &str, document: &str) -> bool {
    let mut places = document.match_indices(number);
    places.any(|(at, _)| {
        let before = document[..at].bytes().next_back();
        let after = document[at + number.len()..].bytes().next();
        matches!(before, Some(b'[' | b',' | b':')) && matches!(after, Some(b']' | b',' | b'}'))
    })
}
