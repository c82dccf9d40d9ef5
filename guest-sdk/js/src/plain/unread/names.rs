//! The names of a large object that was not read, and the values of a few of them.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use rquickjs::{Ctx, Error, Result, Value, qjs};

use super::{State, found, of, source};
use crate::lanes;
use crate::plain::numbers::Bits;
use crate::plain::shape::tag;
use crate::plain::text;
use crate::raw::slab::Slab;
use crate::raw::{self, Characters, model, utf8};
use crate::scan::Members;

/// An object of fewer bytes is read at once.
const LARGE: usize = 16 * 1024;
/// So is one of which so many members were looked for one by one.
const MOST: u32 = 4;
/// Longer names are made by the engine: they would fill the slab.
const SHORT: usize = 256;

/// What is known of a member without its object being read.
pub enum Member {
    /// The object has none of this name.
    Absent,
    Value(qjs::JSValue),
    /// The object must be read.
    Unknown,
}

/// Looks for a member in the text of an object. What has an identity of its own is not read here.
pub fn member(ctx: &Ctx<'_>, value: qjs::JSValue, atom: qjs::JSAtom) -> Result<Member> {
    let Some((part, State::Unread)) = found(value) else {
        return Ok(Member::Unknown);
    };
    if part.to - part.from < LARGE || atom & 1 << 31 != 0 {
        return Ok(Member::Unknown);
    }
    // SAFETY: the atom lives; its text is owned, and freed behind all that looks at it.
    let name = unsafe {
        let name = qjs::JS_AtomToValue(ctx.as_raw().as_ptr(), atom);
        Value::from_raw(ctx.clone(), name)
    };
    if tag(name.as_raw()) == qjs::JS_TAG_SYMBOL {
        return Ok(Member::Absent);
    }
    // SAFETY: as above.
    let name_text = match unsafe { raw::of_string(name.as_raw()) } {
        Some(Characters::Latin(name)) if lanes::is_ascii(name) => name,
        _ => return Ok(Member::Unknown),
    };
    let is_few = of(value, |unread| {
        unread.asked += 1;
        unread.asked <= MOST
    });
    let Some(source) = source().filter(|_| is_few == Some(true)) else {
        return Ok(Member::Unknown);
    };
    let bytes = source.text().as_bytes();
    let mut members = Members::of(bytes, part.from);
    let mut last = None;
    for place in members.by_ref() {
        let name = bytes.get(place.name.0..place.name.1).unwrap_or_default();
        if text::is_same(name, name_text) {
            last = Some(place.value);
        }
    }
    match last {
        _ if members.has_escapes => Ok(Member::Unknown),
        None => Ok(Member::Absent),
        Some((from, _)) if matches!(bytes.get(from), Some(b'{' | b'[')) => Ok(Member::Unknown),
        Some((from, to)) => {
            let value = source.value(ctx, from, to)?;
            // SAFETY: the count that is given away is its own.
            let value = unsafe { qjs::JS_DupValue(ctx.as_raw().as_ptr(), value.as_raw()) };
            Ok(Member::Value(value))
        }
    }
}

/// The names of an object as an array, if they can be told from its text; see `Object.keys`.
/// `overhead` is the layout's.
pub fn names<'js>(
    ctx: &Ctx<'js>,
    overhead: Option<usize>,
    value: &Value<'js>,
) -> Result<Option<Value<'js>>> {
    let (Some((part, State::Unread)), Some(source)) = (found(value.as_raw()), source()) else {
        return Ok(None);
    };
    let bytes = source.text().as_bytes();
    if part.to - part.from < LARGE || bytes.get(part.from) != Some(&b'{') {
        return Ok(None);
    }
    // Names and values have sixteen bytes or so.
    let most = (part.to - part.from) / 16;
    let mut seen = HashSet::with_capacity_and_hasher(most, BuildHasherDefault::<Bits>::default());
    let mut places = Vec::with_capacity(most);
    let mut members = Members::of(bytes, part.from);
    for place in members.by_ref() {
        let name = bytes.get(place.name.0..place.name.1).unwrap_or_default();
        // A name that is a number may stand elsewhere in the order, and one that comes twice counts once.
        if name.first().is_some_and(u8::is_ascii_digit) || !seen.insert(hash(name)) {
            return Ok(None);
        }
        places.push(place.name);
    }
    if members.has_escapes {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(places.len());
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the context lives.
    let mut slab = overhead.map(|overhead| unsafe { Slab::new(context, overhead) });
    for (from, to) in places {
        let name = bytes.get(from..to).unwrap_or_default();
        let made = match &mut slab {
            // SAFETY: there is a slab only if the layout is known.
            Some(slab) if lanes::is_ascii(name) && name.len() <= SHORT => unsafe {
                model::ascii(slab, name)
            },
            _ => None,
        };
        let name = made.unwrap_or_else(|| utf8::string(ctx, name));
        if tag(name) == qjs::JS_TAG_EXCEPTION {
            // SAFETY: they are owned.
            let free = |value| unsafe { qjs::JS_FreeValue(context, value) };
            all.into_iter().for_each(free);
            return Err(Error::Exception);
        }
        all.push(name);
    }
    let count = i32::try_from(all.len()).unwrap_or_default();
    // SAFETY: so many values, which the engine owns from here on, also if it fails.
    let made = unsafe {
        let made = qjs::JS_NewArrayFrom(context, count, all.as_ptr());
        Value::from_raw(ctx.clone(), made)
    };
    if made.is_object() {
        Ok(Some(made))
    } else {
        Err(Error::Exception)
    }
}

/// A hash of a name. Two names that have the same are taken for one, so that the object is read.
fn hash(name: &[u8]) -> u64 {
    let (words, rest) = name.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]);
    words.fold(name.len() as u64, |hash, word| {
        let mixed = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    })
}
